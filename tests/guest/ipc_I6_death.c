// SPDX-License-Identifier: MIT
// A server that dies: at whatever point, each caller returns exactly once, told whether its request may
// have been executed; no request is executed twice; a supervisor that can receive keeps queued callers.
// guest: CPUS 4
#include "ipc.h"

#define REQUESTS 4096
static struct shared {
	int stage;
	int executed[REQUESTS];
} *shared;
static long endpoint, sender; // sender cannot receive

static void renew(void)
{
	endpoint = ipc_endpoint();
	sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	CHECK(endpoint >= 0 && sender >= 0);
	shared->stage = 0;
}

static void drop(void)
{
	close((int)sender);
	close((int)endpoint);
}

static void set_stage(int stage)
{
	__atomic_store_n(&shared->stage, stage, __ATOMIC_RELEASE);
}

static void until_stage(int stage)
{
	while (__atomic_load_n(&shared->stage, __ATOMIC_ACQUIRE) < stage)
		sched_yield();
}

enum point { QUEUED, RECEIVED, SECOND_RECEIVE, EXITS, REPLIED };

/** A server process that goes as far as @point and waits there for its death. */
static pid_t start_server(enum point point)
{
	pid_t server = check_fork();
	if (server)
		return server;
	struct message m = { 0 };
	set_stage(1);
	if (point != QUEUED) {
		CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		if (point == EXITS)
			_exit(0);
		m.words[0]++;
		if (point == REPLIED)
			CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
		set_stage(2);
		if (point == SECOND_RECEIVE)
			(void)!ipc(IPC_RECV, endpoint, &m); // the first right goes unused
	}
	for (;;)
		pause();
}

static pid_t start_caller(enum point point, long status, uint64_t taken)
{
	pid_t caller = check_fork();
	if (caller)
		return caller;
	CHECK_IS(close((int)endpoint), 0);
	uint64_t word = 1, was_taken = 0;
	CHECK_IS(ipc_call1(sender, &word, &was_taken), status);
	CHECK(was_taken == taken);
	CHECK_IS(word, status ? 1 : 2);
	if (status) { // the next call is clean; the server of SECOND_RECEIVE may still take it
		word = 1;
		CHECK_IS(ipc_call1(sender, &word, &was_taken), -EPIPE);
		CHECK(point == SECOND_RECEIVE || !was_taken);
	}
	_exit(0);
}

static void check_point(enum point point, long status, uint64_t taken)
{
	renew();
	pid_t server = start_server(point);
	until_stage(1);
	pid_t caller = start_caller(point, status, taken);
	CHECK_IS(close((int)endpoint), 0); // only the server can receive
	if (point == QUEUED)
		until_blocked(caller, caller);
	else if (point != EXITS)
		until_stage(2);
	if (point != EXITS)
		kill(server, SIGKILL);
	wait_status(server);
	CHECK_CHILD(caller);
	drop();
}

/** Whoever can receive keeps the queue: the caller waits until somebody answers. */
static void check_supervisor(void)
{
	renew();
	pid_t server = start_server(QUEUED);
	until_stage(1);
	pid_t caller = start_caller(REPLIED, 0, 0);
	until_blocked(caller, caller);
	kill(server, SIGKILL);
	wait_status(server);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	m.words[0]++;
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
	CHECK_CHILD(caller);
	drop();
}

static void *take_and_leave(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	return arg; // the thread ends, the process goes on
}

static void check_thread_death(void)
{
	renew();
	for (int i = 0; i < 50; i++) {
		pthread_t thread = start_thread(take_and_leave, NULL);
		uint64_t word = 1, taken = 0;
		CHECK_IS(ipc_call1(sender, &word, &taken), -EPIPE);
		CHECK(taken == IPC_TAG_TAKEN);
		CHECK_IS(pthread_join(thread, NULL), 0);
	}
	drop();
}

static void check_caller_death(void)
{
	for (int i = 0; i < 20; i++) {
		renew();
		pid_t caller = start_caller(REPLIED, 0, 0);
		struct message m = { 0 };
		if (i & 1)
			CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		else
			until_blocked(caller, caller);
		CHECK_IS(kill(caller, SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(caller)), SIGKILL);
		if (i & 1)
			CHECK_IS(ipc(IPC_REPLY, 0, &m), -EPIPE);
		CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EAGAIN);
		drop();
	}
}

static void serve(void)
{
	struct message m = { 0 };
	set_stage(1);
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	for (;;) {
		__atomic_add_fetch(&shared->executed[m.words[0]], 1, __ATOMIC_ACQ_REL);
		CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0);
	}
}

/** Calls without pause from several threads until the server, killed at some moment, is gone. */
static void *call_until_closed(void *arg)
{
	long self = (long)arg;
	for (uint64_t id = (uint64_t)self * 1024; id < (uint64_t)(self + 1) * 1024; id++) {
		uint64_t word = id, taken = 0;
		long status = ipc_call1(sender, &word, &taken);
		int executed = __atomic_load_n(&shared->executed[id], __ATOMIC_ACQUIRE);
		CHECK(status == 0 || status == -EPIPE);
		CHECK(executed <= 1);
		if (status == 0)
			CHECK_IS(executed, 1);
		else if (!taken)
			CHECK_IS(executed, 0);
	}
	return NULL;
}

static void check_any_moment(void)
{
	for (int i = 0; i < rounds(40, 2000); i++) {
		renew();
		memset(shared->executed, 0, sizeof(shared->executed));
		pid_t server = check_fork();
		if (server == 0)
			serve();
		until_stage(1);
		CHECK_IS(close((int)endpoint), 0);
		pthread_t threads[4];
		for (long t = 0; t < 4; t++)
			threads[t] = start_thread(call_until_closed, (void *)t);
		usleep((useconds_t)(i * 37 % 3000));
		CHECK_IS(kill(server, SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(server)), SIGKILL); // and it did not see its receive end
		for (int t = 0; t < 4; t++)
			CHECK_IS(pthread_join(threads[t], NULL), 0);
		drop();
	}
}

int main(void)
{
	shared = shared_memory(sizeof(*shared));
	for (int i = 0; i < 10; i++) {
		check_point(QUEUED, -EPIPE, 0);
		check_point(RECEIVED, -EPIPE, IPC_TAG_TAKEN);
		check_point(SECOND_RECEIVE, -EPIPE, IPC_TAG_TAKEN);
		check_point(EXITS, -EPIPE, IPC_TAG_TAKEN);
		check_point(REPLIED, 0, 0);
	}
	check_supervisor();
	check_thread_death();
	check_caller_death();
	check_any_moment();
	return 0;
}
