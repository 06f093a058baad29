// SPDX-License-Identifier: MIT
// The switch to who is woken: a signal or a message for a thread of higher priority on the same CPU, while on
// another CPU one of: the last descriptor that can receive is closed, the waiter or the signaller is
// interrupted, the wait ends as by a deadline. Every wait ends once, every bit is taken once or still there,
// and nobody goes on in user mode without having looked at what was pending.
#include "users.h"

#include "../../ipc/internal.h"

#include <ipc/notification.h>
#include <kernel/panic.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define NOTIFICATION 2 // descriptors
#define SIGNAL_ONLY 3
#define INTERRUPTED 16 // a bit of `pending` that means no work by itself

static struct outcome {
	int64_t status;
	uint64_t tag, word;
	unsigned ends;
} waiter, other, second;

static struct notification *n;
static unsigned target; // of the interrupt
static _Atomic uint32_t is_interrupted; // and told so

static void install(struct grant *grant, int fd)
{
	if (fd_install(explore_user_fds(), grant, (uint32_t)fd, 0) != fd)
		panic("no memory for a scenario");
}

static void setup(void)
{
	struct grant *grant, *child;

	waiter = other = second = (struct outcome){0};
	atomic_init(&is_interrupted, 0);
	explore_name(&is_interrupted, "is_interrupted");
	explore_realtime(1);
	if (ipc_notification_create(&grant) || grant_derive(grant, IPC_RIGHT_SEND, UINT64_MAX, &child))
		panic("no memory for a scenario");
	n = ipc_notification_of(grant->object);
	object_get(&n->object); // what check looks at
	explore_name(&n->wq.lock, "notification.lock");
	install(grant, NOTIFICATION);
	install(child, SIGNAL_ONLY);
}

static void operate(struct outcome *outcome, uint64_t nr, uint64_t fd, uint64_t tag, uint64_t word)
{
	struct host_call call = {.nr = nr, .args = {fd}, .tag = tag, .words = {word}};

	host_syscall(&call);
	outcome->status = call.result;
	outcome->tag = call.tag;
	outcome->word = call.words[0];
	outcome->ends++;
}

static void close_it(void *unused)
{
	(void)unused;
	(void)fd_close(explore_user_fds(), NOTIFICATION);
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

static void interrupt_it(void *unused)
{
	struct thread *thread = explore_user_thread(target);

	fetch_or_acq_rel(&thread->pending, INTERRUPTED);
	sched_interrupt(thread);
	store_release(&is_interrupted, 1);
	close_it(unused);
}

static void time_out(void *unused)
{
	ipc_end_wait(explore_user_thread(0), -ETIMEDOUT);
	close_it(unused);
}

static void setup_close(void)
{
	setup();
	explore_beside(close_it);
}

static void setup_interrupt_waiter(void)
{
	setup();
	target = 0;
	explore_beside(interrupt_it);
}

static void setup_interrupt_other(void)
{
	setup();
	target = 1;
	explore_beside(interrupt_it);
}

static void setup_time_out(void)
{
	setup();
	explore_beside(time_out);
}

// ---- notifications --------------------------------------------------------------------------------

static void signal_body(unsigned self)
{
	if (self == 0)
		operate(&waiter, IPC_WAIT, NOTIFICATION, 3, IPC_NEVER);
	else
		operate(&other, IPC_SIGNAL, SIGNAL_ONLY, 1 | 4, 0);
}

static void check_signal(void)
{
	uint64_t taken = waiter.status ? 0 : waiter.tag;

	EXPLORE_EXPECT(waiter.ends == 1 && other.ends == 1);
	EXPLORE_EXPECT(other.status == 0 || other.status == -EPIPE);
	EXPLORE_EXPECT(waiter.status != 0 || taken == 1);
	EXPLORE_EXPECT((taken | n->bits) == 5 && !(taken & n->bits));
	EXPLORE_EXPECT(sched_waitq_is_empty(&n->wq));
	EXPLORE_EXPECT(waiter.status == 0 || waiter.status == -EPIPE || waiter.status == -EBADF ||
		       waiter.status == -EINTR || waiter.status == -ETIMEDOUT);
}

EXPLORE(ipc_I11_direct_signal_or_close, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup_close, .body = signal_body, .check = check_signal);
EXPLORE(ipc_I11_direct_signal_or_interrupt, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup_interrupt_waiter, .body = signal_body, .check = check_signal);
EXPLORE(ipc_I11_direct_signal_or_interrupted_signaller, .run = explore_run_users_together, .cpus = 2,
	.bodies = 2, .bound = 3, .setup = setup_interrupt_other, .body = signal_body,
	.check = check_signal);
EXPLORE(ipc_I11_direct_signal_or_end, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup_time_out, .body = signal_body, .check = check_signal);
/** Two waiters, of which one is a real-time one, and the signals on another CPU or theirs. */
EXPLORE(ipc_I11_signal_across_cpus_or_interrupt, .run = explore_run_users, .cpus = 3, .bodies = 2,
	.bound = 2, .setup = setup_interrupt_waiter, .body = signal_body, .check = check_signal);

static void two_signals_body(unsigned self)
{
	if (self == 0) {
		operate(&waiter, IPC_WAIT, NOTIFICATION, 1, IPC_NEVER);
		operate(&second, IPC_WAIT, NOTIFICATION, 2, IPC_NEVER);
	} else {
		operate(&other, IPC_SIGNAL, SIGNAL_ONLY, 1, 0);
		operate(&other, IPC_SIGNAL, SIGNAL_ONLY, 2, 0);
	}
}

static void check_two_signals(void)
{
	EXPLORE_EXPECT(waiter.status == 0 && waiter.tag == 1 && second.status == 0 && second.tag == 2);
	EXPLORE_EXPECT(other.status == 0 && other.ends == 2 && n->bits == 0);
}

EXPLORE(ipc_I11_direct_signals, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = two_signals_body, .check = check_two_signals);

// ---- one-way messages -----------------------------------------------------------------------------

static void send_body(unsigned self)
{
	if (self == 0)
		operate(&waiter, IPC_RECV, EXPLORE_ENDPOINT, 0, 0);
	else
		operate(&other, IPC_SEND, EXPLORE_ENDPOINT, IPC_TAG(0, 1), 7);
}

static void check_send(void)
{
	EXPLORE_EXPECT(waiter.ends == 1 && other.ends == 1);
	EXPLORE_EXPECT((waiter.status == 0) == (other.status == 0));
	EXPLORE_EXPECT(waiter.status != 0 || waiter.word == 7);
}

EXPLORE(ipc_I2_direct_send_or_close, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup_close, .body = send_body, .check = check_send);
EXPLORE(ipc_I2_direct_send_or_interrupt, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup_interrupt_waiter, .body = send_body, .check = check_send);
EXPLORE(ipc_I2_direct_send_or_interrupted_sender, .run = explore_run_users_together, .cpus = 2,
	.bodies = 2, .bound = 3, .setup = setup_interrupt_other, .body = send_body, .check = check_send);
