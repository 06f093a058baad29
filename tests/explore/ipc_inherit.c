// SPDX-License-Identifier: MIT
// Priority inheritance through calls: a server runs at least at its callers' rank while it owes them a reply,
// along a chain, and at its own when it does not, whatever ended the call.
#include "users.h"

#include "../../ipc/internal.h"

#include <ipc/endpoint.h>
#include <kernel/panic.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define SECOND 2 // descriptor of another endpoint
#define PENDING 16 // a bit of `pending` that means no work by itself

static uint32_t best; // of the real-time caller
static unsigned calls; // that ended

static uint32_t rank_of(unsigned body)
{
	return load_relaxed(&explore_user_thread(body)->sched.rank);
}

static int64_t operate(uint64_t nr, uint64_t fd)
{
	struct host_call call = {.nr = nr, .args = {fd}};

	return host_syscall(&call);
}

static void setup(void)
{
	struct grant *grant;

	best = 0;
	calls = 0;
	if (ipc_endpoint_create(&grant) || fd_install(explore_user_fds(), grant, SECOND, 0) != SECOND)
		panic("no memory for a scenario");
	explore_name(&ipc_endpoint_of(grant)->lock, "second.lock");
}

/** A thread that nothing is lent to has the rank of its policy. */
static void check_ranks(unsigned servers)
{
	for (unsigned i = 0; i < servers; i++) {
		struct thread *server = explore_user_thread(i);
		EXPLORE_EXPECT(load_relaxed(&server->ipc.callers.floor) == 0);
		EXPLORE_EXPECT(rank_of(i) < best);
	}
}

static void call(void)
{
	best = load_relaxed(&current_thread()->sched.rank);
	int64_t status = operate(IPC_CALL, EXPLORE_ENDPOINT);
	EXPLORE_EXPECT(status == 0 || status == -EINTR || status == -ETIMEDOUT || status == -EPIPE ||
		       status == -EBADF);
	calls++;
}

// ---- one call -------------------------------------------------------------------------------------

static void one_body(unsigned self)
{
	if (self == 1) {
		call();
		return;
	}
	if (operate(IPC_RECV, EXPLORE_ENDPOINT))
		return;
	struct thread *caller = load_relaxed(&current_thread()->ipc.reply_to);
	uint32_t rank = rank_of(0);
	if (load_acquire(&caller->ipc.server) == current_thread()) // not ended: then this was so before, too
		EXPLORE_EXPECT(rank == best);
	(void)operate(IPC_REPLY, 0);
	EXPLORE_EXPECT(rank_of(0) < best);
}

static void check_one(void)
{
	check_ranks(1);
	EXPLORE_EXPECT(calls == 1);
}

static void setup_one(void)
{
	setup();
	explore_realtime(2);
}

static void interrupt_it(void *unused)
{
	struct thread *thread = explore_user_thread(1);

	(void)unused;
	fetch_or_acq_rel(&thread->pending, PENDING);
	sched_interrupt(thread);
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

static void setup_interrupt(void)
{
	setup_one();
	explore_beside(interrupt_it);
}

static void time_out(void *unused)
{
	(void)unused;
	ipc_end_wait(explore_user_thread(1), -ETIMEDOUT);
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

static void setup_time_out(void)
{
	setup_one();
	explore_beside(time_out);
}

EXPLORE(ipc_S12_call_lends, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup_one, .body = one_body, .check = check_one);
EXPLORE(ipc_S12_call_across_cpus_lends, .run = explore_run_users, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_one, .body = one_body, .check = check_one);
EXPLORE(ipc_S12_call_or_interrupt, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_interrupt, .body = one_body, .check = check_one);
EXPLORE(ipc_S12_call_or_deadline, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_time_out, .body = one_body, .check = check_one);

// ---- a chain of three, and a queue ----------------------------------------------------------------

/** Body 0 serves the second endpoint, body 1 the first and calls body 0, body 2 calls body 1. */
static void chain_body(unsigned self)
{
	if (self == 2) {
		call();
		return;
	}
	EXPLORE_EXPECT(operate(IPC_RECV, self ? EXPLORE_ENDPOINT : SECOND) == 0);
	if (self == 1)
		EXPLORE_EXPECT(operate(IPC_CALL, SECOND) == 0);
	else
		EXPLORE_EXPECT(rank_of(0) == best);
	EXPLORE_EXPECT(operate(IPC_REPLY, 0) == 0);
	EXPLORE_EXPECT(rank_of(self) < best);
}

static void check_chain(void)
{
	check_ranks(2);
	EXPLORE_EXPECT(calls == 1);
}

static void setup_chain(void)
{
	setup();
	explore_realtime(4);
}

EXPLORE(ipc_S12_chain_of_three, .run = explore_run_users_together, .cpus = 2, .bodies = 3, .bound = 1,
	.setup = setup_chain, .body = chain_body, .check = check_chain);

/** Body 1 is served when body 2 comes, or the other way round: whom the server owes a reply or who queues
 *  for one lends. */
static void queue_body(unsigned self)
{
	if (self == 2) {
		call();
		return;
	}
	if (self == 1) {
		EXPLORE_EXPECT(operate(IPC_CALL, EXPLORE_ENDPOINT) == 0);
		return;
	}
	EXPLORE_EXPECT(operate(IPC_RECV, EXPLORE_ENDPOINT) == 0);
	for (unsigned i = 0; i < 2; i++) {
		struct thread *better = explore_user_thread(2);
		uint32_t state = load_acquire(&better->ipc.state);
		if (state == IPC_SENDING || state == IPC_AWAITING_REPLY)
			EXPLORE_EXPECT(rank_of(0) == best);
		EXPLORE_EXPECT(operate(i ? IPC_REPLY : IPC_REPLY_RECV, EXPLORE_ENDPOINT) == 0);
	}
	EXPLORE_EXPECT(rank_of(0) < best);
}

EXPLORE(ipc_S12_queued_caller_lends, .run = explore_run_users_together, .cpus = 2, .bodies = 3, .bound = 1,
	.setup = setup_chain, .body = queue_body, .check = check_one);
