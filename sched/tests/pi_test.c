// SPDX-License-Identifier: MIT
// Priority inheritance through mutexes: the owner, chains, giving up, changes while somebody waits.
#include <uapi/errno.h>

#include "../runq.h"
#include "threads.h"

#define LINKS 3
#define HOG_PRIORITY 20
#define BEST_PRIORITY 50
#define OWN_PRIORITY 90

static const uint32_t fair_rank = (BANDS - BAND_USER) << 8;

/** All on one CPU, this thread above them all: nothing runs but while it waits. */
static void begin(struct cpuset *all)
{
	struct cpuset one = cpuset_of(this_cpu());
	sched_get_affinity(current_thread(), all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_FIFO, OWN_PRIORITY), 0);
}

static void end(struct cpuset *all)
{
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_NORMAL, 0), 0);
	EXPECT_EQ(sched_set_affinity(current_thread(), all), 0);
}

/** A thread of @group on this CPU with real-time priority @priority, 0 = fair. */
static struct thread *start(struct group *group, const char *name, unsigned priority)
{
	struct cpuset one = cpuset_of(this_cpu());
	struct thread *thread = group_add(group, name);
	EXPECT_EQ(sched_set_affinity(thread, &one), 0);
	if (priority)
		EXPECT_EQ(sched_set_policy(thread, SCHED_FIFO, priority), 0);
	sched_start(thread);
	return thread;
}

static void let_run(void)
{
	EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
}

static void let_block(struct thread *thread)
{
	while (!thread_is_blocked(thread))
		let_run();
}

static uint32_t rank_of(struct thread *thread)
{
	return load_relaxed(&thread->sched.rank);
}

static uint32_t rt_rank(unsigned priority)
{
	return sched_rank(BAND_REALTIME, priority);
}

struct scene {
	struct sched_mutex mutexes[LINKS];
	struct sched_semaphore go; // for who holds a mutex and nothing else
	_Atomic uint32_t links; // threads that came so far
	_Atomic uint32_t stop;
	_Atomic uint32_t passed; // order in which waiters had mutexes[0]
	char order[LINKS + 1];
};

static void scene_init(struct scene *scene)
{
	*scene = (struct scene){0};
	for (unsigned i = 0; i < LINKS; i++)
		sched_mutex_init(&scene->mutexes[i]);
	sched_semaphore_init(&scene->go, 0);
}

/** Link n holds mutex n and waits for mutex n - 1; link 0 waits to be told. */
static void be_a_link(void *arg)
{
	struct scene *scene = arg;
	unsigned self = fetch_add_relaxed(&scene->links, 1);
	sched_mutex_lock(&scene->mutexes[self]);
	if (self == 0) {
		(void)!sched_semaphore_down(&scene->go, NSEC_NEVER, 0);
	} else {
		sched_mutex_lock(&scene->mutexes[self - 1]);
		sched_mutex_unlock(&scene->mutexes[self - 1]);
	}
	sched_mutex_unlock(&scene->mutexes[self]);
}

static void want_the_last(void *arg)
{
	struct scene *scene = arg;
	unsigned last = load_relaxed(&scene->links) - 1;
	if (!sched_mutex_lock_interruptible(&scene->mutexes[last]))
		sched_mutex_unlock(&scene->mutexes[last]);
}

static void hog(void *arg)
{
	struct scene *scene = arg;
	while (!load_acquire(&scene->stop)) {
		sched_preempt_point();
		hal_cpu_relax();
	}
}

TEST(sched, S12_owner_of_a_mutex_runs_before_a_hog)
{
	struct scene scene;
	struct group low, high, middle;
	struct cpuset all;
	scene_init(&scene);
	begin(&all);
	group_init(&low, be_a_link, &scene);
	group_init(&high, want_the_last, &scene);
	group_init(&middle, hog, &scene);
	struct thread *owner = start(&low, "owner", 0);
	let_block(owner);
	struct thread *best = start(&high, "best", BEST_PRIORITY);
	let_run();
	EXPECT_EQ(rank_of(owner), rt_rank(BEST_PRIORITY));
	start(&middle, "hog", HOG_PRIORITY);
	sched_semaphore_up(&scene.go);
	// Without inheritance the hog would keep the owner from running, and so the best.
	group_join(&high);
	EXPECT_EQ(rank_of(owner), fair_rank);
	EXPECT_EQ(owner->sched.inherited, 0);
	EXPECT_EQ(rank_of(best), rt_rank(BEST_PRIORITY));
	store_release(&scene.stop, 1);
	group_join(&middle);
	group_join(&low);
	end(&all);
}

TEST(sched, S12_chain_of_three_inherits_and_gives_back)
{
	struct scene scene;
	struct group links, high;
	struct thread *chain[LINKS];
	struct cpuset all;
	scene_init(&scene);
	begin(&all);
	group_init(&links, be_a_link, &scene);
	group_init(&high, want_the_last, &scene);
	for (unsigned i = 0; i < LINKS; i++) {
		chain[i] = start(&links, "link", 0);
		let_block(chain[i]);
	}
	struct thread *best = start(&high, "best", BEST_PRIORITY);
	let_run();
	for (unsigned i = 0; i < LINKS; i++)
		EXPECT_EQ(rank_of(chain[i]), rt_rank(BEST_PRIORITY));
	// The waiter's own priority changes: so does everybody's on the way.
	EXPECT_EQ(sched_set_policy(best, SCHED_FIFO, BEST_PRIORITY + 5), 0);
	for (unsigned i = 0; i < LINKS; i++)
		EXPECT_EQ(rank_of(chain[i]), rt_rank(BEST_PRIORITY + 5));
	EXPECT_EQ(sched_set_policy(best, SCHED_NORMAL, 0), 0);
	for (unsigned i = 0; i < LINKS; i++)
		EXPECT_EQ(rank_of(chain[i]), fair_rank);
	EXPECT_EQ(sched_set_policy(best, SCHED_RR, 7), 0);
	EXPECT_EQ(rank_of(chain[0]), rt_rank(7));
	// It gives up: nobody inherits any more.
	store_release(&best->pending, 1);
	sched_interrupt(best);
	group_join(&high);
	for (unsigned i = 0; i < LINKS; i++)
		EXPECT_EQ(rank_of(chain[i]), fair_rank);
	sched_semaphore_up(&scene.go);
	group_join(&links);
	end(&all);
}

static void pass_first(void *arg)
{
	struct scene *scene = arg;
	sched_mutex_lock(&scene->mutexes[0]);
	scene->order[fetch_add_relaxed(&scene->passed, 1)] = current_thread()->name[0];
	sched_mutex_unlock(&scene->mutexes[0]);
}

TEST(sched, S12_who_inherits_is_served_first)
{
	struct scene scene;
	struct group owner, waiters;
	struct thread *thread[LINKS];
	struct cpuset all;
	scene_init(&scene);
	begin(&all);
	group_init(&owner, be_a_link, &scene);
	group_init(&waiters, pass_first, &scene);
	let_block(start(&owner, "owner", 0));
	for (unsigned i = 0; i < LINKS; i++) {
		thread[i] = start(&waiters, (const char *[]){"a", "b", "c"}[i], 0);
		let_block(thread[i]);
	}
	EXPECT_EQ(sched_set_policy(thread[2], SCHED_FIFO, 30), 0);
	EXPECT_EQ(sched_set_policy(thread[1], SCHED_FIFO, 10), 0);
	sched_semaphore_up(&scene.go);
	group_join(&waiters);
	group_join(&owner);
	EXPECT_EQ(scene.order[0], 'c');
	EXPECT_EQ(scene.order[1], 'b');
	EXPECT_EQ(scene.order[2], 'a');
	end(&all);
}

TEST(sched, S12_floor_and_a_lower_own_priority)
{
	struct thread *self = current_thread();
	struct sched_pi right, other;
	irqflags_t flags = hal_irq_save();
	sched_pi_init(&right);
	sched_pi_init(&other);
	sched_pi_set_floor(&right, self, rt_rank(40));
	sched_pi_set_floor(&other, self, rt_rank(60));
	EXPECT_EQ(rank_of(self), rt_rank(60));
	hal_irq_restore(flags);
	EXPECT_EQ(sched_set_policy(self, SCHED_FIFO, 50), 0);
	EXPECT_EQ(rank_of(self), rt_rank(60));
	flags = hal_irq_save();
	EXPECT(!sched_pi_pass_on(&other));
	EXPECT_EQ(rank_of(self), rt_rank(50));
	sched_pi_set_floor(&right, self, 0);
	hal_irq_restore(flags);
	EXPECT_EQ(self->sched.inherited, 0);
	EXPECT_EQ(sched_set_policy(self, SCHED_NORMAL, 0), 0);
	EXPECT_EQ(rank_of(self), fair_rank);
}

TEST(sched, S12_a_circle_is_refused)
{
	struct sched_pi pi;
	sched_pi_init(&pi);
	irqflags_t flags = hal_irq_save();
	EXPECT_EQ(sched_pi_block(&pi, current_thread()), -EDEADLK);
	EXPECT(list_is_empty(&pi.waiters));
	hal_irq_restore(flags);
}
