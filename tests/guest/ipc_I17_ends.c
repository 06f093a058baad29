// SPDX-License-Identifier: MIT
// A minted grant may name notification bits: they are set once, when nobody has the grant or anything derived
// from it any more, through close, exit, kill, exec and revoke, and not while one is on its way or held elsewhere.
// guest: CPUS 4
#include "ipc.h"

static long endpoint, bell;

static long mint(uint64_t badge, uint64_t bits)
{
	struct message m = { .tag = IPC_RIGHT_SEND | IPC_RIGHT_GRANT | IPC_MINT_TELL,
			     .words = { badge, (uint64_t)bell, bits } };
	long fd = ipc(IPC_MINT, endpoint, &m);
	CHECK(fd >= 0);
	return fd;
}

static uint64_t rung(void)
{
	struct message m = { .tag = ~0ul };
	long status = ipc(IPC_TRY_WAIT, bell, &m);
	CHECK(status == 0 || status == -EAGAIN);
	return status ? 0 : m.tag;
}

static uint64_t wait_for_ring(void)
{
	struct message m = { .tag = ~0ul, .words = { IPC_NEVER } };
	CHECK_IS(ipc(IPC_WAIT, bell, &m), 0);
	return m.tag;
}

static void check_close(void)
{
	long fd = mint(1, 4), child = ipc_restrict(fd, IPC_RIGHT_SEND);
	int copy = dup((int)fd);
	CHECK_IS(close((int)fd), 0);
	CHECK_IS(rung(), 0); // the copy
	CHECK_IS(close(copy), 0);
	CHECK_IS(rung(), 0); // derived from it: the client is still there
	CHECK_IS(close((int)child), 0);
	CHECK_IS(rung(), 4);
	CHECK_IS(rung(), 0); // once
}

static void check_revoke(void)
{
	long fd = mint(2, 8), other = mint(3, 16), parent = ipc_restrict(fd, IPC_RIGHT_SEND);
	struct message m = { .tag = IPC_REVOKE_BADGE, .words = { 2 } };
	CHECK_IS(ipc(IPC_REVOKE, endpoint, &m), 0);
	CHECK_IS(rung(), 8); // though the descriptors are still open
	CHECK_IS(close((int)fd) | close((int)parent), 0);
	CHECK_IS(rung(), 0);
	CHECK_IS(ipc_revoke(endpoint), 0);
	CHECK_IS(rung(), 16);
	CHECK_IS(close((int)other), 0);
}

enum end { EXITS, KILLED, EXECS };

static void check_process(enum end end)
{
	long fd = mint(5, 1);
	pid_t child = check_fork();
	if (child == 0) {
		if (end == EXITS)
			_exit(0);
		if (end == EXECS)
			exec_test("ipc_I17_ends", "sleep", NULL);
		for (;;)
			pause();
	}
	CHECK_IS(close((int)fd), 0); // the child's is the last
	if (end == KILLED)
		CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(wait_for_ring(), 1);
	kill(child, SIGKILL);
	wait_status(child);
	CHECK_IS(rung(), 0);
}

static long carrier;
static void *receive(void *arg)
{
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_fd_count = 1 };
	CHECK_IS(ipc_with(IPC_RECV, carrier, &(struct message){ 0 }, &block), 0);
	return (void *)(long)block.recv_fds[0] + (arg ? 1 : 0);
}

/** Moved by a message: it lives on at the receiver, and dies with a message that never arrived. */
static void check_message(void)
{
	carrier = ipc_endpoint();
	long fd = mint(6, 2);
	pthread_t thread = start_thread(receive, NULL);
	struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1,
				   .send_fds = { (unsigned)fd | IPC_FD_MOVE } };
	void *got;
	CHECK_IS(ipc_with(IPC_SEND, carrier, &(struct message){ 0 }, &block), 0);
	CHECK_IS(pthread_join(thread, &got), 0);
	CHECK_IS(rung(), 0);
	CHECK_IS(close((int)(long)got), 0);
	CHECK_IS(rung(), 2);
	fd = mint(7, 32);
	pid_t child = check_fork();
	if (child == 0) {
		block.send_fds[0] = (unsigned)fd | IPC_FD_MOVE;
		(void)!ipc_with(IPC_SEND, carrier, &(struct message){ 0 }, &block); // nobody takes it
		_exit(1);
	}
	CHECK_IS(close((int)fd), 0);
	until_blocked(child, child);
	CHECK_IS(rung(), 0);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(wait_for_ring(), 32);
	wait_status(child);
	CHECK_IS(close((int)carrier), 0);
}

/** A client of a client: both are told, each of its own. */
static void check_nested(void)
{
	long outer = mint(9, 1), fd;
	struct message m = { .tag = IPC_RIGHT_SEND | IPC_MINT_TELL, .words = { 9, (uint64_t)bell, 2 } };
	fd = ipc(IPC_MINT, outer, &m);
	CHECK(fd >= 0);
	CHECK_IS(close((int)outer), 0);
	CHECK_IS(rung(), 0);
	CHECK_IS(close((int)fd), 0);
	CHECK_IS(rung(), 3);
}

static void check_errors(void)
{
	long deaf = ipc_restrict(bell, IPC_RIGHT_RECV);
	struct message m = { .tag = IPC_RIGHT_SEND | IPC_MINT_TELL, .words = { 1, (uint64_t)endpoint, 1 } };
	CHECK_IS(ipc(IPC_MINT, endpoint, &m), -EBADF);
	m.words[1] = 9999;
	CHECK_IS(ipc(IPC_MINT, endpoint, &m), -EBADF);
	m.words[1] = (uint64_t)deaf;
	CHECK_IS(ipc(IPC_MINT, endpoint, &m), -EPERM);
	CHECK_IS(close((int)deaf), 0);
	long fd = mint(1, 1); // the notification goes first
	CHECK_IS(close((int)bell), 0);
	CHECK_IS(close((int)fd), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[argc - 1], "sleep") == 0)
		pause();
	struct message m = { 0 };
	endpoint = ipc_endpoint();
	bell = ipc(IPC_NOTIFICATION, 0, &m);
	CHECK(endpoint >= 0 && bell >= 0);
	check_close();
	check_revoke();
	check_process(EXITS);
	check_process(KILLED);
	check_process(EXECS);
	check_message();
	check_nested();
	check_errors();
	return 0;
}
