// SPDX-License-Identifier: MIT
// One command, its streams framed over the console (docs/exec.md).
//
// One loop, no threads: it polls the console for input, the two output pipes, the command's
// standard input for room, and a pipe that SIGCHLD's handler writes to. Output to the console
// waits for it; nothing else in the loop waits. Input that the command does not take yet stays in
// a buffer as large as all the allowances that were given, so the console is always read.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FRAME 0x1e
#define ALLOWANCE 1024 // bytes of input that one R permits
#define ALLOWANCES 4 // given at the start: as many are under way at most
#define PIECE 4096

enum { FD_CONSOLE, FD_OUT, FD_ERR, FD_CHILD, FD_INPUT, FDS };

static struct {
	pid_t pid;
	int in, out, err; // our ends of the command's pipes; -1 = closed
	bool has_ended;
	int status;
} command;

static struct {
	char bytes[ALLOWANCE * ALLOWANCES];
	size_t start, len; // of what the command has not got yet
	size_t passed; // since the last R
	bool saw_frame; // the last byte was a lone 0x1e
	bool has_ended; // E came
} input;

static int child_pipe[2];

static void put(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return; // no console: nobody to tell
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

static void put_mark(char letter)
{
	char mark[2] = {FRAME, letter};
	put(mark, 2);
}

/** Pass on one piece of @*fd as @letter; the end closes it. False: nothing was there. */
static bool relay(int *fd, char letter)
{
	char piece[PIECE], framed[2 + 2 * PIECE] = {FRAME, letter};
	ssize_t n = read(*fd, piece, sizeof(piece));
	size_t len = 2;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close(*fd);
		*fd = -1;
		return false;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (piece[i] == FRAME)
			framed[len++] = FRAME;
		framed[len++] = piece[i];
	}
	put(framed, len);
	return true;
}

/** @count more bytes of input are out of the way. */
static void count_passed(size_t count)
{
	input.passed += count;
	for (; input.passed >= ALLOWANCE; input.passed -= ALLOWANCE)
		put_mark('R');
}

static void close_input(void)
{
	if (command.in >= 0)
		close(command.in);
	command.in = -1;
	count_passed(input.len);
	input.start = input.len = 0;
}

/** Give the command what it takes. */
static void feed(void)
{
	while (command.in >= 0 && input.len > 0) {
		ssize_t n = write(command.in, input.bytes + input.start, input.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			close_input(); // EPIPE: it wants no more
			return;
		}
		input.start += (size_t)n;
		input.len -= (size_t)n;
		count_passed((size_t)n);
	}
	if (input.has_ended)
		close_input();
}

static void keep(char c)
{
	if (command.in < 0) {
		count_passed(1);
		return;
	}
	if (input.start + input.len == sizeof(input.bytes)) {
		memmove(input.bytes, input.bytes + input.start, input.len);
		input.start = 0;
	}
	// More than was allowed is the host's mistake: it is lost.
	if (input.len < sizeof(input.bytes))
		input.bytes[input.start + input.len++] = c;
}

static void take_input(void)
{
	char piece[ALLOWANCE];
	ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
	if (n == 0)
		input.has_ended = true; // no console any more
	for (ssize_t i = 0; i < n; i++) {
		if (input.saw_frame) {
			input.saw_frame = false;
			if (piece[i] == 'E')
				input.has_ended = true;
			else
				keep(piece[i]);
		} else if (piece[i] == FRAME) {
			input.saw_frame = true;
		} else {
			keep(piece[i]);
		}
	}
	feed();
}

static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command.pid)
			continue;
		command.has_ended = true;
		command.status = status;
	}
}

static void note_child(int signo)
{
	int saved = errno;
	(void)signo;
	// Full: a wake-up is under way already.
	ssize_t n = write(child_pipe[1], "", 1);
	(void)n;
	errno = saved;
}

static void take_child_note(void)
{
	char bytes[64];
	while (read(child_pipe[0], bytes, sizeof(bytes)) > 0)
		;
	reap();
}

static int exit_code(void)
{
	return WIFEXITED(command.status) ? WEXITSTATUS(command.status)
					 : 128 + WTERMSIG(command.status);
}

static _Noreturn void finish(int code)
{
	char mark[16];
	put(mark, (size_t)snprintf(mark, sizeof(mark), "%cX%d\n", FRAME, code));
	tcdrain(STDOUT_FILENO);
	init_power_off(NULL);
}

static _Noreturn void fail(const char *what)
{
	char text[160];
	put(text, (size_t)snprintf(text, sizeof(text), "%cUinit: %s: %s\n", FRAME, what,
				   strerror(errno)));
	finish(125);
}

static void make_console_raw(void)
{
	struct termios termios;
	if (tcgetattr(STDIN_FILENO, &termios) != 0)
		return;
	cfmakeraw(&termios);
	termios.c_cc[VMIN] = 1;
	termios.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &termios);
}

static char *read_command(void)
{
	struct stat stat;
	int fd = open(EXEC_FILE, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) != 0)
		fail(EXEC_FILE);
	char *text = calloc(1, (size_t)stat.st_size + 1);
	if (!text)
		fail(EXEC_FILE);
	for (off_t at = 0; at < stat.st_size;) {
		ssize_t n = read(fd, text + at, (size_t)(stat.st_size - at));
		if (n <= 0)
			fail(EXEC_FILE);
		at += n;
	}
	close(fd);
	return text;
}

static _Noreturn void become_command(const int in[2], const int out[2], const int err[2],
				     const char *text)
{
	setsid();
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	init_prepare_child();
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	perror("init: /bin/sh");
	_exit(127);
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
}

static void start_command(void)
{
	int in[2], out[2], err[2];
	char *text = read_command();
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 ||
	    pipe2(child_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		fail("pipe");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, note_child);
	command.pid = fork();
	if (command.pid == 0)
		become_command(in, out, err, text);
	if (command.pid < 0)
		fail("fork");
	free(text);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	command.in = in[1];
	command.out = out[0];
	command.err = err[0];
	set_nonblocking(command.in);
	set_nonblocking(command.out);
	set_nonblocking(command.err);
}

/** One round: wait for something to do and do it. */
static void serve(void)
{
	struct pollfd fds[FDS] = {
		[FD_CONSOLE] = {input.has_ended ? -1 : STDIN_FILENO, POLLIN, 0},
		[FD_OUT] = {command.out, POLLIN, 0},
		[FD_ERR] = {command.err, POLLIN, 0},
		[FD_CHILD] = {child_pipe[0], POLLIN, 0},
		// Without input to give, only whether the command has closed it (POLLERR).
		[FD_INPUT] = {command.in, input.len ? POLLOUT : 0, 0},
	};
	if (poll(fds, FDS, -1) < 0)
		return; // EINTR: the note is in the pipe
	if (fds[FD_CHILD].revents)
		take_child_note();
	if (fds[FD_OUT].revents)
		relay(&command.out, 'T');
	if (fds[FD_ERR].revents)
		relay(&command.err, 'U');
	if (fds[FD_INPUT].revents & (POLLERR | POLLHUP))
		close_input();
	else if (fds[FD_INPUT].revents)
		feed();
	if (fds[FD_CONSOLE].revents)
		take_input();
}

/** What the command wrote before it ended is in the pipes: a child that keeps them open is not
 *  waited for. */
static void drain(int *fd, char letter)
{
	while (*fd >= 0 && relay(fd, letter))
		;
}

void init_run_command(void)
{
	make_console_raw();
	start_command();
	for (int i = 0; i < ALLOWANCES; i++)
		put_mark('R');
	while (!command.has_ended)
		serve();
	drain(&command.out, 'T');
	drain(&command.err, 'U');
	finish(exit_code());
}
