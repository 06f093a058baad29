// SPDX-License-Identifier: MIT
// The smallest server: it gives back what it is given, in capitals.
//
//   echo serve PATH          echo ask PATH TEXT (up to 64 bytes)
#include <ctype.h>
#include <errno.h>
#include <halcyon.h>
#include <stdio.h>
#include <string.h>

enum { SHOUT = 1 };

static int handle(void *state, struct hc_message *m, struct ipc_block *block)
{
	(void)state;
	(void)block;
	if (hc_label(m) != SHOUT)
		return -ENOSYS;
	char *text = (char *)m->words;
	for (size_t i = 0; i < sizeof(m->words); i++)
		text[i] = (char)toupper((unsigned char)text[i]);
	return IPC_TAG_WORDS(m->tag);
}

static int serve(const char *path)
{
	int endpoint = hc_endpoint();
	if (endpoint < 0 || hc_publish(endpoint, IPC_RIGHT_SEND, path, 0666) < 0) {
		perror(path);
		return 1;
	}
	hc_serve(endpoint, handle, NULL);
	perror("hc_serve");
	return 1;
}

static int ask(const char *path, const char *text)
{
	uint64_t in[8] = {0}, out[8];
	int server = hc_open(path);
	memcpy(in, text, strnlen(text, sizeof(in)));
	int words = server < 0 ? -1 : hc_request(server, SHOUT, in, 8, out);
	if (words < 0) {
		perror(path);
		return 1;
	}
	printf("%.*s\n", 8 * words, (const char *)out);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], argv[3]);
	fprintf(stderr, "usage: echo serve PATH | echo ask PATH TEXT\n");
	return 2;
}
