// SPDX-License-Identifier: MIT
// Notifications and ports: signal or send against wait or receive, close, deadline and signal (or kill:
// the same interrupt). Every bit and every message is taken once or still there, and every wait ends.
#include "threads.h"

#include <ipc/notification.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <object/fdtable.h>
#include <object/init.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "../../ipc/port.h"

#define FD 0
#define SHORT (10 * NSEC_PER_USEC)

static struct fdtable *fds;
static struct notification *n;
static struct port *port;
static struct thread *_Atomic target;
static _Atomic uint32_t sent, received; // bits or words that were
static _Atomic uint32_t ends; // waits that ended without
static err_t outcomes[3];

static void install(struct grant *grant)
{
	object_get(grant->object); // what check() looks at
	if (!fds || fd_install(fds, grant, FD, 0) != FD)
		panic("no memory for a scenario");
}

static void setup(void)
{
	object_init_caches();
	fds = fdtable_create();
	atomic_init(&target, NULL);
	atomic_init(&sent, 0);
	atomic_init(&received, 0);
	atomic_init(&ends, 0);
	explore_name(&target, "target");
	explore_name(&sent, "sent");
	explore_name(&received, "received");
	explore_name(&ends, "ends");
}

static void setup_notification(void)
{
	struct grant *grant;

	setup();
	if (ipc_notification_create(&grant))
		panic("no memory for a scenario");
	n = ipc_notification_of(grant->object);
	explore_name(&n->wq.lock, "notification.lock");
	install(grant);
}

static void setup_port(void)
{
	struct grant *grant;

	setup();
	if (ipc_port_create(1, &grant))
		panic("no memory for a scenario");
	port = container_of(grant->object, struct port, object);
	explore_name(&port->wq.lock, "port.lock");
	install(grant);
}

static void enter(void)
{
	current_thread()->object.fds = fds;
}

static void close_it(void)
{
	EXPLORE_EXPECT(fd_close(fds, FD) == 0);
}

/** Interrupt the thread that is, or soon will be, waiting. */
static void interrupt_target(void)
{
	struct thread *thread = load_acquire(&target);

	if (!thread)
		return;
	store_release(&thread->pending, 1);
	sched_interrupt(thread);
}

// ---- notifications --------------------------------------------------------------------------------

static err_t wait_for(uint64_t mask, nsec_t deadline)
{
	uint64_t bits = 0;
	err_t err = ipc_wait(n, mask, deadline, &bits);

	EXPLORE_EXPECT((err == 0) == (bits != 0) && !(bits & ~mask));
	if (err) {
		fetch_add_relaxed(&ends, 1);
	} else {
		EXPLORE_EXPECT(!(load_relaxed(&received) & bits)); // once
		fetch_or_acq_rel(&received, (uint32_t)bits);
	}
	return err;
}

static void signal(uint32_t bits)
{
	if (ipc_signal(n, bits) == 0)
		fetch_or_acq_rel(&sent, bits);
}

static void check_bits(void)
{
	EXPLORE_EXPECT((load_relaxed(&received) | n->bits) == load_relaxed(&sent));
	EXPLORE_EXPECT(!(load_relaxed(&received) & n->bits));
	EXPLORE_EXPECT(sched_waitq_is_empty(&n->wq));
}

static void two_waiters_body(unsigned self)
{
	if (self == 2) {
		signal(1);
		signal(2);
	} else {
		EXPLORE_EXPECT(wait_for(1u << self, NSEC_NEVER) == 0);
	}
}
EXPLORE(ipc_I11_two_waiters_get_their_bits, .run = explore_run_threads, .cpus = 3, .bodies = 3,
	.bound = 3, .setup = setup_notification, .body = two_waiters_body, .check = check_bits);

static void two_signallers_body(unsigned self)
{
	if (self == 0) {
		while (load_relaxed(&received) != 3)
			EXPLORE_EXPECT(wait_for(3, NSEC_NEVER) == 0);
	} else {
		signal(self);
	}
}
EXPLORE(ipc_I11_no_bit_is_lost, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_notification, .body = two_signallers_body, .check = check_bits);

static void wait_or_close_body(unsigned self)
{
	enter();
	if (self == 0) {
		err_t err = wait_for(1, NSEC_NEVER);
		EXPLORE_EXPECT(err == 0 || err == -EPIPE);
	} else if (self == 1) {
		signal(1);
	} else {
		close_it();
	}
}
EXPLORE(ipc_I11_signal_or_close, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_notification, .body = wait_or_close_body);

static void wait_or_interrupt_body(unsigned self)
{
	if (self == 0) {
		store_release(&target, current_thread());
		err_t err = wait_for(1, NSEC_NEVER);
		EXPLORE_EXPECT(err == 0 || err == -EINTR);
	} else if (self == 1) {
		signal(1);
	} else {
		interrupt_target();
	}
}
EXPLORE(ipc_I11_signal_or_interrupt, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_notification, .body = wait_or_interrupt_body, .check = check_bits);

/** A bit that came for who gave up goes to who did not. */
static void wait_or_deadline_body(unsigned self)
{
	if (self == 2)
		signal(1);
	else if (self == 0)
		(void)wait_for(1, time_now() + SHORT);
	else if (wait_for(1, time_now() + SHORT) == -ETIMEDOUT)
		return;
}
EXPLORE(ipc_I11_signal_or_deadline, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.flags = EXPLORE_TIMERS, .setup = setup_notification, .body = wait_or_deadline_body,
	.check = check_bits);

// ---- ports ----------------------------------------------------------------------------------------

static err_t port_call(void (*call)(struct trapframe *tf), uint64_t *word)
{
	struct trapframe tf = {.args = {FD}, .ipc_tag = IPC_TAG(0, 1), .ipc_words = {*word}};

	enter();
	call(&tf);
	*word = tf.ipc_words[0];
	return (err_t)tf.result;
}

static err_t send(uint64_t word)
{
	err_t err = port_call(ipc_port_send, &word);

	fetch_add_relaxed(err ? &ends : &sent, 1);
	return err;
}

static err_t receive(uint64_t *word)
{
	err_t err = port_call(ipc_port_recv, word);

	fetch_add_relaxed(err ? &ends : &received, 1);
	return err;
}

static void check_messages(void)
{
	EXPLORE_EXPECT(load_relaxed(&sent) == load_relaxed(&received) + port->count);
	EXPLORE_EXPECT(sched_waitq_is_empty(&port->wq));
}

/** Each sender's messages in order, through one slot. */
static void stream_body(unsigned self)
{
	static uint64_t last[3];
	if (self == 0) {
		last[1] = last[2] = 0;
		for (unsigned i = 0; i < 3; i++) {
			uint64_t word = 0;
			EXPLORE_EXPECT(receive(&word) == 0);
			EXPLORE_EXPECT(word % 10 == last[word / 10] + 1);
			last[word / 10]++;
		}
		return;
	}
	for (unsigned i = 1; i <= 3 - self; i++)
		EXPLORE_EXPECT(send(10 * self + i) == 0);
}
EXPLORE(ipc_I9_two_senders_one_slot, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_port, .body = stream_body, .check = check_messages);

static void two_receivers_body(unsigned self)
{
	uint64_t word = 0;

	if (self == 2)
		EXPLORE_EXPECT(send(1) == 0 && send(2) == 0);
	else
		EXPLORE_EXPECT(receive(&word) == 0 && word != 0);
}
EXPLORE(ipc_I9_two_receivers, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_port, .body = two_receivers_body, .check = check_messages);

static void receive_or_close_body(unsigned self)
{
	uint64_t word = 0;

	enter();
	if (self == 2)
		close_it();
	else
		outcomes[self] = self ? send(1) : receive(&word);
}

static void check_closed(void)
{
	for (unsigned i = 0; i < 2; i++)
		EXPLORE_EXPECT(outcomes[i] == 0 || outcomes[i] == -EPIPE || outcomes[i] == -EBADF);
	EXPLORE_EXPECT(outcomes[0] != 0 || outcomes[1] == 0); // what was received was sent
	EXPLORE_EXPECT(port->is_closed && port->count == 0 && sched_waitq_is_empty(&port->wq));
}
EXPLORE(ipc_I9_transfer_or_close, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_port, .body = receive_or_close_body, .check = check_closed);

/** The port is full: the sender waits for the receiver, and may be interrupted. */
static void setup_full(void)
{
	setup_port();
	struct thread *self = current_thread();
	struct fdtable *own = self->object.fds;
	EXPLORE_EXPECT(send(1) == 0);
	self->object.fds = own;
}

static void send_or_interrupt_body(unsigned self)
{
	uint64_t word = 0;

	if (self == 0) {
		store_release(&target, current_thread());
		outcomes[0] = send(2);
	} else if (self == 1) {
		EXPLORE_EXPECT(receive(&word) == 0 && word == 1);
	} else {
		interrupt_target();
	}
}

static void check_interrupted(void)
{
	EXPLORE_EXPECT(outcomes[0] == 0 || outcomes[0] == -EINTR);
	EXPLORE_EXPECT(port->count == (outcomes[0] == 0));
	check_messages();
}
EXPLORE(ipc_I9_send_or_interrupt, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_full, .body = send_or_interrupt_body, .check = check_interrupted);

/** A message that was meant for who is interrupted goes to the other receiver. */
static void receive_or_interrupt_body(unsigned self)
{
	uint64_t word = 0;

	if (self == 0) {
		store_release(&target, current_thread());
		outcomes[0] = receive(&word);
	} else if (self == 1) {
		EXPLORE_EXPECT(send(1) == 0);
	} else {
		interrupt_target();
	}
}

static void check_received(void)
{
	EXPLORE_EXPECT(outcomes[0] == 0 || outcomes[0] == -EINTR);
	check_messages();
}
EXPLORE(ipc_I9_receive_or_interrupt, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_port, .body = receive_or_interrupt_body, .check = check_received);

/** Who gives up has not received: the message goes to the other one, or stays. */
static err_t receive_until(nsec_t deadline)
{
	struct trapframe tf = {.args = {FD}};
	struct port_wait wait = {.deadline = deadline};
	struct port *found;

	enter();
	hal_irq_disable();
	EXPLORE_EXPECT(port_find(&tf, IPC_RIGHT_RECV, &found, &wait.grant) == 0 && found == port);
	err_t err = port_recv(port, &wait, false);
	fetch_add_relaxed(err ? &ends : &received, 1);
	return err;
}

static void receive_or_deadline_body(unsigned self)
{
	if (self == 2)
		EXPLORE_EXPECT(send(1) == 0);
	else if (receive_until(time_now() + SHORT) == 0)
		EXPLORE_EXPECT(load_relaxed(&received) == 1);
}
EXPLORE(ipc_I9_receive_or_deadline, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.flags = EXPLORE_TIMERS, .setup = setup_port, .body = receive_or_deadline_body,
	.check = check_messages);
