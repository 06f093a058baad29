// SPDX-License-Identifier: MIT
// A logger: clients put lines into a port and go on at once; the kernel says who they are. It waits for
// lines and for the end of its input in one place, by a notification that is bound to both.
//
//   logger serve PATH < PIPE (ends at the end of its input)          logger log PATH TEXT (up to 64 bytes)
#include <errno.h>
#include <halcyon.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 1, INPUT = 2 }; // bits

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static void write_lines(int port)
{
	struct hc_message m = {0};
	while (hc_port_try_recv(port, &m) == 0) {
		printf("%.*s\n", (int)(8 * IPC_TAG_WORDS(m.tag)), (const char *)m.words);
		fprintf(stderr, "from process %u\n", (unsigned)(m.sender >> 32));
	}
	fflush(stdout);
}

static int serve(const char *path)
{
	int port = hc_port(64), events = hc_notification();
	uint64_t bits = 0;
	char byte;
	if (port < 0 || events < 0 || hc_publish(port, IPC_RIGHT_SEND, path, 0222) < 0)
		return fail(path);
	if (hc_bind(events, LINES, port, POLLIN) < 0 || hc_bind(events, INPUT, STDIN_FILENO, POLLIN) < 0)
		return fail("hc_bind");
	for (;;) {
		if (hc_wait(events, LINES | INPUT, IPC_NEVER, &bits) < 0 && errno != EINTR)
			return fail("hc_wait");
		write_lines(port);
		if ((bits & INPUT) && read(STDIN_FILENO, &byte, 1) == 0)
			return unlink(path);
	}
}

static int log_line(const char *path, const char *text)
{
	struct hc_message m = {.tag = IPC_TAG(0, 8)};
	int port = hc_open(path);
	memcpy(m.words, text, strnlen(text, sizeof(m.words)));
	return port < 0 || hc_port_send(port, &m) < 0 ? fail(path) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "log"))
		return log_line(argv[2], argv[3]);
	fprintf(stderr, "usage: logger serve PATH | logger log PATH TEXT\n");
	return 2;
}
