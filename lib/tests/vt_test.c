// SPDX-License-Identifier: MIT
// If these fail, full-screen programs leave their text in the wrong places or colours, or a program
// can drive the console outside its memory.
#include <lib/string.h>
#include <lib/test.h>
#include <lib/vt.h>

#define COLUMNS 10
#define ROWS 4

static struct vt_cell cells[COLUMNS * ROWS];
static struct vt vt;

static void feed(const char *text)
{
	vt_write(&vt, text, strlen(text));
}

static void fresh(const char *text)
{
	vt_init(&vt, cells, COLUMNS, ROWS);
	feed(text);
}

/** Row @y holds @text and then blanks. */
static bool shows(unsigned y, const char *text)
{
	for (unsigned x = 0; x < COLUMNS; x++) {
		uint16_t want = *text ? (uint8_t)*text++ : ' ';
		if (vt_row(&vt, y)[x].ch != want)
			return false;
	}
	return true;
}

TEST(lib, vt_wraps_only_when_more_comes)
{
	fresh("0123456789");
	EXPECT_EQ(vt.x, COLUMNS - 1);
	EXPECT_EQ(vt.y, 0);
	feed("a");
	EXPECT(shows(0, "0123456789") && shows(1, "a"));
	EXPECT_EQ(vt.x, 1);
}

TEST(lib, vt_scrolls_at_the_bottom)
{
	fresh("a\r\nb\r\nc\r\nd\r\ne");
	EXPECT(shows(0, "b") && shows(1, "c") && shows(2, "d") && shows(3, "e"));
}

TEST(lib, vt_region_scrolls_alone)
{
	fresh("a\r\nb\r\nc\r\nd");
	feed("\033[2;3r\033[3;1H\nx");
	EXPECT(shows(0, "a") && shows(1, "c") && shows(2, "x") && shows(3, "d"));
	feed("\033[2;1H\033My");
	EXPECT(shows(1, "y") && shows(2, "c") && shows(3, "d"));
}

TEST(lib, vt_erases_and_edits_lines)
{
	fresh("abcdef\033[3D\033[K");
	EXPECT(shows(0, "abc"));
	feed("\033[1;2H\033[2@");
	EXPECT(shows(0, "a  bc"));
	feed("\033[2P");
	EXPECT(shows(0, "abc"));
	feed("\033[L");
	EXPECT(shows(0, "") && shows(1, "abc"));
	feed("\033[M\033[2J");
	EXPECT(shows(0, ""));
}

TEST(lib, vt_colours_follow_ansi)
{
	fresh("\033[1;31ma\033[0;7mb\033[44;33mc\033[38;5;196md\033[0me\033[4mf");
	EXPECT_EQ(cells[0].colours, 0x09);
	EXPECT_EQ(cells[1].colours, 0x70);
	EXPECT_EQ(cells[2].colours, 0x34);
	EXPECT_EQ(cells[3].colours, 0x94);
	EXPECT_EQ(cells[4].colours, 0x07);
	EXPECT(cells[5].is_underlined && !cells[4].is_underlined);
	feed("\033[0;42m\033[2J");
	EXPECT_EQ(cells[COLUMNS * ROWS - 1].colours, 0x27);
}

TEST(lib, vt_reads_utf8_and_line_drawing)
{
	fresh("\xc3\xa4\xe2\x94\x80\xc3q\xf0\x9f\x98\x80\033(0q\033(Bq");
	static const uint16_t want[] = {0xe4, 0x2500, 0xfffd, 'q', 0xfffd, 0x2500, 'q'};
	for (unsigned i = 0; i < array_len(want); i++)
		EXPECT_EQ(cells[i].ch, want[i]);
}

TEST(lib, vt_answers_where_the_cursor_is)
{
	fresh("ab\r\nc\033[6n");
	EXPECT_EQ(vt.reply_len, 6);
	EXPECT(memcmp(vt.reply, "\033[2;2R", 6) == 0);
	for (unsigned i = 0; i < 100; i++)
		feed("\033[c");
	EXPECT(vt.reply_len <= VT_REPLY_MAX);
}

TEST(lib, vt_keeps_the_cursor_inside)
{
	static const char *const wild[] = {
		"\033[9999;9999H", "\033[9999A", "\033[9999B", "\033[9999C", "\033[9999D",
		"\033[9999@", "\033[9999P", "\033[9999L", "\033[9999M", "\033[9999S", "\033[9999T",
		"\033[9999X", "\033[9999b", "\033[99999999999999999999G", "\033[3;2r\033[0;0r",
		"\033[;;;;;;;;;;;;;;;;;;;;;;;;;;;;1m", "\033[u", "\0338", "\033]title\007x",
	};
	for (unsigned i = 0; i < array_len(wild); i++) {
		fresh("text");
		feed(wild[i]);
		EXPECT(vt.x < COLUMNS && vt.y < ROWS && vt.top < vt.bottom && vt.bottom < ROWS);
		feed("\t\t\t\tz");
		EXPECT(vt.x < COLUMNS && vt.y < ROWS);
	}
}

TEST(lib, vt_marks_only_what_changed)
{
	fresh("");
	vt_clean(&vt);
	feed("\033[3;1Hx");
	EXPECT(vt.dirty_top == 0 && vt.dirty_end == 3); // the cursor left row 0
	vt_clean(&vt);
	feed("y");
	EXPECT(vt.dirty_top == 2 && vt.dirty_end == 3);
}
