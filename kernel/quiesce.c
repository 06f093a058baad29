// SPDX-License-Identifier: MIT
// Quiescence.
//
// Each CPU counts its quiescent states in `passed`; an idle CPU says so in `is_idle`. A callback may
// run once every online CPU, after the callback was queued, has either passed a quiescent state or
// been idle. The reclaim thread does this in batches: take all queued callbacks, note every CPU's
// count (after a full fence, so that whatever the callbacks' objects were unlinked by is visible
// before the counts are read), then wait until each has moved or is idle, then run the batch.
// A CPU that computes in user mode for long is asked by an IPI: an interrupt of user mode reports. In
// the kernel it will switch, or go back to user mode and be asked again. Interrupt handlers of an idle
// CPU look nothing up without a lock.
//
//   looker-up (CPU A)              unlinker (CPU B)            reclaim
//   p = load slot                  store slot = NULL
//   use p                          quiesce_defer(p)  ───────►  note A.passed = 7
//   ...switch: A.passed = 8                                    A.passed == 8: free p
//
// The looker-up's uses of p come before its increment (release), which reclaim reads (acquire).
//
// The thread is not woken for each callback: two switches per close(2) would cost three times the call
// itself. It is woken for BATCH of them, or DELAY after the first.
#include <hal/percpu.h>
#include <hal/smp.h>
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/main.h>
#include <kernel/quiesce.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <kernel/upcall.h>

#define ASK_AFTER (2 * NSEC_PER_MSEC)
#define BATCH 64
#define DELAY (4 * NSEC_PER_MSEC)

struct quiesce_cpu {
	_Atomic uint64_t passed; // written by its own CPU
	_Atomic uint32_t is_idle;
	uint64_t noted; // reclaim thread only
};
static DEFINE_PERCPU(struct quiesce_cpu, quiesce_cpu);
static struct cpuset members; // CPUs that ever came: those out of service count as idle

static struct spinlock lock = SPINLOCK_INIT;
static struct quiesce *queued; // lock
static struct quiesce **queued_tail = &queued; // lock
static unsigned queued_count; // lock

static void end_delay(struct timer *timer)
{
	(void)timer;
	upcall_wake_reclaim();
}
static struct timer delay = {.fn = end_delay}; // is set by who finds `queued` empty

void quiesce_init_cpu(void)
{
	cpuid_t cpu = this_cpu();
	__atomic_fetch_or(&members.bits[cpu / BITS_PER_LONG], 1ul << (cpu % BITS_PER_LONG), __ATOMIC_ACQ_REL);
}

void quiesce_report(void)
{
	struct quiesce_cpu *self = this_cpu_ptr(quiesce_cpu);
	uint64_t passed = atomic_load_explicit(&self->passed, memory_order_relaxed);
	store_release(&self->passed, passed + 1);
}

void quiesce_idle_enter(void)
{
	store_release(&this_cpu_ptr(quiesce_cpu)->is_idle, 1);
}

void quiesce_idle_exit(void)
{
	struct quiesce_cpu *self = this_cpu_ptr(quiesce_cpu);
	store_relaxed(&self->is_idle, 0);
	// Lookups from here on must not be read before is_idle == 0 is seen: reclaim may else count
	// this CPU as idle and free what it is about to find.
	fence_seq_cst();
	quiesce_report();
}

void quiesce_defer(struct quiesce *head, void (*fn)(struct quiesce *))
{
	head->fn = fn;
	head->next = NULL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	unsigned count = ++queued_count;
	*queued_tail = head;
	queued_tail = &head->next;
	// Under the lock: else two CPUs could set the timer at once.
	if (count == 1 && !timer_is_queued(&delay))
		timer_set(&delay, time_now() + DELAY);
	spin_unlock_irqrestore(&lock, flags);
	if (count == BATCH)
		upcall_wake_reclaim();
}

bool quiesce_has_work(void)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	bool has_work = queued != NULL;
	spin_unlock_irqrestore(&lock, flags);
	return has_work;
}

static struct quiesce *take_all(void)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	struct quiesce *batch = queued;
	queued = NULL;
	queued_tail = &queued;
	queued_count = 0;
	spin_unlock_irqrestore(&lock, flags);
	return batch;
}

/** @now: who is a member; one that comes later cannot have seen what waits. */
static void note_all(struct cpuset *now)
{
	cpuid_t cpu;
	fence_seq_cst();
	for (size_t i = 0; i < array_len(now->bits); i++)
		now->bits[i] = __atomic_load_n(&members.bits[i], __ATOMIC_ACQUIRE);
	bitmap_for_each_set(cpu, now->bits, CPUS_MAX) {
		struct quiesce_cpu *other = cpu_ptr(quiesce_cpu, cpu);
		other->noted = load_acquire(&other->passed);
	}
}

static bool has_passed(cpuid_t cpu)
{
	struct quiesce_cpu *other = cpu_ptr(quiesce_cpu, cpu);
	return load_acquire(&other->is_idle) || load_acquire(&other->passed) != other->noted;
}

/** Sleep until every CPU has passed; the reclaim thread's own CPU passes by the sleep itself. */
static void wait_for_grace_period(void)
{
	struct cpuset now;
	note_all(&now);
	nsec_t ask_at = time_now() + ASK_AFTER;
	cpuid_t cpu;
	bitmap_for_each_set(cpu, now.bits, CPUS_MAX) {
		while (!has_passed(cpu)) {
			if (time_now() >= ask_at)
				hal_ipi_send(cpu);
			upcall_sleep_until(time_now() + NSEC_PER_MSEC);
		}
	}
}

void quiesce_thread(void *unused)
{
	(void)unused;
	for (;;) {
		struct quiesce *batch = take_all();
		if (!batch) {
			upcall_sleep_until(NSEC_NEVER);
			continue;
		}
		wait_for_grace_period();
		while (batch) {
			struct quiesce *next = batch->next;
			batch->fn(batch);
			batch = next;
		}
	}
}

struct waiter {
	struct quiesce quiesce;
	_Atomic uint32_t is_done;
};

static void finish_wait(struct quiesce *self)
{
	store_release(&container_of(self, struct waiter, quiesce)->is_done, 1);
}

void quiesce_wait(void)
{
	struct waiter waiter = {0};
	quiesce_defer(&waiter.quiesce, finish_wait);
	upcall_wake_reclaim();
	while (!load_acquire(&waiter.is_done))
		upcall_sleep_until(time_now() + NSEC_PER_MSEC / 4);
}
