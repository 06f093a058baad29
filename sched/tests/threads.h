// SPDX-License-Identifier: MIT
// For the tests of the scheduler: groups of kernel threads.
#pragma once

#include <hal/atomic.h>
#include <hal/cpu.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/test.h>
#include <sched/mutex.h>
#include <sched/sched.h>

#define GROUP_MAX 64

/** Threads that run fn(arg) each, and are waited for together. */
struct group {
	struct sched_semaphore done;
	void (*fn)(void *arg);
	void *arg;
	struct thread *threads[GROUP_MAX]; // referenced until group_join()
	unsigned count;
};

static inline void group_entry(void *arg)
{
	struct group *group = arg;
	group->fn(group->arg);
	sched_semaphore_up(&group->done);
}

static inline void group_init(struct group *group, void (*fn)(void *), void *arg)
{
	sched_semaphore_init(&group->done, 0);
	group->fn = fn;
	group->arg = arg;
	group->count = 0;
}

/** A new thread, not started. */
static inline struct thread *group_add(struct group *group, const char *name)
{
	struct thread *thread = thread_create_kernel(name, group_entry, group);
	EXPECT(thread);
	if (thread) {
		thread_get(thread);
		group->threads[group->count++] = thread;
	}
	return thread;
}

static inline void group_start(struct group *group, unsigned count, const char *name)
{
	while (count--) {
		struct thread *thread = group_add(group, name);
		if (thread)
			sched_start(thread);
	}
}

static inline void group_join(struct group *group)
{
	for (unsigned i = 0; i < group->count; i++)
		EXPECT_EQ(sched_semaphore_down(&group->done, NSEC_NEVER, 0), 0);
	for (unsigned i = 0; i < group->count; i++)
		thread_put(group->threads[i]);
	group->count = 0;
}

/** Body of a loop that waits for other threads: in virtual time nothing else ends it. */
static inline void let_others_run(void)
{
	sched_yield();
	hal_cpu_relax();
}

/** Let others run until @thread is blocked. */
static inline void wait_until_blocked(struct thread *thread)
{
	while (!thread_is_blocked(thread) || load_acquire(&thread->on_cpu))
		let_others_run();
}

/** Only @cpu. */
static inline struct cpuset cpuset_of(cpuid_t cpu)
{
	struct cpuset set = {{0}};
	bitmap_set(set.bits, cpu);
	return set;
}
