// SPDX-License-Identifier: MIT
// A blocked server with many blocked callers is killed: every caller returns, once, and calls go on.
// guest: CPUS 4
#include "ipc.h"

#define CALLERS 24
#define ROUNDS 5

static void be_a_caller(long sender)
{
	uint64_t word = 1, was_taken = 0;
	CHECK_IS(ipc_call1(sender, &word, &was_taken), -EPIPE);
	_exit(0);
}

/** Takes one request and blocks elsewhere, the callers behind it. */
static void be_a_server(long endpoint, int *has_taken)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	__atomic_store_n(has_taken, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

int main(void)
{
	int *has_taken = shared_memory(sizeof(*has_taken));
	for (int round = 0; round < ROUNDS; round++) {
		pid_t callers[CALLERS];
		long endpoint = ipc_endpoint(), sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
		CHECK(endpoint >= 0 && sender >= 0);
		*has_taken = 0;
		pid_t server = check_fork();
		if (!server)
			be_a_server(endpoint, has_taken);
		for (int i = 0; i < CALLERS; i++) {
			callers[i] = check_fork();
			if (callers[i])
				continue;
			CHECK_IS(close((int)endpoint), 0);
			be_a_caller(sender);
		}
		CHECK_IS(close((int)endpoint), 0); // only the server can receive
		while (!__atomic_load_n(has_taken, __ATOMIC_ACQUIRE))
			sched_yield();
		for (int i = 0; i < CALLERS; i++)
			until_blocked(callers[i], callers[i]);
		CHECK_IS(kill(server, SIGKILL), 0);
		CHECK_IS(wait_status(server), SIGKILL);
		for (int i = 0; i < CALLERS; i++)
			CHECK_CHILD(callers[i]);
		CHECK_IS(close((int)sender), 0);
	}
	return 0;
}
