// SPDX-License-Identifier: MIT
// Every outcome is a status of its own, and an error leaves the message as it was: no descriptor, no
// right, a bad tag, nobody there, closed, a signal before and after the request was taken.
// guest: CPUS 4
#include "ipc.h"

static long endpoint, send_only, recv_only;
static int blocker_status;
static uint64_t blocker_taken;
static pid_t blocker_tid;

static void check_status(long number, long fd, uint64_t tag, long status)
{
	struct message m = { .tag = tag }, sent;
	for (unsigned i = 0; i < 8; i++)
		m.words[i] = 0xabc0 + i;
	sent = m;
	long got = ipc(number, fd, &m);
	if (got != status) {
		printf("native call %#lx on %ld with tag %#lx: %ld instead of %ld\n", number, fd,
			(unsigned long)tag, got, status);
		exit(1);
	}
	CHECK(memcmp(m.words, sent.words, sizeof(m.words)) == 0);
}

static void check_refusals(void)
{
	static const long OPS[] = { IPC_CALL, IPC_TRY_CALL, IPC_SEND, IPC_TRY_SEND };
	static const long RECEIVES[] = { IPC_RECV, IPC_TRY_RECV, IPC_REPLY_RECV };
	int file = open("/dev/null", O_RDWR);
	const long BAD[] = { -1, 999, 1000000, (1l << 32) | endpoint, file, -4096 };
	for (unsigned b = 0; b < sizeof(BAD) / sizeof(BAD[0]); b++) {
		for (unsigned i = 0; i < 4; i++)
			check_status(OPS[i], BAD[b], IPC_TAG(1, 1), -EBADF);
		for (unsigned i = 0; i < 3; i++)
			check_status(RECEIVES[i], BAD[b], IPC_TAG(0, 0), -EBADF);
	}
	for (unsigned i = 0; i < 4; i++) {
		check_status(OPS[i], recv_only, IPC_TAG(1, 1), -EPERM);
		check_status(OPS[i], endpoint, IPC_TAG_BLOCK, -EFAULT); // word 0 is no address
		check_status(OPS[i], endpoint, 1ul << 33, -EINVAL);
		check_status(OPS[i], endpoint, 1ul << 63, -EINVAL);
	}
	for (unsigned i = 0; i < 3; i++)
		check_status(RECEIVES[i], send_only, 0, -EPERM);
	check_status(IPC_TRY_CALL, endpoint, IPC_TAG(1, 1), -EAGAIN);
	check_status(IPC_TRY_SEND, send_only, IPC_TAG(1, 1), -EAGAIN);
	check_status(IPC_TRY_RECV, recv_only, 0, -EAGAIN);
	check_status(IPC_REPLY_RECV, endpoint, 0, -ESRCH); // nobody to answer
	check_status(IPC_NULL, 0, 0, 0);
	check_status(IPC_NR_LAST + 1, endpoint, 0, -ENOSYS);
	char c;
	CHECK_IS(read((int)endpoint, &c, 1), -1); // not a file
	close(file);
}

static void handler(int sig)
{
	(void)sig;
}

static void *blocker(void *arg)
{
	uint64_t word = 5;
	__atomic_store_n(&blocker_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (arg) {
		struct message m = { 0 };
		blocker_status = (int)ipc(IPC_RECV, endpoint, &m);
	} else {
		blocker_status = (int)ipc_call1(endpoint, &word, &blocker_taken);
	}
	return NULL;
}

static pthread_t start_blocker(void *arg)
{
	blocker_tid = 0;
	blocker_status = 99;
	pthread_t thread = start_thread(blocker, arg);
	while (!__atomic_load_n(&blocker_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	until_blocked(getpid(), blocker_tid);
	return thread;
}

static void check_interrupted(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	for (int i = 0; i < 20; i++) {
		pthread_t thread = start_blocker(NULL); // queued: nobody has taken it
		CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
		CHECK_IS(pthread_join(thread, NULL), 0);
		CHECK_IS(blocker_status, -EINTR);
		CHECK_IS(blocker_taken, 0);
		struct message m = { 0 };
		CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EAGAIN); // and it left the queue
		thread = start_blocker(NULL);
		CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		CHECK(m.words[0] == 5 && (pid_t)m.sender == blocker_tid);
		CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
		CHECK_IS(pthread_join(thread, NULL), 0);
		CHECK_IS(blocker_status, -EINTR);
		CHECK(blocker_taken == IPC_TAG_TAKEN);
		CHECK_IS(ipc(IPC_REPLY, 0, &m), -EPIPE); // the answer comes too late
		CHECK_IS(ipc(IPC_REPLY, 0, &m), -ESRCH);
		thread = start_blocker((void *)1); // a receiver
		CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
		CHECK_IS(pthread_join(thread, NULL), 0);
		CHECK_IS(blocker_status, -EINTR);
	}
}

static void check_closed(void)
{
	pthread_t thread = start_blocker(NULL);
	CHECK_IS(close((int)recv_only), 0);
	usleep(1000);
	CHECK_IS(blocker_status, 99); // another descriptor can still receive
	long sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	CHECK_IS(close((int)endpoint), 0); // the last that can
	CHECK_IS(pthread_join(thread, NULL), 0);
	CHECK_IS(blocker_status, -EPIPE);
	CHECK_IS(blocker_taken, 0);
	check_status(IPC_CALL, sender, IPC_TAG(1, 1), -EPIPE);
	check_status(IPC_TRY_SEND, send_only, IPC_TAG(1, 1), -EPIPE);
	check_status(IPC_CALL, endpoint, IPC_TAG(1, 1), -EBADF);
	CHECK_IS(close((int)sender), 0);
	endpoint = ipc_endpoint(); // a receiver whose descriptor goes away
	CHECK(endpoint >= 0);
	thread = start_blocker((void *)1);
	CHECK_IS(close((int)endpoint), 0);
	CHECK_IS(pthread_join(thread, NULL), 0);
	CHECK(blocker_status == -EBADF || blocker_status == -EPIPE);
}

int main(void)
{
	endpoint = ipc_endpoint();
	send_only = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	recv_only = ipc_restrict(endpoint, IPC_RIGHT_RECV);
	CHECK(endpoint >= 0 && send_only >= 0 && recv_only >= 0);
	check_refusals();
	check_interrupted();
	check_closed();
	return 0;
}
