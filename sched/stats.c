// SPDX-License-Identifier: MIT
// Counters, CPU time, latencies and load averages, for programs to read. Nothing here runs at a switch
// but the count of a wait that was long, and the load sample, every five seconds and only where something happens: a CPU that slept through some
// periods had a constant number of runnable threads in them, and catches up.
#include "fair.h"

#define LOAD_PERIOD_S 5
#define LOAD_SHIFT 11
#define LOAD_ONE (1u << LOAD_SHIFT)
#define LOAD_CATCH_UP_MAX 2000 // after which nothing is left of the oldest (15 min) average

// LOAD_ONE * exp(-5 s / 1, 5, 15 min)
static const uint32_t decay[3] = {1884, 2014, 2037};

void load_sample(struct runq *rq, uint64_t now)
{
	uint64_t period = hal_clock_hz() * LOAD_PERIOD_S;
	// What was so when the period ended, not what the event that leads here makes of it.
	bool was_idle = runq_current(rq) == rq->idle;
	uint64_t runnable = was_idle ? 0 : (uint64_t)runq_load(rq) << LOAD_SHIFT;
	for (unsigned n = 0; now >= rq->load_next; n++) {
		if (n == LOAD_CATCH_UP_MAX) {
			rq->load_next = now + period;
			return;
		}
		rq->load_next += period;
		for (unsigned i = 0; i < array_len(decay); i++)
			rq->load[i] = (rq->load[i] * decay[i] +
				       runnable * (LOAD_ONE - decay[i]) + LOAD_ONE / 2) >>
				      LOAD_SHIFT;
	}
}

void runq_event(struct runq *rq, uint64_t now)
{
	if (now >= rq->load_next)
		load_sample(rq, now);
	if (now >= rq->sample_next)
		sample_arm(rq, now);
	rq->event_next = min(rq->load_next, rq->sample_next);
}

unsigned latency_shift;

void latency_init(void)
{
	while (1ull << latency_shift < hal_clock_hz() / 1000000)
		latency_shift++;
}

void latency_count_long(struct runq *rq, uint64_t units)
{
	unsigned bucket = SCHED_LATENCY_LINEAR;
	for (units /= 2 * SCHED_LATENCY_LINEAR; units && bucket < SCHED_LATENCY_BUCKETS - 1; units /= 2)
		bucket++;
	rq->latency[bucket]++;
}

nsec_t sched_latency_limit(unsigned bucket)
{
	uint64_t units = bucket < SCHED_LATENCY_LINEAR ?
				 bucket + 1ull :
				 2ull * SCHED_LATENCY_LINEAR << (bucket - SCHED_LATENCY_LINEAR);
	return time_from_ticks(units << latency_shift);
}

// Of threads that are no more.
static _Atomic uint64_t gone_voluntary;

void stats_thread_gone(const struct thread *thread)
{
	fetch_add_relaxed(&gone_voluntary, thread->sched.switches_voluntary);
}

static void add_voluntary(void *sum, struct thread *thread)
{
	*(uint64_t *)sum += __atomic_load_n(&thread->sched.switches_voluntary, __ATOMIC_RELAXED);
}

uint64_t sched_direct_switches(void)
{
	// Threads count all their switches, queues those that went through them: so the fast path counts
	// once only. The queues first: what happens meanwhile makes the difference no smaller.
	uint64_t through_queues = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		struct runq *rq = cpu_runq(cpu);
		if (rq)
			through_queues += __atomic_load_n(&rq->switches_voluntary, __ATOMIC_RELAXED);
	}
	uint64_t all = load_relaxed(&gone_voluntary);
	thread_for_each(add_voluntary, &all);
	return all - min(all, through_queues);
}

void sched_get_load(uint64_t load[3])
{
	for (unsigned i = 0; i < 3; i++)
		load[i] = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		struct runq *rq = cpu_runq(cpu);
		if (!rq)
			continue;
		irqflags_t flags = spin_lock_irqsave(&rq->lock);
		load_sample(rq, hal_clock_read());
		for (unsigned i = 0; i < 3; i++)
			load[i] += rq->load[i];
		spin_unlock_irqrestore(&rq->lock, flags);
	}
}

unsigned sched_runnable_count(void)
{
	unsigned count = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		struct runq *rq = online_runq(cpu);
		if (!rq)
			continue;
		irqflags_t flags = hal_irq_save(); // keeps the running thread's memory
		count += runq_load(rq);
		hal_irq_restore(flags);
	}
	return count;
}

/** Ticks that @thread has run until @now. Its run queue is locked. A direct switch may change both
 *  words meanwhile: then they are read again. */
static uint64_t run_ticks(struct thread *thread, uint64_t now)
{
	uint64_t before, ticks;
	do {
		before = __atomic_load_n(&thread->sched.run_ticks, __ATOMIC_ACQUIRE);
		ticks = before;
		uint64_t stamp = __atomic_load_n(&thread->sched.stamp, __ATOMIC_ACQUIRE);
		if (load_relaxed(&thread->state) == THREAD_RUNNING && now > stamp)
			ticks += now - stamp;
	} while (before != __atomic_load_n(&thread->sched.run_ticks, __ATOMIC_ACQUIRE));
	return ticks;
}

/** And, unless @times is NULL, how it divides. */
static nsec_t cpu_time(struct thread *thread, struct sched_times *times)
{
	irqflags_t flags = hal_irq_save();
	struct runq *rq = runq_lock_of(thread);
	nsec_t total = time_from_ticks(run_ticks(thread, hal_clock_read()));
	if (times) {
		sched_divide_time(total, &thread->sched.samples, &thread->sched.shown);
		*times = thread->sched.shown;
	}
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
	return total;
}

nsec_t sched_cpu_time(struct thread *thread)
{
	return cpu_time(thread, NULL);
}

struct sched_times sched_cpu_times(struct thread *thread)
{
	struct sched_times times;
	(void)cpu_time(thread, &times);
	return times;
}

/** What was shown of programs, in ticks (lock of the run queue). The time since a thread's last switch
 *  is its program's, but not afterwards if the thread lets its address space go meanwhile: programs must
 *  not see time run backward. */
static DEFINE_PERCPU(struct sched_times, program_times);

void sched_get_cpu_stats(cpuid_t cpu, struct sched_cpu_stats *stats)
{
	*stats = (struct sched_cpu_stats){0};
	struct runq *rq = cpu_runq(cpu);
	if (!rq)
		return;
	irqflags_t flags = spin_lock_irqsave(&rq->lock);
	uint64_t now = hal_clock_read(), total = now - rq->start_ticks;
	// An idle thread is in state RUNNING for ever: what tells is who is current.
	struct thread *current = __atomic_load_n(&hal_percpu_of(cpu)->current, __ATOMIC_ACQUIRE);
	uint64_t stamp = __atomic_load_n(&current->sched.stamp, __ATOMIC_ACQUIRE);
	uint64_t running = now > stamp ? now - stamp : 0;
	uint64_t idle = rq->idle->sched.run_ticks;
	uint64_t system = rq->kernel_ticks - min(rq->kernel_ticks, idle);
	if (current == rq->idle)
		idle += running;
	else if (!current->mm.space)
		system += running;
	struct sched_times *programs = cpu_ptr(program_times, cpu);
	sched_divide_time(total - min(total, idle + system), &rq->samples, programs);
	*stats = (struct sched_cpu_stats){
		.switches_voluntary = rq->switches_voluntary,
		.switches_involuntary = rq->switches_involuntary,
		.migrations = rq->migrations,
		.steals = rq->steals,
		.ipis = load_relaxed(&rq->ipis),
		.idle_time = time_from_ticks(idle),
		.system_time = time_from_ticks(system + programs->system),
		.user_time = time_from_ticks(programs->user),
		.ipc_blocks = rq->ipc_blocks,
		.ready = load_relaxed(&rq->ready_count) & ~OUT_OF_SERVICE,
	};
	for (unsigned i = 0; i < SCHED_LATENCY_BUCKETS; i++)
		stats->latency[i] = rq->latency[i];
	spin_unlock_irqrestore(&rq->lock, flags);
}
