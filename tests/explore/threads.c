// SPDX-License-Identifier: MIT
// How bodies become kernel threads. The last one to end checks and ends the run, for what would
// come after it (exits, reaping) is other scenarios' business; the others stay blocked for ever.
#include "threads.h"

#include <kernel/panic.h>
#include <lib/bitmap.h>
#include <sched/sched.h>
#include <sched/thread.h>

static const struct explore_scenario *scenario;
static _Atomic uint32_t done;

static noreturn_fn void block_for_ever(void)
{
	for (;;) {
		sched_prepare_block();
		sched_block();
	}
}

static void body_thread(void *arg)
{
	scenario->body((unsigned)(uintptr_t)arg);
	if (fetch_add_acq_rel(&done, 1) + 1 == scenario->bodies) {
		if (scenario->check)
			scenario->check();
		explore_pass();
	}
	block_for_ever();
}

static void start(unsigned i, const struct cpuset *cpus)
{
	struct thread *thread = thread_create_kernel("body", body_thread, (void *)(uintptr_t)i);

	if (!thread || (cpus && sched_set_affinity(thread, cpus)))
		panic("no memory for a scenario");
	explore_name(&thread->state, "state");
	explore_name(&thread->on_cpu, "on_cpu");
	explore_name(&thread->wake_reason, "wake_reason");
	sched_start(thread);
}

static void run(const struct explore_scenario *self, bool is_pinned)
{
	scenario = self;
	explore_name(&done, "(bodies done)");
	if (self->setup)
		self->setup();
	for (unsigned i = 0; i < self->bodies; i++) {
		struct cpuset cpus = {{0}};

		bitmap_set(cpus.bits, i % self->cpus);
		start(i, is_pinned ? &cpus : NULL);
	}
	explore_begin();
	block_for_ever();
}

void explore_run_threads(const struct explore_scenario *self)
{
	run(self, true);
}

void explore_run_free_threads(const struct explore_scenario *self)
{
	run(self, false);
}
