// SPDX-License-Identifier: MIT
// If these fail, what is typed and what a program reads differ from a Linux terminal.
#include "../ldisc.h"

#include <lib/string.h>
#include <lib/test.h>
#include <uapi/signal.h>

static struct ldisc ldisc;
static char echoed[8192];
static size_t echoed_len;
static int last_signal;
static unsigned flushes;

static void take_echo(struct ldisc *l, const char *text, size_t len)
{
	(void)l;
	len = min(len, sizeof(echoed) - echoed_len);
	memcpy(echoed + echoed_len, text, len);
	echoed_len += len;
}

static void take_signal(struct ldisc *l, int signo)
{
	(void)l;
	last_signal = signo;
}

static void take_flush(struct ldisc *l)
{
	(void)l;
	flushes++;
}

static void take_stopped(struct ldisc *l, bool is_stopped)
{
	(void)l, (void)is_stopped;
}

static const struct ldisc_ops ops = {take_echo, take_signal, take_flush, take_stopped};

static void start(void)
{
	echoed_len = 0;
	last_signal = 0;
	flushes = 0;
	ldisc_init(&ldisc, &ops);
}

static void set_flags(uint32_t iflag, uint32_t oflag, uint32_t lflag)
{
	struct termios2 termios = ldisc.termios;
	termios.iflag = iflag;
	termios.oflag = oflag;
	termios.lflag = lflag;
	ldisc_set_termios(&ldisc, &termios);
}

static size_t type(const char *keys)
{
	return ldisc_receive(&ldisc, (const uint8_t *)keys, strlen(keys));
}

/** One read of up to @len bytes gives exactly @text. */
static bool read_gives(size_t len, const char *text)
{
	uint8_t got[256];
	bool is_end;
	size_t n = ldisc_read(&ldisc, got, len, &is_end);
	return n == strlen(text) && memcmp(got, text, n) == 0;
}

static bool echo_is(const char *text)
{
	bool is = echoed_len == strlen(text) && memcmp(echoed, text, echoed_len) == 0;
	echoed_len = 0;
	return is;
}

TEST(dev, ldisc_gives_lines_one_by_one)
{
	start();
	type("ab");
	EXPECT(!ldisc_has_input(&ldisc, 1));
	type("c\rsecond\n");
	EXPECT(ldisc_has_input(&ldisc, 1));
	EXPECT_EQ(ldisc_input_count(&ldisc), 11);
	EXPECT(read_gives(100, "abc\n"));
	EXPECT(read_gives(3, "sec"));
	EXPECT(read_gives(100, "ond\n"));
	EXPECT(!ldisc_has_input(&ldisc, 1));
	EXPECT(echo_is("abc\r\nsecond\r\n"));
}

TEST(dev, ldisc_erases_chars_words_and_lines)
{
	start();
	type("abx\177c\n");
	EXPECT(read_gives(100, "abc\n"));
	EXPECT(echo_is("abx\b \bc\r\n"));
	type("one two  \027x\n");
	EXPECT(read_gives(100, "one x\n"));
	echoed_len = 0;
	type("gone\025x\n");
	EXPECT(read_gives(100, "x\n"));
	EXPECT(echo_is("gone\b \b\b \b\b \b\b \bx\r\n"));
	// Nothing to erase: the line before stays.
	type("a\n\177\177b\n");
	EXPECT(read_gives(100, "a\n"));
	EXPECT(read_gives(100, "b\n"));
}

TEST(dev, ldisc_kill_without_echoke_shows_the_key)
{
	start();
	set_flags(ICRNL, OPOST | ONLCR, ICANON | ECHO | ECHOE | ECHOK | ECHOCTL);
	type("ab\025c\n");
	EXPECT(echo_is("ab^U\r\nc\r\n"));
	EXPECT(read_gives(100, "c\n"));
}

TEST(dev, ldisc_erases_what_was_shown)
{
	start();
	// A control character stands as two columns, a tab as wide as it was, also behind a
	// prompt.
	type("\001\177");
	EXPECT(echo_is("^A\b \b\b \b"));
	size_t used;
	char out[16];
	ldisc_output(&ldisc, (const uint8_t *)"$ ", 2, &used, out, sizeof(out));
	type("a\t\177");
	EXPECT(echo_is("a\t\b\b\b\b\b"));
	EXPECT_EQ(ldisc.column, 3);
	set_flags(ICRNL | IUTF8, OPOST, ldisc.termios.lflag);
	type("\025\303\251\177"); // one character of two bytes
	EXPECT(echoed_len >= 5 && memcmp(echoed + echoed_len - 5, "\303\251\b \b", 5) == 0);
	type("\n");
	EXPECT(read_gives(100, "\n"));
}

TEST(dev, ldisc_ends_file_at_eof_key)
{
	bool is_end;
	uint8_t got[16];
	start();
	type("\004");
	EXPECT(ldisc_has_input(&ldisc, 1));
	EXPECT_EQ(ldisc_read(&ldisc, got, sizeof(got), &is_end), 0);
	EXPECT(is_end);
	// Behind text it only pushes, even if the read asked for exactly that much.
	type("abc\004");
	EXPECT(read_gives(3, "abc"));
	EXPECT(!ldisc_has_input(&ldisc, 1));
	type("\026\004\n");
	EXPECT(read_gives(100, "\004\n"));
}

TEST(dev, ldisc_sends_signals)
{
	start();
	type("half a line\003");
	EXPECT_EQ(last_signal, SIGINT);
	EXPECT_EQ(flushes, 1);
	EXPECT(echo_is("half a line^C"));
	type("\n");
	EXPECT(read_gives(100, "\n"));
	type("\034");
	EXPECT_EQ(last_signal, SIGQUIT);
	set_flags(ICRNL, OPOST, ICANON | ISIG | NOFLSH);
	type("kept\032\n");
	EXPECT_EQ(last_signal, SIGTSTP);
	EXPECT_EQ(flushes, 2);
	EXPECT(read_gives(100, "kept\n"));
	last_signal = 0;
	type("\026\003\n"); // without IEXTEN there is no VLNEXT
	EXPECT_EQ(last_signal, SIGINT);
	set_flags(0, 0, ICANON);
	last_signal = 0;
	type("\003\n");
	EXPECT_EQ(last_signal, 0);
}

TEST(dev, ldisc_raw_mode_is_transparent)
{
	uint8_t in[256], out[256];
	bool is_end;
	size_t used;
	start();
	set_flags(0, 0, 0);
	for (unsigned i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	EXPECT_EQ(ldisc_receive(&ldisc, in, 256), 256);
	EXPECT_EQ(ldisc_read(&ldisc, out, 256, &is_end), 256);
	EXPECT(!is_end && memcmp(in, out, 256) == 0);
	EXPECT_EQ(echoed_len, 0);
	EXPECT_EQ(ldisc_output(&ldisc, in, 256, &used, (char *)out, 256), 256);
	EXPECT(used == 256 && memcmp(in, out, 256) == 0);
	type("abc");
	EXPECT(ldisc_has_input(&ldisc, 3) && !ldisc_has_input(&ldisc, 4));
}

TEST(dev, ldisc_translates_input)
{
	start();
	set_flags(IGNCR, 0, ICANON);
	type("a\rb\n");
	EXPECT(read_gives(100, "ab\n"));
	set_flags(INLCR | ICRNL, 0, ICANON);
	type("a\nb\r");
	EXPECT(read_gives(100, "a\rb\n"));
	set_flags(ISTRIP, 0, 0);
	type("\341");
	EXPECT(read_gives(100, "a"));
}

TEST(dev, ldisc_processes_output)
{
	char out[64];
	size_t used;
	start();
	EXPECT_EQ(ldisc_output(&ldisc, (const uint8_t *)"a\nb", 3, &used, out, sizeof(out)), 4);
	EXPECT(memcmp(out, "a\r\nb", 4) == 0);
	// No byte is begun for whose expansion there is no room.
	EXPECT_EQ(ldisc_output(&ldisc, (const uint8_t *)"abc", 3, &used, out, 8), 1);
	EXPECT_EQ(used, 1);
	set_flags(0, OPOST | XTABS | OCRNL, 0);
	ldisc.column = 5;
	EXPECT_EQ(ldisc_output(&ldisc, (const uint8_t *)"\t\r", 2, &used, out, sizeof(out)), 4);
	EXPECT(memcmp(out, "   \n", 4) == 0);
	set_flags(0, OPOST | ONOCR, 0);
	ldisc.column = 0;
	EXPECT_EQ(ldisc_output(&ldisc, (const uint8_t *)"\r", 1, &used, out, sizeof(out)), 0);
}

TEST(dev, ldisc_stops_and_starts_output)
{
	start();
	type("\023");
	EXPECT(ldisc.is_stopped);
	type("x");
	EXPECT(ldisc.is_stopped);
	type("\021");
	EXPECT(!ldisc.is_stopped);
	type("\023");
	set_flags(ICRNL, OPOST, ICANON);
	EXPECT(!ldisc.is_stopped);
}

TEST(dev, ldisc_keeps_a_place_for_the_end_of_a_long_line)
{
	uint8_t got[256];
	bool is_end = false;
	size_t total = 0;
	start();
	for (unsigned i = 0; i < 5000; i++)
		EXPECT_EQ(type("y"), 1);
	type("\n");
	while (!is_end && ldisc_has_input(&ldisc, 1))
		total += ldisc_read(&ldisc, got, sizeof(got), &is_end);
	EXPECT_EQ(total, LDISC_INPUT);
	EXPECT(is_end);
}

TEST(dev, ldisc_takes_no_more_than_can_be_kept)
{
	uint8_t got[256];
	bool is_end;
	size_t taken = 0, n;
	start();
	set_flags(0, 0, 0);
	while ((n = type("0123456789")) == 10)
		taken += n;
	taken += n;
	EXPECT(taken < LDISC_INPUT && taken > LDISC_INPUT - 8);
	EXPECT_EQ(ldisc_read(&ldisc, got, 256, &is_end), 256);
	EXPECT_EQ(type("0123456789"), 10);
	EXPECT_EQ(ldisc_input_count(&ldisc), taken - 256 + 10);
}

TEST(dev, ldisc_keeps_input_over_a_change_of_mode)
{
	start();
	type("typed");
	set_flags(0, 0, 0);
	EXPECT(ldisc_has_input(&ldisc, 5));
	set_flags(0, 0, ICANON);
	EXPECT(ldisc_has_input(&ldisc, 1));
	EXPECT(read_gives(100, "typed"));
	EXPECT(!ldisc_has_input(&ldisc, 1));
}

TEST(dev, ldisc_reprints)
{
	start();
	type("ab\022");
	EXPECT(echo_is("ab^R\r\nab"));
	set_flags(ICRNL, OPOST | ONLCR, ICANON | ECHO | ECHOPRT | IEXTEN);
	type("\025");
	echoed_len = 0;
	type("ab\177c");
	EXPECT(echo_is("ab\\b/c"));
}
