// SPDX-License-Identifier: MIT
// Waiting and waking: nothing is lost, nothing is spent on who has left.
#include <sched/waitq.h>
#include <uapi/errno.h>

#include "threads.h"

#define SHORT (2 * NSEC_PER_MSEC)

struct queue {
	struct sched_waitq wq;
	nsec_t timeout; // of each wait, 0 = none
	unsigned flags;
	uint32_t order[GROUP_MAX]; // wq.lock: who was woken when
	uint32_t woken; // wq.lock
	_Atomic uint32_t chosen, timed_out, interrupted;
};

static void queue_init(struct queue *queue, nsec_t timeout, unsigned flags)
{
	*queue = (struct queue){.timeout = timeout, .flags = flags};
	sched_waitq_init(&queue->wq);
}

static void wait_once(void *arg)
{
	struct queue *queue = arg;
	nsec_t deadline = queue->timeout ? time_now() + queue->timeout : NSEC_NEVER;
	irqflags_t flags = spin_lock_irqsave(&queue->wq.lock);
	err_t err = sched_waitq_wait(&queue->wq, &flags, deadline, queue->flags, 0);
	if (err == 0)
		queue->order[queue->woken++] = (uint32_t)(current_thread()->name[0]);
	spin_unlock_irqrestore(&queue->wq.lock, flags);
	fetch_add_relaxed(err == 0	      ? &queue->chosen :
			  err == -ETIMEDOUT ? &queue->timed_out :
					      &queue->interrupted,
			  1);
}

TEST(sched, W1_waiters_wake_in_order)
{
	struct queue queue;
	struct group group;
	queue_init(&queue, 0, 0);
	group_init(&group, wait_once, &queue);
	static const char *const names[] = {"a", "b", "c", "d"};
	for (unsigned i = 0; i < 4; i++) {
		group_start(&group, 1, names[i]);
		wait_until_blocked(group.threads[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		EXPECT(sched_waitq_wake_one(&queue.wq));
		while (load_acquire(&queue.chosen) != i + 1)
			let_others_run();
	}
	EXPECT(!sched_waitq_wake_one(&queue.wq));
	group_join(&group);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(queue.order[i], names[i][0]);
}

TEST(sched, W4_deadline_ends_a_wait)
{
	struct queue queue;
	queue_init(&queue, SHORT, 0);
	nsec_t start = time_now();
	wait_once(&queue);
	EXPECT_EQ(load_relaxed(&queue.timed_out), 1);
	EXPECT(time_now() - start >= SHORT);
	EXPECT(sched_waitq_is_empty(&queue.wq));
}

TEST(sched, W5_interrupt_ends_an_interruptible_wait)
{
	struct queue queue;
	struct group group;
	queue_init(&queue, 0, SCHED_WAIT_INTERRUPTIBLE);
	group_init(&group, wait_once, &queue);
	group_start(&group, 2, "sleeper");
	wait_until_blocked(group.threads[0]);
	wait_until_blocked(group.threads[1]);
	store_release(&group.threads[0]->pending, 1);
	sched_interrupt(group.threads[0]);
	while (!load_acquire(&queue.interrupted))
		let_others_run();
	EXPECT(sched_waitq_wake_one(&queue.wq)); // goes to the other one
	group_join(&group);
	EXPECT_EQ(load_relaxed(&queue.chosen), 1);
	EXPECT_EQ(load_relaxed(&queue.interrupted), 1);
	EXPECT(sched_waitq_is_empty(&queue.wq));
}

TEST(sched, W5_uninterruptible_wait_goes_on)
{
	struct queue queue;
	struct group group;
	queue_init(&queue, 0, 0);
	group_init(&group, wait_once, &queue);
	group_start(&group, 1, "sleeper");
	wait_until_blocked(group.threads[0]);
	store_release(&group.threads[0]->pending, 1);
	sched_interrupt(group.threads[0]);
	EXPECT(thread_is_blocked(group.threads[0]));
	EXPECT_EQ(sched_waitq_wake_all(&queue.wq), 1);
	group_join(&group);
	EXPECT_EQ(load_relaxed(&queue.chosen), 1);
}

TEST(sched, W2_wake_does_nothing_to_who_is_not_blocked)
{
	struct thread *thread = thread_create("never");
	EXPECT(thread && !sched_wake(thread));
	EXPECT(!sched_wake(current_thread()));
	if (thread) {
		EXPECT_EQ(load_relaxed(&thread->state), THREAD_NEW);
		thread_put(thread);
	}
}

TEST(sched, W3_wakes_are_not_spent_on_who_timed_out)
{
	// Deadlines and wakes meet again and again: each waiter ends once, each wake chose one.
	for (unsigned round = 0; round < 40; round++) {
		struct queue queue;
		struct group group;
		uint32_t wakes = 0;
		queue_init(&queue, 100 * NSEC_PER_USEC + round * 5 * NSEC_PER_USEC, 0);
		group_init(&group, wait_once, &queue);
		group_start(&group, 8, "waiter");
		nsec_t end = time_now() + NSEC_PER_MSEC;
		while (time_now() < end) {
			wakes += sched_waitq_wake_one(&queue.wq);
			EXPECT_EQ(sched_sleep_until(time_now() + 20 * NSEC_PER_USEC, false), 0);
		}
		group_join(&group);
		EXPECT_EQ(load_relaxed(&queue.chosen), wakes);
		EXPECT_EQ(load_relaxed(&queue.chosen) + load_relaxed(&queue.timed_out), 8);
		EXPECT(sched_waitq_is_empty(&queue.wq));
	}
}

struct ball {
	struct sched_waitq wq;
	uint32_t turn; // wq.lock
	_Atomic uint32_t players;
};

#define ROUNDS 2000

static void play(void *arg)
{
	struct ball *ball = arg;
	uint32_t me = fetch_add_relaxed(&ball->players, 1);
	irqflags_t flags = spin_lock_irqsave(&ball->wq.lock);
	for (unsigned i = 0; i < ROUNDS; i++) {
		while (ball->turn != me)
			sched_waitq_wait(&ball->wq, &flags, NSEC_NEVER, 0, 0);
		ball->turn = !me;
		sched_waitq_wake_one_locked(&ball->wq);
	}
	spin_unlock_irqrestore(&ball->wq.lock, flags);
}

TEST(sched, W1_ping_pong_loses_no_wakeup)
{
	struct ball ball = {0};
	struct group group;
	sched_waitq_init(&ball.wq);
	group_init(&group, play, &ball);
	group_start(&group, 2, "player");
	group_join(&group);
	EXPECT_EQ(ball.turn, 0);
}

TEST(sched, W8_many_waiters)
{
	struct queue queue;
	struct group group;
	queue_init(&queue, 0, 0);
	group_init(&group, wait_once, &queue);
	group_start(&group, GROUP_MAX, "many");
	for (unsigned i = 0; i < GROUP_MAX; i++)
		wait_until_blocked(group.threads[i]);
	EXPECT_EQ(sched_waitq_wake_all(&queue.wq), GROUP_MAX);
	group_join(&group);
	EXPECT_EQ(load_relaxed(&queue.chosen), GROUP_MAX);
}

TEST(sched, W4_sleep_is_not_short)
{
	for (unsigned i = 1; i <= 5; i++) {
		nsec_t deadline = time_now() + i * NSEC_PER_MSEC / 2;
		EXPECT_EQ(sched_sleep_until(deadline, true), 0);
		EXPECT(time_now() >= deadline);
	}
	EXPECT_EQ(sched_sleep_until(0, false), 0);
}
