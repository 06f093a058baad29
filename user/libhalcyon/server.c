// SPDX-License-Identifier: MIT
// The agreement of servers and clients that this library brings along: the label of a request is the
// operation; that of an answer is 0, or the errno.
#include <errno.h>
#include <halcyon.h>
#include <stdbool.h>

/** @m, and what goes with it, become the answer. */
static void answer(hc_handler handle, void *state, struct hc_message *m, struct ipc_block *block)
{
	*block = hc_block();
	int words = handle(state, m, block);
	if (words < 0) {
		*block = hc_block();
		m->tag = IPC_TAG((unsigned)-words, 0);
	} else {
		m->tag = IPC_TAG(0, (unsigned)words);
	}
}

int hc_serve(int endpoint, hc_handler handle, void *state)
{
	struct ipc_block block = hc_block();
	struct hc_message m = {0};
	int status = hc_recv(endpoint, &m);
	for (;;) {
		if (status == 0 && (m.tag & IPC_TAG_NOTIFIED)) {
			handle(state, &m, &block);
			m.tag = 0;
			status = hc_recv(endpoint, &m);
		} else if (status == 0) {
			answer(handle, state, &m, &block);
			// Without descriptors or a long message the answer goes by the fast path.
			bool is_plain = !block.send_fd_count && !block.send_bytes;
			status = is_plain ? hc_reply_recv(endpoint, &m)
					  : hc_reply_recv_with(endpoint, &m, &block);
		} else if (errno == EINTR) {
			m.tag = 0;
			status = hc_recv(endpoint, &m);
		} else {
			return -1;
		}
	}
}

/** The words of answer @m to @out; the server's error to errno. */
static int take_answer(const struct hc_message *m, uint64_t *out)
{
	unsigned words = IPC_TAG_WORDS(m->tag);
	if (hc_label(m)) {
		errno = (int)hc_label(m);
		return -1;
	}
	for (unsigned i = 0; i < words; i++)
		out[i] = m->words[i];
	return (int)words;
}

static struct hc_message request(unsigned op, const uint64_t *in, unsigned in_count)
{
	struct hc_message m = {.tag = IPC_TAG(op, in_count)};
	for (unsigned i = 0; i < in_count && i < IPC_TAG_WORDS_MAX; i++)
		m.words[i] = in[i];
	return m;
}

int hc_request(int fd, unsigned op, const uint64_t *in, unsigned in_count, uint64_t *out)
{
	struct hc_message m = request(op, in, in_count);
	return hc_call(fd, &m) ? -1 : take_answer(&m, out);
}

int hc_request_fd(int fd, unsigned op, const uint64_t *in, unsigned in_count, uint64_t *out, int *got)
{
	struct hc_message m = request(op, in, in_count);
	struct ipc_block block = hc_block();
	block.recv_fd_count = 1;
	*got = -1;
	if (hc_call_with(fd, &m, &block))
		return -1;
	if (IPC_TAG_FDS(m.tag))
		*got = block.recv_fds[0];
	return take_answer(&m, out);
}
