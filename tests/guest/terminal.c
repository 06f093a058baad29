// SPDX-License-Identifier: MIT
// Terminals, by way of pseudo terminals: the line discipline's modes, waiting (VMIN, VTIME, poll,
// O_NONBLOCK), controlling terminals, signals to the foreground group, background reads and writes,
// hang-ups.
// guest: CPUS 4
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

static int master, slave;

static void open_pair(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_IS(grantpt(master), 0);
	CHECK_ERRNO(open(ptsname(master), O_RDWR | O_NOCTTY), EIO); // locked
	CHECK_IS(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK(isatty(slave) && strcmp(ttyname(slave), ptsname(master)) == 0);
}

static void close_pair(void)
{
	close(master);
	close(slave);
}

static void type(const char *text)
{
	CHECK_IS(write(master, text, strlen(text)), strlen(text));
}

/** What a read of up to @size bytes gives. */
static bool gives(int fd, size_t size, const char *text)
{
	char got[256];
	ssize_t n = read(fd, got, size);
	if (n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0)
		return true;
	printf("read %zd bytes, '%.*s', not '%s'\n", n, (int)(n > 0 ? n : 0), got, text);
	return false;
}

static bool can_read(int fd, int timeout_ms)
{
	struct pollfd pollfd = {fd, POLLIN, 0};
	return poll(&pollfd, 1, timeout_ms) == 1 && (pollfd.revents & POLLIN);
}

static void set_local(tcflag_t clear, tcflag_t set, int min, int time)
{
	struct termios termios;
	CHECK_IS(tcgetattr(slave, &termios), 0);
	termios.c_lflag = (termios.c_lflag & ~clear) | set;
	termios.c_cc[VMIN] = (cc_t)min;
	termios.c_cc[VTIME] = (cc_t)time;
	CHECK_IS(tcsetattr(slave, TCSANOW, &termios), 0);
}

static void check_lines(void)
{
	int count;
	open_pair();
	type("abx\177c\rnext");
	CHECK(gives(master, 100, "abx\b \bc\r\nnext"));
	CHECK(can_read(slave, 1000));
	CHECK(ioctl(slave, FIONREAD, &count) == 0 && count == 4);
	CHECK(gives(slave, 2, "ab"));
	CHECK(gives(slave, 100, "c\n"));
	CHECK(!can_read(slave, 0));
	type("\004");
	CHECK(gives(slave, 100, "next"));
	type("\004");
	CHECK(gives(slave, 100, ""));
	CHECK_IS(write(slave, "a\nb", 3), 3);
	CHECK(gives(master, 100, "a\r\nb"));
	type("gone\n");
	CHECK_IS(tcflush(slave, TCIFLUSH), 0);
	CHECK(!can_read(slave, 0));
	close_pair();
}

static void check_waiting(void)
{
	open_pair();
	set_local(ICANON | ECHO | ISIG, 0, 3, 0);
	type("ab");
	CHECK(!can_read(slave, 20)); // fewer than VMIN
	type("\003");
	CHECK(can_read(slave, 1000));
	CHECK(gives(slave, 100, "ab\003"));
	set_local(0, 0, 0, 2);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK(gives(slave, 100, ""));
	int64_t took = now_ns(CLOCK_MONOTONIC) - before;
	CHECK(took >= 190000000 && took < 10000000000);
	set_local(0, 0, 100, 1);
	type("pi");
	CHECK(gives(slave, 100, "pi")); // the time between bytes is over
	set_local(0, 0, 0, 0);
	CHECK(gives(slave, 100, ""));
	set_local(0, 0, 1, 0);
	CHECK_IS(fcntl(slave, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(read(slave, &before, 1), EAGAIN);
	close_pair();
}

static void check_flow(void)
{
	char block[8192] = {0};
	open_pair();
	CHECK_IS(fcntl(slave, F_SETFL, O_NONBLOCK), 0);
	struct pollfd pollfd = {slave, POLLOUT, 0};
	type("\023");
	while (poll(&pollfd, 1, 0) == 1)
		sleep_ms(1); // Linux does it a moment later
	CHECK_ERRNO(write(slave, "held", 4), EAGAIN);
	type("\021");
	CHECK_IS(poll(&pollfd, 1, 1000), 1);
	CHECK_IS(write(slave, "held", 4), 4);
	CHECK(gives(master, 100, "held"));
	// A ring that is full makes the writer wait, a reader lets it go on.
	ssize_t total = 0, n;
	while ((n = write(slave, block, sizeof(block))) > 0)
		total += n;
	CHECK(errno == EAGAIN && total > 0);
	CHECK_IS(poll(&pollfd, 1, 0), 0);
	while (total > 0) {
		n = read(master, block, sizeof(block));
		CHECK(n > 0);
		total -= n;
	}
	CHECK_IS(poll(&pollfd, 1, 1000), 1);
	close_pair();
}

static void check_settings(void)
{
	struct termios termios, again;
	struct winsize size = {33, 99, 0, 0}, got;
	open_pair();
	CHECK_IS(tcgetattr(slave, &termios), 0);
	CHECK(termios.c_cc[VINTR] == 3 && termios.c_cc[VEOF] == 4 && termios.c_cc[VERASE] == 0177);
	CHECK((termios.c_lflag & (ICANON | ECHO | ISIG | IEXTEN)) == (ICANON | ECHO | ISIG | IEXTEN));
	CHECK((termios.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR));
	CHECK(cfgetospeed(&termios) == B38400);
	cfmakeraw(&termios);
	cfsetspeed(&termios, B115200);
	CHECK_IS(tcsetattr(slave, TCSAFLUSH, &termios), 0);
	CHECK_IS(tcgetattr(master, &again), 0);
	CHECK(again.c_lflag == termios.c_lflag && cfgetospeed(&again) == B115200);
	CHECK_IS(ioctl(master, TIOCSWINSZ, &size), 0);
	CHECK(ioctl(slave, TIOCGWINSZ, &got) == 0 && got.ws_row == 33 && got.ws_col == 99);
	CHECK_ERRNO(ioctl(slave, TCGETS, address(16)), EFAULT);
	CHECK_ERRNO(ioctl(slave, 0x5499, 0), ENOTTY);
	CHECK_ERRNO(lseek(slave, 0, SEEK_SET), ESPIPE);
	close_pair();
}

static volatile sig_atomic_t caught[65];

static void note(int signo)
{
	caught[signo] = 1;
}

static void catch(int signo)
{
	struct sigaction action = {.sa_handler = note};
	sigaction(signo, &action, NULL);
}

static void wait_caught(int signo)
{
	for (int i = 0; i < 2000 && !caught[signo]; i++)
		sleep_ms(5);
	CHECK(caught[signo]);
	caught[signo] = 0;
}

/** In a child: a session whose terminal is the slave. */
static void lead_session(void)
{
	CHECK(setsid() > 0);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERRNO(tcgetpgrp(slave), ENOTTY);
	CHECK_IS(ioctl(slave, TIOCSCTTY, 0), 0);
	CHECK_IS(tcgetpgrp(slave), getpid());
	CHECK_IS(tcgetsid(slave), getpid());
}

static void check_signals_typed(void)
{
	open_pair();
	pid_t pid = check_fork();
	if (pid == 0) {
		lead_session();
		catch(SIGINT);
		catch(SIGQUIT);
		catch(SIGWINCH);
		struct winsize size = {10, 20, 0, 0};
		type("half\003");
		wait_caught(SIGINT);
		CHECK(!can_read(slave, 0)); // the line is flushed
		type("\034");
		wait_caught(SIGQUIT);
		CHECK_IS(ioctl(master, TIOCSWINSZ, &size), 0);
		wait_caught(SIGWINCH);
		int tty = open("/dev/tty", O_RDWR);
		CHECK(tty >= 0);
		catch(SIGHUP);
		CHECK_IS(ioctl(tty, TIOCNOTTY), 0);
		wait_caught(SIGHUP);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		// A leader without a terminal gets the next one that it opens.
		int other = open(ptsname(master), O_RDWR);
		CHECK(other >= 0 && tcgetsid(other) == getpid());
		_exit(0);
	}
	CHECK_CHILD(pid);
	close_pair();
}

/** A child in a group of its own, in the background. */
static pid_t start_background(void (*run)(void))
{
	pid_t pid = check_fork();
	if (pid == 0) {
		setpgid(0, 0);
		run();
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

static void read_terminal(void)
{
	char c;
	CHECK_IS(read(slave, &c, 1), 1);
}

static void read_ignoring(void)
{
	char c;
	signal(SIGTTIN, SIG_IGN);
	CHECK_ERRNO(read(slave, &c, 1), EIO);
}

static void write_terminal(void)
{
	CHECK_IS(write(slave, "x", 1), 1);
}

static void take_foreground(void)
{
	CHECK_IS(tcsetpgrp(slave, getpid()), 0);
}

static void check_stops(void (*run)(void), int signo)
{
	int status;
	pid_t pid = start_background(run);
	CHECK_IS(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == signo);
	CHECK_IS(tcsetpgrp(slave, pid), 0);
	CHECK_IS(kill(-pid, SIGCONT), 0);
	CHECK_CHILD(pid);
	signal(SIGTTOU, SIG_IGN);
	CHECK_IS(tcsetpgrp(slave, getpid()), 0);
	signal(SIGTTOU, SIG_DFL);
}

static void check_background(void)
{
	open_pair();
	pid_t pid = check_fork();
	if (pid == 0) {
		lead_session();
		type("line\n");
		check_stops(read_terminal, SIGTTIN);
		CHECK_CHILD(start_background(read_ignoring));
		CHECK_CHILD(start_background(write_terminal));
		set_local(0, TOSTOP, 1, 0);
		check_stops(write_terminal, SIGTTOU);
		check_stops(take_foreground, SIGTTOU);
		CHECK_ERRNO(tcsetpgrp(slave, 1), EPERM);
		_exit(0);
	}
	CHECK_CHILD(pid);
	close_pair();
}

/** A background process whose group is orphaned is not stopped: nobody would continue it. */
static void check_orphan(void)
{
	int *error = shared_memory(sizeof(*error));
	open_pair();
	*error = -1;
	pid_t pid = check_fork();
	if (pid == 0) {
		lead_session();
		pid_t middle = check_fork();
		if (middle == 0) {
			if (check_fork() == 0) {
				char c;
				setpgid(0, 0);
				while (getppid() != 1 && getppid() != getsid(0))
					sleep_ms(1);
				sleep_ms(20);
				*error = read(slave, &c, 1) < 0 ? errno : 0;
				_exit(0);
			}
			sleep_ms(20);
			_exit(0);
		}
		CHECK_CHILD(middle);
		for (int i = 0; i < 2000 && *(volatile int *)error < 0; i++)
			sleep_ms(5);
		_exit(0);
	}
	CHECK_CHILD(pid);
	CHECK_IS(*error, EIO);
	close_pair();
}

static void check_hang_up(void)
{
	char c;
	open_pair();
	pid_t pid = check_fork();
	if (pid == 0) {
		lead_session();
		catch(SIGHUP);
		close(master);
		while (!caught[SIGHUP])
			sleep_ms(1);
		CHECK_IS(read(slave, &c, 1), 0);
		CHECK_ERRNO(write(slave, "x", 1), EIO);
		struct pollfd pollfd = {slave, POLLIN, 0};
		CHECK(poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLHUP));
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		_exit(0);
	}
	sleep_ms(50);
	close(master);
	CHECK_CHILD(pid);
	close(slave);
	// The other way: what was written can be read, then it is an error.
	open_pair();
	CHECK_IS(write(slave, "last", 4), 4);
	close(slave);
	struct pollfd pollfd = {master, POLLIN, 0};
	CHECK(poll(&pollfd, 1, 1000) == 1 && (pollfd.revents & POLLHUP));
	CHECK(gives(master, 100, "last"));
	CHECK_ERRNO(read(master, &c, 1), EIO);
	close(master);
}

static void *spin(void *arg)
{
	for (;;)
		(*(volatile int *)arg)++;
	return NULL;
}

/** The end of a leader, and of @threads more of its process at the same time: its foreground group is told. */
static void check_leader_exit(int threads)
{
	static int counters[8];
	bool *was_told = shared_memory(sizeof(*was_told));
	int ready[2];
	char c;
	CHECK_IS(pipe(ready), 0);
	open_pair();
	pid_t pid = check_fork();
	if (pid == 0) {
		lead_session();
		if (check_fork() == 0) {
			catch(SIGHUP);
			CHECK_IS(write(ready[1], "r", 1), 1);
			wait_caught(SIGHUP);
			*was_told = true;
			_exit(0);
		}
		CHECK_IS(read(ready[0], &c, 1), 1);
		for (int i = 0; i < threads; i++)
			start_thread(spin, &counters[i]);
		for (int i = 0; i < threads; i++) {
			while (!*(volatile int *)&counters[i])
				sched_yield();
		}
		_exit(0);
	}
	CHECK_CHILD(pid);
	for (int i = 0; i < 2000 && !*(volatile bool *)was_told; i++)
		sleep_ms(5);
	CHECK(*was_told);
	close_pair();
	close(ready[0]);
	close(ready[1]);
}

static void check_many(void)
{
	int masters[20];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20; i++) {
			masters[i] = posix_openpt(O_RDWR | O_NOCTTY);
			CHECK(masters[i] >= 0);
		}
		for (int i = 0; i < 20; i++)
			close(masters[i]);
	}
}

static void check_null_and_kin(void)
{
	char bytes[64] = {1};
	int zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
	int null = open("/dev/null", O_RDWR), random = open("/dev/urandom", O_RDONLY);
	CHECK(zero >= 0 && full >= 0 && null >= 0 && random >= 0);
	CHECK(read(zero, bytes, 64) == 64 && bytes[0] == 0);
	CHECK_IS(read(null, bytes, 64), 0);
	CHECK_IS(write(null, bytes, 64), 64);
	CHECK_ERRNO(write(full, bytes, 1), ENOSPC);
	uint64_t draws[2][4];
	CHECK_IS(read(random, draws, sizeof(draws)), sizeof(draws));
	CHECK(memcmp(draws[0], draws[1], sizeof(draws[0])) != 0);
	// Mapped, zero is memory: shared with children or private to each.
	for (int i = 0; i < 2; i++) {
		int flags = i ? MAP_SHARED : MAP_PRIVATE;
		int *word = mmap(NULL, 8192, PROT_READ | PROT_WRITE, flags, zero, 0);
		CHECK(word != MAP_FAILED && word[0] == 0);
		pid_t pid = check_fork();
		if (pid == 0) {
			word[0] = word[1024] = 5;
			_exit(0);
		}
		CHECK_CHILD(pid);
		CHECK(word[0] == (i ? 5 : 0) && word[1024] == (i ? 5 : 0));
		munmap(word, 8192);
	}
	close(zero);
	close(full);
	close(null);
	close(random);
}

int main(void)
{
	signal(SIGTTOU, SIG_DFL);
	check_lines();
	check_waiting();
	check_flow();
	check_settings();
	check_signals_typed();
	check_background();
	check_orphan();
	check_hang_up();
	for (int round = 0; round < 24; round++)
		check_leader_exit(round % 4);
	check_many();
	check_null_and_kin();
	return 0;
}
