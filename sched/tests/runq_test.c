// SPDX-License-Identifier: MIT
// The order in which a run queue gives its threads out, on a queue of no CPU and in made-up time.
#include <lib/string.h>
#include <lib/test.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#include "../fair.h"

#define MANY 2000

static struct runq *make_queue(void)
{
	struct runq *rq = kzalloc(sizeof(*rq));
	struct thread *idle = kzalloc(sizeof(*idle));
	runq_init(rq, CPUS_MAX, idle);
	rq->charge_stamp = 0;
	return rq;
}

static void free_queue(struct runq *rq)
{
	EXPECT_EQ(load_relaxed(&rq->ready_count), 0);
	EXPECT_EQ(load_relaxed(&rq->ready_bands), 0);
	kfree(rq->idle);
	kfree(rq);
}

/** A thread of which only the scheduler's part exists. */
static struct thread *make_thread(enum sched_policy policy, unsigned rt_priority, int nice)
{
	struct thread *thread = kzalloc(sizeof(*thread));
	struct sched_part *part = &thread->sched;
	part->policy = policy;
	part->rt_priority = rt_priority;
	part->nice = nice;
	part->base_band = policy == SCHED_FIFO || policy == SCHED_RR ? BAND_REALTIME :
			  policy == SCHED_BATCH			     ? BAND_BATCH :
			  policy == SCHED_IDLE			     ? BAND_IDLE :
								       BAND_USER;
	part->vruntime_home = HOME_NONE;
	list_init(&part->rt_node);
	rbnode_init(&part->fair_node);
	fair_set_weight(part);
	fair_renew(part);
	thread_update_rank(thread);
	return thread;
}

static struct thread *take(struct runq *rq)
{
	struct thread *thread = runq_first(rq);
	if (!thread)
		return NULL;
	runq_take(rq, thread);
	return thread;
}

/** The best ready thread, of current's rank, replaces it. */
static bool must_switch(struct runq *rq, struct thread *curr)
{
	return runq_must_switch(curr, runq_first(rq));
}

TEST(sched, S1_bands_are_strict)
{
	struct runq *rq = make_queue();
	struct thread *order[] = {
		make_thread(SCHED_FIFO, 80, 0), make_thread(SCHED_RR, 50, 0),
		make_thread(SCHED_FIFO, 1, 0),	make_thread(SCHED_NORMAL, 0, 19),
		make_thread(SCHED_BATCH, 0, -20), make_thread(SCHED_IDLE, 0, -20),
	};
	for (unsigned i = array_len(order); i-- > 0;)
		runq_enqueue(rq, order[i], ENQUEUE_NEW);
	EXPECT_EQ(load_relaxed(&rq->ready_count), array_len(order));
	for (unsigned i = 0; i < array_len(order); i++) {
		EXPECT(take(rq) == order[i]);
		kfree(order[i]);
	}
	EXPECT(take(rq) == NULL);
	free_queue(rq);
}

TEST(sched, S1_lock_holder_runs_in_user_band)
{
	struct runq *rq = make_queue();
	struct thread *batch = make_thread(SCHED_BATCH, 0, 0);
	struct thread *holder = make_thread(SCHED_IDLE, 0, 0);
	store_relaxed(&holder->sched.lock_depth, 1);
	runq_enqueue(rq, batch, ENQUEUE_NEW);
	runq_enqueue(rq, holder, ENQUEUE_NEW);
	EXPECT(take(rq) == holder);
	store_relaxed(&holder->sched.lock_depth, 0);
	runq_enqueue(rq, holder, ENQUEUE_PREEMPTED);
	EXPECT(take(rq) == batch);
	EXPECT(take(rq) == holder);
	kfree(batch);
	kfree(holder);
	free_queue(rq);
}

TEST(sched, S1_fifo_runs_until_it_blocks_and_rr_alternates)
{
	struct runq *rq = make_queue();
	struct thread *a = make_thread(SCHED_FIFO, 10, 0), *b = make_thread(SCHED_FIFO, 10, 0);
	runq_enqueue(rq, b, ENQUEUE_NEW);
	runq_charge(rq, a, 100 * sched_slice_ticks);
	EXPECT(!must_switch(rq, a));
	// Preempted by a better one it stays first; having yielded it is last.
	runq_enqueue(rq, a, ENQUEUE_PREEMPTED);
	EXPECT(take(rq) == a);
	runq_enqueue(rq, a, ENQUEUE_YIELD);
	EXPECT(take(rq) == b);
	EXPECT(take(rq) == a);

	a->sched.policy = b->sched.policy = SCHED_RR;
	a->sched.slice_left = b->sched.slice_left = (int64_t)sched_slice_ticks;
	runq_enqueue(rq, b, ENQUEUE_NEW);
	runq_charge(rq, a, rq->charge_stamp + sched_slice_ticks / 2);
	EXPECT(!must_switch(rq, a));
	runq_charge(rq, a, rq->charge_stamp + sched_slice_ticks / 2);
	EXPECT(must_switch(rq, a));
	runq_enqueue(rq, a, ENQUEUE_PREEMPTED);
	EXPECT(take(rq) == b);
	EXPECT(take(rq) == a);
	kfree(a);
	kfree(b);
	free_queue(rq);
}

TEST(sched, S1_real_time_leaves_a_share)
{
	struct runq *rq = make_queue();
	struct thread *hog = make_thread(SCHED_FIFO, 99, 0), *fair = make_thread(SCHED_IDLE, 0, 19);
	uint64_t second = hal_clock_hz();
	runq_enqueue(rq, fair, ENQUEUE_NEW);
	rt_charge(rq, 0, second); // a window begins
	rq->charge_stamp = second;
	runq_charge(rq, hog, second + second / 100 * 94);
	EXPECT(!rt_makes_way(rq, hog, fair));
	runq_charge(rq, hog, second + second / 100 * 96);
	EXPECT(rt_makes_way(rq, hog, fair));
	runq_enqueue(rq, hog, ENQUEUE_PREEMPTED);
	EXPECT(runq_first(rq) == fair);
	rq->charge_stamp = second + second / 100 * 99;
	EXPECT(runq_first(rq) == fair);
	rq->charge_stamp = 2 * second;
	EXPECT(take(rq) == hog && take(rq) == fair);
	kfree(hog);
	kfree(fair);
	free_queue(rq);
}

/** Run @count CPU-bound threads for @slices slices; ticks of each in run_ticks. */
static void run_threads(struct runq *rq, struct thread **threads, unsigned count, unsigned slices)
{
	for (unsigned i = 0; i < count; i++)
		runq_enqueue(rq, threads[i], ENQUEUE_NEW);
	struct thread *curr = take(rq);
	for (unsigned i = 0; i < slices; i++) {
		uint64_t step = sched_slice_ticks + i % 7; // timers are late by a little
		runq_charge(rq, curr, rq->charge_stamp + step);
		curr->sched.run_ticks += step;
		if (!must_switch(rq, curr))
			continue;
		runq_enqueue(rq, curr, ENQUEUE_PREEMPTED);
		curr = take(rq);
	}
	runq_enqueue(rq, curr, ENQUEUE_PREEMPTED);
	while (take(rq))
		;
}

/** @part of @whole is @percent, give or take @tolerance percent of that. */
static bool is_share(uint64_t part, uint64_t whole, unsigned percent, unsigned tolerance)
{
	uint64_t wanted = whole / 100 * percent;
	uint64_t slack = wanted / 100 * tolerance;
	return part + slack >= wanted && part <= wanted + slack;
}

TEST(sched, S3_equal_threads_get_equal_shares)
{
	struct runq *rq = make_queue();
	struct thread *threads[4];
	uint64_t whole = 0;
	for (unsigned i = 0; i < 4; i++)
		threads[i] = make_thread(SCHED_NORMAL, 0, 0);
	run_threads(rq, threads, 4, 1000);
	for (unsigned i = 0; i < 4; i++)
		whole += threads[i]->sched.run_ticks;
	for (unsigned i = 0; i < 4; i++) {
		EXPECT(is_share(threads[i]->sched.run_ticks, whole, 25, 2));
		kfree(threads[i]);
	}
	free_queue(rq);
}

TEST(sched, S3_nice_weighs)
{
	struct runq *rq = make_queue();
	// 1024 : 335 : 110 of 1469
	struct thread *threads[3] = {make_thread(SCHED_NORMAL, 0, 0), make_thread(SCHED_NORMAL, 0, 5),
				     make_thread(SCHED_NORMAL, 0, 10)};
	static const unsigned weights[3] = {1024, 335, 110};
	uint64_t whole = 0;
	run_threads(rq, threads, 3, 5000);
	for (unsigned i = 0; i < 3; i++)
		whole += threads[i]->sched.run_ticks;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t per_mille = threads[i]->sched.run_ticks * 1000 / whole;
		uint64_t wanted = weights[i] * 1000 / 1469;
		EXPECT(per_mille * 100 >= wanted * 95 && per_mille * 100 <= wanted * 105 + 100);
		kfree(threads[i]);
	}
	free_queue(rq);
}

TEST(sched, S3_sleeping_saves_nothing_up)
{
	struct runq *rq = make_queue();
	struct thread *hog = make_thread(SCHED_NORMAL, 0, 0);
	struct thread *sleeper = make_thread(SCHED_NORMAL, 0, 0);
	runq_enqueue(rq, sleeper, ENQUEUE_NEW);
	EXPECT(take(rq) == sleeper);
	runq_charge(rq, hog, 1000 * sched_slice_ticks);
	runq_enqueue(rq, sleeper, ENQUEUE_WAKE);
	// It goes first at once, but then it gets half and not all of the next slices.
	EXPECT(fair_preempts(sleeper, hog) || hog->sched.vruntime == rq->fair[BAND_USER].vtime);
	struct thread *threads[1] = {hog};
	sleeper->sched.run_ticks = hog->sched.run_ticks = 0;
	run_threads(rq, threads, 1, 100);
	uint64_t whole = hog->sched.run_ticks + sleeper->sched.run_ticks;
	EXPECT(is_share(sleeper->sched.run_ticks, whole, 50, 4));
	kfree(hog);
	kfree(sleeper);
	free_queue(rq);
}

TEST(sched, S3_yield_goes_behind_everybody)
{
	struct runq *rq = make_queue();
	struct thread *threads[3];
	for (unsigned i = 0; i < 3; i++)
		threads[i] = make_thread(SCHED_NORMAL, 0, (int)i);
	runq_enqueue(rq, threads[1], ENQUEUE_NEW);
	runq_enqueue(rq, threads[2], ENQUEUE_NEW);
	runq_enqueue(rq, threads[0], ENQUEUE_YIELD);
	EXPECT(take(rq) == threads[1]);
	EXPECT(take(rq) == threads[2]);
	EXPECT(take(rq) == threads[0]);
	for (unsigned i = 0; i < 3; i++)
		kfree(threads[i]);
	free_queue(rq);
}

TEST(sched, S4_queues_have_no_bound)
{
	struct runq *rq = make_queue();
	struct thread **threads = kcalloc(MANY, sizeof(*threads));
	for (unsigned i = 0; i < MANY; i++) {
		threads[i] = make_thread(i % 2 ? SCHED_FIFO : SCHED_NORMAL, i % 2 ? 7 : 0, 0);
		runq_enqueue(rq, threads[i], ENQUEUE_NEW);
	}
	EXPECT_EQ(load_relaxed(&rq->ready_count), MANY);
	// Real time in order of arrival, then the fair ones: those came in order, too.
	for (unsigned i = 1; i < MANY; i += 2)
		EXPECT(take(rq) == threads[i]);
	for (unsigned i = 0; i < MANY; i += 2)
		EXPECT(take(rq) == threads[i]);
	for (unsigned i = 0; i < MANY; i++)
		kfree(threads[i]);
	kfree(threads);
	free_queue(rq);
}

TEST(sched, S9_stolen_threads_keep_lag_and_order)
{
	struct runq *from = make_queue(), *to = make_queue();
	to->cpu = CPUS_MAX + 1;
	from->fair[BAND_USER].vtime = 1000000000;
	to->fair[BAND_USER].vtime = 5000;
	struct thread *first = make_thread(SCHED_NORMAL, 0, 0);
	struct thread *second = make_thread(SCHED_NORMAL, 0, 0);
	runq_enqueue(from, first, ENQUEUE_NEW);
	runq_enqueue(from, second, ENQUEUE_NEW);
	EXPECT(runq_first_movable(from, 0) == first);
	EXPECT(runq_last_movable(from, 0) == second);
	store_relaxed(&first->on_cpu, 1); // has not left its stack
	EXPECT(runq_first_movable(from, 0) == second);
	store_relaxed(&first->on_cpu, 0);
	runq_take_away(from, first, to);
	EXPECT_EQ(load_relaxed(&first->sched.cpu), to->cpu);
	runq_enqueue(to, first, ENQUEUE_MOVE);
	EXPECT_EQ(first->sched.vruntime, 5000);
	EXPECT(take(to) == first && take(from) == second);
	kfree(first);
	kfree(second);
	free_queue(from);
	free_queue(to);
}

#define OPERATIONS (CONFIG_HOST ? 1000000u : 40000u) // the whole number where it takes no time
#define THREADS 48
#define QUEUES 3

/** Queues in made-up time with random operations: where each thread is. */
struct machine {
	struct runq *queues[QUEUES];
	struct thread *running[QUEUES]; // NULL = idle
	struct thread *threads[THREADS];
	enum { BLOCKED, QUEUED, RUNNING } where[THREADS];
	uint64_t random;
};

static uint32_t draw(struct machine *machine, uint32_t below)
{
	machine->random = machine->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(machine->random >> 33) % below;
}

static unsigned index_of(struct machine *machine, struct thread *thread)
{
	unsigned i = 0;
	while (machine->threads[i] != thread)
		i++;
	return i;
}

static void put(struct machine *machine, struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	store_relaxed(&thread->state, THREAD_READY);
	runq_enqueue(rq, thread, reason);
	machine->where[index_of(machine, thread)] = QUEUED;
}

/** The best runs; who ran is queued again, or blocks. */
static void change_running(struct machine *machine, unsigned q, bool blocks)
{
	struct runq *rq = machine->queues[q];
	struct thread *prev = machine->running[q], *next = runq_first(rq);
	if (next) {
		EXPECT_EQ(machine->where[index_of(machine, next)], QUEUED);
		runq_take(rq, next);
		machine->where[index_of(machine, next)] = RUNNING;
	}
	machine->running[q] = next;
	if (prev && blocks)
		machine->where[index_of(machine, prev)] = BLOCKED;
	else if (prev)
		put(machine, rq, prev, draw(machine, 2) ? ENQUEUE_YIELD : ENQUEUE_PREEMPTED);
}

static void change_class(struct machine *machine, struct thread *thread)
{
	static const enum sched_policy policies[] = {SCHED_NORMAL, SCHED_FIFO, SCHED_RR, SCHED_BATCH,
						     SCHED_IDLE};
	bool was_queued = thread->sched.is_queued;
	struct runq *rq = NULL;
	for (unsigned q = 0; was_queued && q < QUEUES; q++)
		rq = machine->queues[q]->cpu == load_relaxed(&thread->sched.cpu) ? machine->queues[q] : rq;
	if (was_queued)
		runq_dequeue(rq, thread);
	enum sched_policy policy = policies[draw(machine, array_len(policies))];
	bool is_rt = policy == SCHED_FIFO || policy == SCHED_RR;
	policy_set_class(thread, policy, is_rt ? 1 + draw(machine, 99) : 0);
	thread->sched.nice = (int)draw(machine, 40) - 20;
	fair_set_weight(&thread->sched);
	thread_update_rank(thread);
	if (was_queued)
		runq_enqueue(rq, thread, ENQUEUE_MOVE);
}

static void move_one(struct machine *machine, struct runq *from, struct runq *to)
{
	struct thread *thread = draw(machine, 2) ? runq_first_movable(from, 0) : runq_last_movable(from, 0);
	if (!thread || from == to)
		return;
	runq_take_away(from, thread, to);
	runq_enqueue(to, thread, ENQUEUE_MOVE);
}

static void operate(struct machine *machine)
{
	unsigned q = draw(machine, QUEUES), i = draw(machine, THREADS);
	struct runq *rq = machine->queues[q];
	switch (draw(machine, 8)) {
	case 0:
	case 1:
		if (machine->where[i] == BLOCKED)
			put(machine, rq, machine->threads[i], ENQUEUE_WAKE);
		break;
	case 2:
		change_running(machine, q, true);
		break;
	case 3:
		change_class(machine, machine->threads[i]);
		break;
	case 4:
		move_one(machine, rq, machine->queues[draw(machine, QUEUES)]);
		break;
	case 5:
		change_running(machine, q, false);
		break;
	default:
		if (machine->running[q])
			runq_charge(rq, machine->running[q],
				    rq->charge_stamp + draw(machine, (uint32_t)sched_slice_ticks));
	}
}

static void check_conservation(struct machine *machine)
{
	unsigned ready = 0, queued = 0;
	for (unsigned q = 0; q < QUEUES; q++)
		ready += load_relaxed(&machine->queues[q]->ready_count);
	for (unsigned i = 0; i < THREADS; i++) {
		EXPECT_EQ(machine->threads[i]->sched.is_queued, machine->where[i] == QUEUED);
		queued += machine->where[i] == QUEUED;
	}
	EXPECT_EQ(ready, queued);
}

TEST(sched, S2_random_operations_keep_every_thread)
{
	static struct machine machine;
	memset(&machine, 0, sizeof(machine));
	for (unsigned q = 0; q < QUEUES; q++) {
		machine.queues[q] = make_queue();
		machine.queues[q]->cpu = CPUS_MAX + q;
		for (unsigned band = 0; band < BANDS; band++)
			machine.queues[q]->fair[band].home = (CPUS_MAX + q) * BANDS + band;
	}
	for (unsigned i = 0; i < THREADS; i++)
		machine.threads[i] = make_thread(SCHED_NORMAL, 0, 0);
	for (unsigned n = 0; n < OPERATIONS; n++) {
		operate(&machine);
		if (n % 256 == 0)
			check_conservation(&machine);
	}
	// Each comes out of its queue exactly once.
	for (unsigned q = 0; q < QUEUES; q++) {
		do { // a second later: no share of real time is used up
			machine.queues[q]->charge_stamp += 2 * hal_clock_hz();
			change_running(&machine, q, true);
		} while (machine.running[q]);
		EXPECT_EQ(load_relaxed(&machine.queues[q]->ready_count), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		EXPECT_EQ(machine.where[i], BLOCKED);
		kfree(machine.threads[i]);
	}
	for (unsigned q = 0; q < QUEUES; q++)
		free_queue(machine.queues[q]);
}
