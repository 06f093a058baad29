// SPDX-License-Identifier: MIT
// Nanoseconds, and the per-CPU timer queues.
//
// Ticks become nanoseconds by a 64x64→128-bit multiplication with a fixed-point factor, set once.
// Each CPU's queue is a tree by deadline with its own lock; the hardware timer of that CPU is set to
// the first entry and only ever by that CPU. A timer that another CPU cancels leaves the hardware
// set: the interrupt then finds nothing to do, once.
//
// Cancel against fire: the queue lock decides. Who takes the timer off the tree owns the outcome;
// `running` tells a canceller that fn may still be executing.
#include <hal/clock.h>
#include <hal/upcall.h>
#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <uapi/vdso.h>

struct timer_queue {
	struct spinlock lock;
	struct rbtree tree; // lock
	nsec_t programmed; // what the hardware is set to; own CPU
	_Atomic uint64_t interrupts; // own CPU writes
	bool is_ready; // its CPU has started once
};
static DEFINE_PERCPU(struct timer_queue, timer_queue);

#define TAKE_OVER_MAX 32 // timers moved at once: bounds the time with interrupts off
struct time_base time_base;
static uint64_t ticks_per_ns; // << TIME_FACTOR_SHIFT

static uint64_t scale(uint64_t value, uint64_t factor)
{
	return (uint64_t)(((unsigned __int128)value * factor) >> TIME_FACTOR_SHIFT);
}

/** a / b << TIME_FACTOR_SHIFT, rounded, without a 128-bit division. */
static uint64_t ratio(uint64_t a, uint64_t b)
{
	uint64_t whole = a / b, rest = a % b, fraction = 0;
	for (int i = 0; i < TIME_FACTOR_SHIFT; i++) {
		rest <<= 1;
		fraction <<= 1;
		if (rest >= b) {
			rest -= b;
			fraction |= 1;
		}
	}
	return (whole << TIME_FACTOR_SHIFT) + fraction + (rest * 2 >= b);
}

uint64_t time_to_ticks(nsec_t ns)
{
	return scale(ns, ticks_per_ns);
}

static struct vdso_clock *user_clock; // NULL: programs have none

void time_set_realtime_offset(nsec_t offset)
{
	store_relaxed(&time_base.realtime_offset, offset);
	if (user_clock)
		__atomic_store_n(&user_clock->realtime_offset, offset, __ATOMIC_RELAXED);
}

void time_publish(struct vdso_clock *clock)
{
	static_assert(VDSO_FACTOR_SHIFT == TIME_FACTOR_SHIFT, "one factor for both");
	clock->boot_ticks = time_base.boot_ticks;
	clock->ns_per_tick = time_base.ns_per_tick;
	clock->realtime_offset = time_realtime_offset();
	clock->is_usable = hal_clock_is_for_users();
	user_clock = clock;
}

void time_init(void)
{
	uint64_t hz = hal_clock_hz();
	verify(hz > 0);
	time_base.ns_per_tick = ratio(NSEC_PER_SEC, hz);
	ticks_per_ns = ratio(hz, NSEC_PER_SEC);
	time_base.boot_ticks = hal_clock_read();
	time_set_realtime_offset(hal_rtc_read() * NSEC_PER_SEC);
}

void time_init_cpu(void)
{
	struct timer_queue *queue = this_cpu_ptr(timer_queue);
	if (!queue->is_ready) { // who cancels a timer that has left may hold the lock
		spin_init(&queue->lock);
		rbtree_init(&queue->tree);
		queue->is_ready = true;
	}
	queue->programmed = NSEC_NEVER;
	hal_timer_init_cpu();
	if (user_clock) // a CPU that came late may have shown that counters differ
		__atomic_store_n(&user_clock->is_usable, hal_clock_is_for_users(), __ATOMIC_RELAXED);
}

/** Set the hardware to @deadline, rounded up to a tick. */
static void program(struct timer_queue *queue, nsec_t deadline)
{
	if (deadline == queue->programmed)
		return;
	queue->programmed = deadline;
	hal_timer_set(deadline == NSEC_NEVER ? UINT64_MAX
					     : time_base.boot_ticks + scale(deadline, ticks_per_ns) + 1);
}

static bool fires_before(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, struct timer, node)->deadline < rb_entry(b, struct timer, node)->deadline;
}

void timer_init(struct timer *timer, void (*fn)(struct timer *))
{
	rbnode_init(&timer->node);
	timer->deadline = 0;
	timer->fn = fn;
	atomic_init(&timer->cpu_plus_1, 0);
	atomic_init(&timer->running, 0);
}

void timer_set(struct timer *timer, nsec_t deadline)
{
	irqflags_t flags = hal_irq_save();
	struct timer_queue *queue = this_cpu_ptr(timer_queue);
	spin_lock(&queue->lock);
	assert(load_relaxed(&timer->cpu_plus_1) == 0);
	timer->deadline = deadline;
	rbtree_insert(&queue->tree, &timer->node, fires_before);
	store_relaxed(&timer->cpu_plus_1, this_cpu() + 1);
	if (rbtree_first(&queue->tree) == &timer->node)
		program(queue, deadline);
	spin_unlock(&queue->lock);
	hal_irq_restore(flags);
}

bool timer_cancel(struct timer *timer)
{
	for (;;) {
		uint32_t cpu_plus_1 = load_acquire(&timer->cpu_plus_1);
		if (!cpu_plus_1)
			return false;
		struct timer_queue *queue = cpu_ptr(timer_queue, cpu_plus_1 - 1);
		irqflags_t flags = spin_lock_irqsave(&queue->lock);
		bool is_here = load_relaxed(&timer->cpu_plus_1) == cpu_plus_1;
		if (is_here) {
			rbtree_remove(&queue->tree, &timer->node);
			store_release(&timer->cpu_plus_1, 0);
		}
		spin_unlock_irqrestore(&queue->lock, flags);
		if (is_here)
			return true;
	}
}

bool timer_cancel_sync(struct timer *timer)
{
	bool was_queued = timer_cancel(timer);
	while (load_acquire(&timer->running))
		hal_cpu_relax();
	return was_queued;
}

/** Move up to @max timers of @from to @to, this CPU's; both locked. False: none is left. */
static bool take_over(struct timer_queue *from, struct timer_queue *to, unsigned max)
{
	while (max--) {
		struct timer *timer = rbtree_first_entry(&from->tree, struct timer, node);
		if (!timer)
			return false;
		rbtree_remove(&from->tree, &timer->node);
		rbtree_insert(&to->tree, &timer->node, fires_before);
		// Release: who finds the new queue here finds the timer in it.
		store_release(&timer->cpu_plus_1, this_cpu() + 1);
	}
	return true;
}

void timers_take_from(cpuid_t cpu)
{
	struct timer_queue *from = cpu_ptr(timer_queue, cpu);
	for (bool is_more = true; is_more;) {
		irqflags_t flags = hal_irq_save();
		struct timer_queue *to = this_cpu_ptr(timer_queue);
		if (to == from) {
			hal_irq_restore(flags);
			return;
		}
		// Nobody else holds two: no order is needed.
		spin_lock(&from->lock);
		spin_lock_nested(&to->lock);
		is_more = take_over(from, to, TAKE_OVER_MAX);
		struct timer *first = rbtree_first_entry(&to->tree, struct timer, node);
		if (first)
			program(to, first->deadline);
		spin_unlock(&to->lock);
		spin_unlock(&from->lock);
		hal_irq_restore(flags);
	}
}

uint64_t timer_interrupts(cpuid_t cpu)
{
	return load_relaxed(&cpu_ptr(timer_queue, cpu)->interrupts);
}

/** Take the first timer that is due off the queue; NULL: none is, and the hardware is set. */
static struct timer *take_due(struct timer_queue *queue, nsec_t now)
{
	spin_lock(&queue->lock);
	struct timer *timer = rbtree_first_entry(&queue->tree, struct timer, node);
	if (timer && timer->deadline <= now) {
		rbtree_remove(&queue->tree, &timer->node);
		store_relaxed(&timer->running, 1);
		store_release(&timer->cpu_plus_1, 0);
	} else {
		program(queue, timer ? timer->deadline : NSEC_NEVER);
		timer = NULL;
	}
	spin_unlock(&queue->lock);
	return timer;
}

void upcall_timer(void)
{
	struct timer_queue *queue = this_cpu_ptr(timer_queue);
	struct timer *timer;
	store_relaxed(&queue->interrupts, load_relaxed(&queue->interrupts) + 1);
	queue->programmed = 0; // it has fired: whatever comes next must be set anew
	while ((timer = take_due(queue, time_now()))) {
		timer->fn(timer);
		store_release(&timer->running, 0);
	}
}
