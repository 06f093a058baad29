// SPDX-License-Identifier: MIT
// Calls and replies between two CPUs that poll before they wait for an interrupt, where the partner is handed over
// without its run queue; beside them, on a third one: the last descriptor that can receive is closed, either
// side is interrupted, the call ends as by a deadline, another thread is woken on the server's CPU, the server must
// leave its CPU. Each request is answered once, to its caller, each call ends once, nobody sleeps on.
#include "users.h"

#include "../../sched/runq.h"

#include <ipc/endpoint.h>
#include <lib/bitmap.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

#include "../../ipc/internal.h"

static int64_t client_status, server_status, answer_status;
static uint64_t client_tag, client_word;
static unsigned ends, calls, target;

static void request(uint64_t word)
{
	struct host_call call = {.nr = IPC_CALL, .args = {EXPLORE_ENDPOINT}, .tag = IPC_TAG(0, 1), .words = {word}};

	client_status = host_syscall(&call);
	client_tag = call.tag;
	client_word = call.words[0];
	ends++;
}

static void body(unsigned self)
{
	struct host_call call = {.nr = IPC_RECV, .args = {EXPLORE_ENDPOINT}};

	if (self == 1) {
		for (unsigned i = 0; i < calls; i++)
			request(10 + i);
		return;
	}
	server_status = host_syscall(&call);
	for (unsigned i = 1; i < calls && !server_status; i++) {
		call = (struct host_call){.nr = IPC_REPLY_RECV, .args = {EXPLORE_ENDPOINT}, .tag = IPC_TAG(0, 1),
					  .words = {call.words[0] + 1000}};
		server_status = host_syscall(&call);
	}
	call = (struct host_call){.nr = IPC_REPLY, .tag = IPC_TAG(0, 1), .words = {call.words[0] + 1000}};
	answer_status = host_syscall(&call);
}

static void setup(void)
{
	client_status = server_status = answer_status = 1;
	ends = 0;
	calls = 2;
	sched_idle_polls = 1;
}

static void check(void)
{
	EXPLORE_EXPECT(ends == calls && client_status == 0 && server_status == 0 && answer_status == 0);
	EXPLORE_EXPECT(client_word == 1010 + calls - 1);
}

/** One call, that something may end. */
static void check_end(void)
{
	EXPLORE_EXPECT(ends == 1);
	if (server_status) {
		EXPLORE_EXPECT(client_status < 0 && !(client_tag & IPC_TAG_TAKEN) && answer_status == -ESRCH);
		return;
	}
	EXPLORE_EXPECT((client_status == 0) == (answer_status == 0));
	EXPLORE_EXPECT(client_status == 0 ? client_word == 1010 : (client_tag & IPC_TAG_TAKEN) != 0);
}

static void close_it(void *unused)
{
	(void)unused;
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

/** As a signal does it; then nobody waits for what does not come. */
static void interrupt_it(void *unused)
{
	struct thread *thread = explore_user_thread(target);

	fetch_or_acq_rel(&thread->pending, 16); // a bit that means no work by itself
	sched_interrupt(thread);
	close_it(unused);
}

static void time_out(void *unused)
{
	ipc_end_wait(explore_user_thread(1), -ETIMEDOUT);
	close_it(unused);
}

static void setup_with(void (*event)(void *))
{
	setup();
	calls = 1;
	explore_beside(event);
}

static void setup_close(void)
{
	setup_with(close_it);
}

static void setup_interrupt_client(void)
{
	target = 1;
	setup_with(interrupt_it);
}

static void setup_interrupt_server(void)
{
	target = 0;
	setup_with(interrupt_it);
}

static void setup_time_out(void)
{
	setup_with(time_out);
}

EXPLORE(ipc_I5_handed_over, .run = explore_run_users, .cpus = 2, .bodies = 2, .bound = 2, .setup = setup,
	.body = body, .check = check);
EXPLORE(ipc_I4_handed_over_or_close, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_close, .body = body, .check = check_end);
EXPLORE(ipc_I5_handed_over_or_interrupted_caller, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_interrupt_client, .body = body, .check = check_end);
EXPLORE(ipc_I5_handed_over_or_interrupted_server, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_interrupt_server, .body = body, .check = check_end);
EXPLORE(ipc_I5_handed_over_or_deadline, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_time_out, .body = body, .check = check_end);

// ---- against the scheduler ------------------------------------------------------------------------

static struct thread *woken;

static void be_woken(void *unused)
{
	(void)unused;
	for (;;) {
		sched_prepare_block();
		sched_block();
	}
}

/** Start a thread on the server's CPU while it may be handed one. */
static void wake_there(void *unused)
{
	(void)unused;
	sched_start(woken);
}

static void setup_wake(void)
{
	struct cpuset cpus = {{0}};

	setup();
	woken = thread_create_kernel("woken", be_woken, NULL);
	bitmap_set(cpus.bits, 0);
	EXPLORE_EXPECT(woken && sched_set_affinity(woken, &cpus) == 0);
	explore_beside(wake_there);
}

/** The server may run on CPU 2 only, from now on. */
static void move_server(void *unused)
{
	struct cpuset cpus = {{0}};

	(void)unused;
	bitmap_set(cpus.bits, 2);
	EXPLORE_EXPECT(sched_set_affinity(explore_user_thread(0), &cpus) == 0);
}

static void setup_move(void)
{
	setup();
	explore_beside(move_server);
}

EXPLORE(ipc_I5_handed_over_or_woken, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_wake, .body = body, .check = check);
EXPLORE(ipc_I5_handed_over_or_moved, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_move, .body = body, .check = check);
