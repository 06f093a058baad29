// SPDX-License-Identifier: MIT
// The deadline class: EDF keeps every deadline of a set that fits, in made-up time; admission; throttling.
#include <lib/string.h>
#include <uapi/errno.h>

#include "../fair.h"
#include "threads.h"

#define PERIODS 100000u // of all threads together, in made-up time
#define TASKS 5
#define THROTTLES 10

/** A periodic thread in made-up time: a job of the whole runtime at the beginning of each period. */
struct task {
	struct deadline server;
	uint64_t release, due; // of the present job, or the next
	uint64_t left; // of the present job; 0 = none
	uint64_t jobs, missed;
};

static void init_task(struct task *task, uint64_t runtime, uint64_t period)
{
	memset(task, 0, sizeof(*task));
	task->server.runtime = runtime;
	task->server.relative = task->server.period = period;
}

/** Of those with work and budget, who has the earliest deadline; NULL = none. */
static struct task *earliest(struct task *tasks, unsigned count)
{
	struct task *best = NULL;
	for (unsigned i = 0; i < count; i++) {
		struct task *task = &tasks[i];
		if (task->left && task->server.budget > 0 &&
		    (!best || task->server.absolute < best->server.absolute))
			best = task;
	}
	return best;
}

static void release_jobs(struct task *tasks, unsigned count, uint64_t now, uint64_t overrun)
{
	for (unsigned i = 0; i < count; i++) {
		struct task *task = &tasks[i];
		if (task->left && task->server.budget <= 0)
			(void)deadline_replenish(&task->server, now);
		if (task->left || task->release > now)
			continue;
		deadline_wake(&task->server, now);
		if (!deadline_replenish(&task->server, now))
			continue;
		task->left = task->server.runtime + (i == 0 ? overrun : 0);
		task->due = task->release + task->server.period;
		task->release = task->due;
		task->jobs++;
	}
}

/** The next moment at which something happens besides @running's end of job or budget. */
static uint64_t next_event(struct task *tasks, unsigned count, uint64_t now, struct task *running)
{
	uint64_t at = UINT64_MAX;
	for (unsigned i = 0; i < count; i++) {
		struct task *task = &tasks[i];
		bool is_throttled = task->left && task->server.budget <= 0;
		uint64_t event = is_throttled ? task->server.next : task->left ? UINT64_MAX : task->release;
		at = min(at, max(event, now + 1));
	}
	if (running)
		at = min(at, now + min(running->left, (uint64_t)running->server.budget));
	return at;
}

/** Run @tasks until they have had @periods periods together. Task 0 wants @overrun more each time. */
static void simulate(struct task *tasks, unsigned count, uint64_t periods, uint64_t overrun)
{
	uint64_t now = 0, jobs = 0;
	while (jobs < periods) {
		release_jobs(tasks, count, now, overrun);
		struct task *running = earliest(tasks, count);
		uint64_t until = next_event(tasks, count, now, running);
		if (running) {
			deadline_charge(&running->server, until - now);
			running->left -= until - now;
			running->missed += !running->left && until > running->due;
		}
		now = until;
		jobs = 0;
		for (unsigned i = 0; i < count; i++)
			jobs += tasks[i].jobs;
	}
}

TEST(sched, S11_a_set_of_95_percent_misses_nothing)
{
	static const struct { uint64_t runtime, period; } set[TASKS] = {
		{200, 1000}, {600, 3000}, {700, 3500}, {1500, 10000}, {20000, 100000},
	}; // 20 + 20 + 20 + 15 + 20 %
	static struct task tasks[TASKS];
	for (unsigned i = 0; i < TASKS; i++)
		init_task(&tasks[i], set[i].runtime, set[i].period);
	simulate(tasks, TASKS, PERIODS, 0);
	for (unsigned i = 0; i < TASKS; i++) {
		EXPECT(tasks[i].jobs > PERIODS / 200);
		EXPECT_EQ(tasks[i].missed, 0);
	}
}

TEST(sched, S11_an_overrun_harms_only_itself)
{
	static struct task tasks[3];
	init_task(&tasks[0], 300, 1000);
	init_task(&tasks[1], 400, 1300);
	init_task(&tasks[2], 2000, 7000);
	simulate(tasks, 3, PERIODS / 10, 450); // two and a half times what it has reserved
	EXPECT(tasks[0].missed > 0);
	EXPECT_EQ(tasks[1].missed, 0);
	EXPECT_EQ(tasks[2].missed, 0);
}

static uint64_t reserved(void)
{
	uint64_t sum = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++)
		sum += online_runq(cpu) ? load_relaxed(&online_runq(cpu)->deadline_bandwidth) : 0;
	return sum;
}

static struct sched_deadline percent(unsigned n)
{
	nsec_t period = 10 * NSEC_PER_MSEC;
	return (struct sched_deadline){period / 100 * n, period, period};
}

TEST(sched, S11_admission_is_exact)
{
	struct sched_deadline wanted, got;
	struct thread *threads[GROUP_MAX], *tiny[GROUP_MAX];
	unsigned cpus = cpus_online_count(), count = min(cpus, (unsigned)GROUP_MAX);
	uint64_t before = reserved();
	wanted = percent(101);
	threads[0] = thread_create("reserved");
	EXPECT_EQ(sched_set_deadline(threads[0], &wanted), -EINVAL);
	wanted = percent(96);
	EXPECT_EQ(sched_set_deadline(threads[0], &wanted), -EBUSY);
	EXPECT_EQ(threads[0]->sched.policy, SCHED_NORMAL);
	wanted = (struct sched_deadline){1000, NSEC_PER_MSEC, NSEC_PER_MSEC};
	EXPECT_EQ(sched_set_deadline(threads[0], &wanted), -EINVAL);
	thread_put(threads[0]);
	if (count < cpus)
		return;
	// 94.9 % of every CPU, so that what is tiny must be counted to the last bit.
	for (unsigned i = 0; i < count; i++) {
		threads[i] = thread_create("reserved");
		wanted = percent(94);
		EXPECT_EQ(sched_set_deadline(threads[i], &wanted), 0);
	}
	sched_get_deadline(threads[0], &got);
	EXPECT_EQ(got.runtime, percent(94).runtime);
	EXPECT_EQ(got.period, percent(94).period);
	wanted = percent(2);
	struct thread *late = thread_create("late");
	EXPECT_EQ(sched_set_deadline(late, &wanted), -EBUSY);
	// Tiny ones fill what is left: 50 of a fiftieth of a percent, on each CPU.
	for (unsigned cpu = 0; cpu < count && cpu < 2; cpu++) {
		unsigned n = 0;
		struct cpuset one = cpuset_of(cpu);
		wanted = (struct sched_deadline){2000, 10 * NSEC_PER_MSEC, 10 * NSEC_PER_MSEC};
		for (; n < 50; n++) {
			tiny[n] = thread_create("tiny");
			EXPECT_EQ(sched_set_affinity(tiny[n], &one), 0);
			EXPECT_EQ(sched_set_deadline(tiny[n], &wanted), 0);
			EXPECT_EQ(tiny[n]->sched.deadline->reserved_on->cpu, cpu);
		}
		EXPECT_EQ(sched_set_affinity(late, &one), 0);
		EXPECT_EQ(sched_set_deadline(late, &wanted), -EBUSY);
		EXPECT_EQ(sched_set_policy(tiny[0], SCHED_NORMAL, 0), 0);
		EXPECT_EQ(sched_set_deadline(late, &wanted), 0);
		EXPECT_EQ(sched_set_policy(late, SCHED_NORMAL, 0), 0);
		while (n--) {
			EXPECT_EQ(sched_set_policy(tiny[n], SCHED_BATCH, 0), 0);
			thread_put(tiny[n]);
		}
	}
	thread_put(late);
	for (unsigned i = 0; i < count; i++) {
		EXPECT_EQ(sched_set_policy(threads[i], SCHED_NORMAL, 0), 0);
		thread_put(threads[i]);
	}
	EXPECT_EQ(reserved(), before);
}

TEST(sched, S11_affinity_is_kept_beside_the_reservation)
{
	struct cpuset all, got, other = {{0}};
	struct thread *thread = thread_create("reserved"), *child = thread_create("child");
	struct sched_deadline wanted = percent(10);
	sched_get_affinity(thread, &all);
	EXPECT_EQ(sched_set_deadline(thread, &wanted), 0);
	sched_get_affinity(thread, &got);
	EXPECT(bitmap_equal(got.bits, all.bits, CPUS_MAX));
	cpuid_t home = thread->sched.deadline->reserved_on->cpu;
	EXPECT(sched_may_run_on(thread, home));
	for (cpuid_t cpu = 0; cpu < cpus_online_count(); cpu++)
		EXPECT(cpu == home || !sched_may_run_on(thread, cpu));
	if (cpus_online_count() > 1) {
		bitmap_set(other.bits, home == 0);
		EXPECT_EQ(sched_set_affinity(thread, &other), -EBUSY);
		bitmap_set(other.bits, home);
		EXPECT_EQ(sched_set_affinity(thread, &other), 0);
	}
	EXPECT_EQ(sched_copy_params(child, thread), -EAGAIN);
	EXPECT_EQ(sched_set_policy(thread, SCHED_FIFO, 5), 0);
	sched_get_affinity(thread, &got);
	EXPECT(cpus_online_count() == 1 || bitmap_equal(got.bits, other.bits, CPUS_MAX));
	thread_put(child);
	thread_put(thread);
}

struct load {
	_Atomic uint32_t stop;
	_Atomic uint32_t is_deadline; // the other thread may look
};

static void overrun(void *arg)
{
	struct load *load = arg;
	store_release(&load->is_deadline, 1);
	while (!load_acquire(&load->stop)) {
		sched_preempt_point();
		hal_cpu_relax();
	}
}

TEST(sched, S11_who_overruns_is_throttled)
{
	struct load load = {0};
	struct group group;
	struct sched_deadline wanted = percent(30);
	struct cpuset one = cpuset_of(this_cpu()), all;
	sched_get_affinity(current_thread(), &all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	group_init(&group, overrun, &load);
	struct thread *hog = group_add(&group, "hog");
	EXPECT_EQ(sched_set_affinity(hog, &one), 0);
	EXPECT_EQ(sched_set_deadline(hog, &wanted), 0);
	nsec_t start = time_now();
	sched_start(hog);
	// A fair thread on the same CPU: it runs only while the hog has no budget.
	while (hog->sched.switches_involuntary < THROTTLES) {
		sched_preempt_point();
		hal_cpu_relax();
	}
	// Each time but the first a period must have begun before, and a runtime been used.
	EXPECT(time_now() - start >= (THROTTLES - 2) * wanted.period);
	EXPECT(sched_cpu_time(hog) >= wanted.runtime);
	EXPECT(load_relaxed(&load.is_deadline));
	store_release(&load.stop, 1);
	group_join(&group);
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_NORMAL, 0), 0);
}

static void be_short(void *arg)
{
	(void)arg;
	sched_yield(); // the rest of the budget is void: it goes on in the next period
}

TEST(sched, S11_reservations_end_with_their_threads)
{
	uint64_t before = reserved();
	struct group group;
	struct sched_deadline wanted = percent(20);
	group_init(&group, be_short, NULL);
	for (unsigned i = 0; i < 4; i++) {
		struct thread *thread = group_add(&group, "short");
		EXPECT_EQ(sched_set_deadline(thread, &wanted), 0);
		sched_start(thread);
	}
	nsec_t start = time_now();
	group_join(&group);
	EXPECT(time_now() - start >= wanted.period / 2);
	while (reserved() != before) // they are on their way out
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
}

TEST(sched, S1_named_priorities_each_have_their_place)
{
	struct thread *thread = thread_create("named");
	uint32_t last_rank = UINT32_MAX, last_weight = 0;
	for (unsigned i = 0; i < SCHED_PRIORITIES; i++) {
		EXPECT_EQ(sched_set_priority(thread, (enum sched_priority_name)i), 0);
		uint32_t rank = load_relaxed(&thread->sched.rank), weight = thread->sched.weight;
		EXPECT(rank < last_rank || (rank == last_rank && weight < last_weight));
		EXPECT_EQ(thread->sched.policy, sched_priorities[i].policy);
		last_rank = rank;
		last_weight = weight;
	}
	thread_put(thread);
	thread = thread_create("default");
	EXPECT_EQ(load_relaxed(&thread->sched.rank), sched_rank(BAND_USER, 0));
	EXPECT_EQ(thread->sched.nice, sched_priorities[SCHED_USER_NORMAL].nice);
	thread_put(thread);
}
