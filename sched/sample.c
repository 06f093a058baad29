// SPDX-License-Identifier: MIT
// How much of its time a program spends in the kernel. System calls take no time stamps: CPU time is
// counted exactly, as one sum, at switches, and samples say how it divides. A timer interrupt at a random
// moment finds the CPU in user mode or in the kernel and gives that side the weight of the mean time
// between two samples.
//
// The timer is set at a switch when none is set (in the slow part that takes the load average, so
// that a switch pays nothing), for a moment up to twice PERIOD_MIN away, whatever runs then. A thread that
// had the CPU for itself since the sample before is let alone four times as long, up to PERIOD_MAX, with a
// weight to match, or until the next switch, which sets the timer anew. A timer that finds the CPU idle is
// not set again before the next switch.
#include <hal/atomic.h>

#include "fair.h"

#define PERIOD_MIN (10 * NSEC_PER_MSEC)
#define PERIOD_MAX (2 * NSEC_PER_SEC) // at least half of it passes: at most one interrupt in a second

static bool is_started;

static uint64_t switches(const struct runq *rq)
{
	return rq->switches_voluntary + rq->switches_involuntary;
}

/** At random about the period, so that no program keeps in step with it. */
static void set_timer(struct runq *rq, uint64_t now)
{
	uint64_t random = (now * 0x9e3779b97f4a7c15) >> 32;
	uint64_t least = rq->sample_period > PERIOD_MIN ? rq->sample_period / 2 : 0;
	uint64_t span = 2 * (rq->sample_period - least);
	rq->sample_switches = switches(rq);
	if (least)
		rq->sample_next = rq->event_next = 0;
	else
		rq->sample_next = UINT64_MAX;
	timer_set(&rq->sample_timer, time_now() + least + ((span >> 8) * random >> 24));
}

void sample_arm(struct runq *rq, uint64_t now)
{
	(void)timer_cancel(&rq->sample_timer);
	rq->sample_period = PERIOD_MIN;
	set_timer(rq, now);
}

static void sample_fired(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, sample_timer);
	spin_lock(&rq->lock);
	if (current_thread() == rq->idle) {
		rq->sample_next = rq->event_next = 0;
	} else {
		rq->percpu->is_sample_due = 1;
	}
	spin_unlock(&rq->lock);
}

static void add(struct sched_samples *samples, bool is_user, uint64_t weight)
{
	_Atomic uint64_t *side = is_user ? &samples->user : &samples->system;
	store_relaxed(side, load_relaxed(side) + weight);
}

void upcall_sample(bool is_user)
{
	struct runq *rq = this_cpu_ptr(runq);
	struct thread *thread = current_thread();
	rq->percpu->is_sample_due = 0;
	spin_lock(&rq->lock);
	add(&thread->sched.samples, is_user, rq->sample_period);
	if (thread->mm.space)
		add(&rq->samples, is_user, rq->sample_period);
	bool is_alone = rq->sample_switches == switches(rq);
	rq->sample_period = is_alone ? min(4 * rq->sample_period, (uint64_t)PERIOD_MAX) : PERIOD_MIN;
	set_timer(rq, hal_clock_read());
	spin_unlock(&rq->lock);
}

void sample_init(struct runq *rq)
{
	timer_init(&rq->sample_timer, sample_fired);
	rq->sample_next = is_started ? 0 : UINT64_MAX;
}

void sample_stop(struct runq *rq)
{
	// If it is not queued, it has fired: the interrupt comes as soon as this CPU takes one again.
	if (timer_cancel(&rq->sample_timer))
		rq->sample_next = rq->event_next = 0;
}

void sched_start_samples(void)
{
	is_started = true;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		struct runq *rq = cpu_runq(cpu);
		if (!rq)
			continue;
		irqflags_t flags = spin_lock_irqsave(&rq->lock);
		rq->sample_next = rq->event_next = 0;
		spin_unlock_irqrestore(&rq->lock, flags);
	}
}

void sched_add_samples(struct sched_samples *sum, const struct sched_samples *more)
{
	store_relaxed(&sum->user, load_relaxed(&sum->user) + load_relaxed(&more->user));
	store_relaxed(&sum->system, load_relaxed(&sum->system) + load_relaxed(&more->system));
}

void sched_divide_time(nsec_t total, const struct sched_samples *samples, struct sched_times *shown)
{
	// In units that leave room for the shift: 16 bits of a fraction say more than samples do.
	uint64_t user = load_relaxed(&samples->user) >> 16, system = load_relaxed(&samples->system) >> 16;
	uint64_t share = system ? (system << 16) / (user + system) : 0;
	nsec_t in_kernel = (nsec_t)((unsigned __int128)total * share >> 16);
	nsec_t most = total - min(total, shown->user); // user time does not shrink
	shown->system = max(shown->system, min(in_kernel, most));
	shown->user = max(shown->user, total - min(total, shown->system));
}
