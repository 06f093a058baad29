// SPDX-License-Identifier: MIT
// Spinning locks: mutual exclusion on two and three CPUs, and mutants that lack it.
#include <arch/lab.h>
#include <kernel/lock.h>

static struct spinlock lock;
static unsigned inside, entered;
static int rounds; // of each body
static _Atomic unsigned shared;

static void setup(void)
{
	spin_init(&lock);
	explore_name(&lock, "lock");
	explore_name(&shared, "shared");
	inside = entered = 0;
	rounds = 2;
	atomic_init(&shared, 0);
}

/** What only one CPU may do at a time; a point in the middle lets another one in. */
static void critical_section(void)
{
	EXPLORE_EXPECT(inside == 0);
	inside = 1;
	store_relaxed(&shared, 1);
	inside = 0;
	entered++;
}

static void lock_body(unsigned self)
{
	(void)self;
	for (int i = 0; i < rounds; i++) {
		spin_lock(&lock);
		critical_section();
		spin_unlock(&lock);
	}
}

static void check_4(void)
{
	EXPLORE_EXPECT(entered == 4);
	EXPLORE_EXPECT(!spin_is_locked(&lock));
}

static void setup_once(void)
{
	setup();
	rounds = 1;
}

static void check_3(void)
{
	EXPLORE_EXPECT(entered == 3);
}

EXPLORE(spin_two, .run = explore_run_cpus, .cpus = 2, .bodies = 2, .bound = 4, .setup = setup,
	.body = lock_body, .check = check_4);
EXPLORE(spin_three, .run = explore_run_cpus, .cpus = 3, .bodies = 3, .bound = 3,
	.setup = setup_once, .body = lock_body, .check = check_3);

/** spin_trylock() never lets two in, and fails only when somebody holds the lock. */
static void trylock_body(unsigned self)
{
	(void)self;
	while (!spin_trylock(&lock))
		hal_cpu_relax();
	critical_section();
	spin_unlock(&lock);
}

static void check_2(void)
{
	EXPLORE_EXPECT(entered == 2);
}

EXPLORE(spin_trylock, .run = explore_run_cpus, .cpus = 2, .bodies = 2, .bound = 4, .setup = setup,
	.body = trylock_body, .check = check_2);

/** Mutant: test, then set, in two steps. */
static void test_then_set_body(unsigned self)
{
	(void)self;
	while (load_acquire(&lock.is_taken))
		hal_cpu_relax();
	store_release(&lock.is_taken, 1);
	critical_section();
	store_release(&lock.is_taken, 0);
}

EXPLORE(mutant_spin_test_then_set, .run = explore_run_cpus, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_MUTANT, .setup = setup, .body = test_then_set_body, .check = check_2);

/** Mutant: two locks taken in opposite orders. */
static struct spinlock other_lock;

static void setup_two(void)
{
	setup();
	spin_init(&other_lock);
	explore_name(&other_lock, "other_lock");
}

static void opposite_body(unsigned self)
{
	struct spinlock *first = self ? &lock : &other_lock;
	struct spinlock *second = self ? &other_lock : &lock;

	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

EXPLORE(mutant_spin_opposite_order, .run = explore_run_cpus, .cpus = 2, .bodies = 2, .bound = 1,
	.flags = EXPLORE_MUTANT, .setup = setup_two, .body = opposite_body);
