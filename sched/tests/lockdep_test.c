// SPDX-License-Identifier: MIT
// The checker of lock order finds each fault that it is there for, and says so in words that name the
// place; what is right it lets pass. Its faults are caught here, not run into: no two threads take part.
#include <kernel/lock.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <lib/test.h>
#include <sched/mutex.h>
#include <sched/rwlock.h>
#include <sched/sched.h>

static char text[512];

static bool says(const char *words)
{
	size_t len = strlen(words);
	for (const char *at = text; *at; at++) {
		if (strncmp(at, words, len) == 0)
			return true;
	}
	return false;
}

/** Faults since the last call, and what the last one said holds @words. */
static bool is_found(unsigned count, const char *words)
{
	unsigned found = lockdep_catch(text, sizeof(text));
	return found == count && (!count || says(words));
}

static void begin(void)
{
	text[0] = '\0';
	lockdep_catch(text, sizeof(text));
}

static void end(void)
{
	EXPECT_EQ(lockdep_catch(NULL, 0), 0);
}

static void take_both(struct spinlock *first, struct spinlock *second)
{
	irqflags_t flags = spin_lock_irqsave(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock_irqrestore(first, flags);
}

TEST(sched, lockdep_finds_opposite_orders)
{
	static struct spinlock a = SPINLOCK_INIT, b = SPINLOCK_INIT;
	begin();
	take_both(&a, &b);
	take_both(&a, &b);
	EXPECT(is_found(0, ""));
	take_both(&b, &a);
	EXPECT(is_found(1, "order"));
	end();
}

TEST(sched, lockdep_finds_circles_of_three)
{
	static struct spinlock a = SPINLOCK_INIT, b = SPINLOCK_INIT, c = SPINLOCK_INIT;
	begin();
	take_both(&a, &b);
	take_both(&b, &c);
	EXPECT(is_found(0, ""));
	take_both(&c, &a);
	EXPECT(is_found(1, "leads to the latter"));
	end();
}

static void init_class(struct spinlock *lock)
{
	spin_init(lock);
	lockdep_init_at(lock, init_class); // the compiler may have made several places of this one
}

TEST(sched, lockdep_orders_a_class_by_address)
{
	struct spinlock locks[2];
	begin();
	init_class(&locks[0]);
	init_class(&locks[1]);
	take_both(&locks[0], &locks[1]);
	EXPECT(is_found(0, ""));
	take_both(&locks[1], &locks[0]);
	EXPECT(is_found(1, "higher address"));
	spin_lock(&locks[1]);
	spin_lock_nested(&locks[0]);
	spin_unlock(&locks[0]);
	spin_unlock(&locks[1]);
	EXPECT(is_found(0, ""));
	end();
}

TEST(sched, lockdep_finds_a_lock_let_go_twice)
{
	struct spinlock lock;
	begin();
	spin_init(&lock);
	spin_lock(&lock);
	spin_unlock(&lock);
	EXPECT(is_found(0, ""));
	spin_unlock(&lock);
	EXPECT(is_found(1, "is not held"));
	end();
}

static struct spinlock irq_lock = SPINLOCK_INIT, inner_lock = SPINLOCK_INIT;
static _Atomic uint32_t has_fired;

static void take_in_irq(struct timer *timer)
{
	(void)timer;
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
	store_release(&has_fired, 1);
}

static void take_by_interrupt(void)
{
	struct timer timer;
	timer_init(&timer, take_in_irq);
	store_release(&has_fired, 0);
	irqflags_t flags = hal_irq_save();
	timer_set(&timer, time_now() + NSEC_PER_USEC);
	hal_irq_restore(flags);
	while (!load_acquire(&has_fired))
		hal_cpu_relax();
	timer_cancel_sync(&timer);
}

TEST(sched, lockdep_finds_locks_of_interrupts_taken_with_interrupts_on)
{
	begin();
	take_by_interrupt();
	irqflags_t flags = spin_lock_irqsave(&irq_lock);
	spin_unlock_irqrestore(&irq_lock, flags);
	EXPECT(is_found(0, ""));
	spin_lock(&irq_lock);
	spin_unlock(&irq_lock);
	EXPECT(is_found(1, "interrupts"));
	// Now that one is forgiven, the longer way: a lock that is taken under it, and elsewhere with
	// interrupts on.
	take_by_interrupt();
	take_both(&irq_lock, &inner_lock);
	EXPECT(is_found(0, ""));
	spin_lock(&inner_lock);
	spin_unlock(&inner_lock);
	EXPECT(is_found(1, "under it"));
	end();
}

TEST(sched, lockdep_finds_sleeping_with_a_spinning_lock)
{
	struct spinlock lock;
	struct sched_mutex mutex;
	begin();
	spin_init(&lock);
	sched_mutex_init(&mutex);
	irqflags_t flags = spin_lock_irqsave(&lock);
	spin_unlock_irqrestore(&lock, flags);
	sched_yield();
	EXPECT(is_found(0, ""));
	spin_lock(&lock);
	sched_yield();
	spin_unlock(&lock);
	EXPECT(is_found(1, "given away"));
	spin_lock(&lock);
	sched_mutex_lock(&mutex); // though it is free this time
	sched_mutex_unlock(&mutex);
	spin_unlock(&lock);
	EXPECT(is_found(1, "given away"));
	end();
}

static void lock_both(struct sched_mutex *mutex, struct sched_rwlock *rwlock)
{
	sched_mutex_lock(mutex);
	sched_read_lock(rwlock);
	sched_read_unlock(rwlock);
	sched_mutex_unlock(mutex);
}

TEST(sched, lockdep_finds_opposite_orders_of_sleeping_locks)
{
	struct sched_mutex mutex;
	struct sched_rwlock rwlock;
	begin();
	sched_mutex_init(&mutex);
	sched_rwlock_init(&rwlock);
	lock_both(&mutex, &rwlock);
	EXPECT(is_found(0, ""));
	sched_write_lock(&rwlock);
	EXPECT(sched_mutex_trylock(&mutex)); // waits for nobody
	sched_mutex_unlock(&mutex);
	EXPECT(is_found(0, ""));
	sched_mutex_lock(&mutex);
	sched_mutex_unlock(&mutex);
	sched_write_unlock(&rwlock);
	EXPECT(is_found(1, "order"));
	sched_read_lock(&rwlock);
	lockdep_wait_sleeping(&current_thread()->locks, &rwlock.waiters.lock, NULL);
	sched_read_unlock(&rwlock);
	EXPECT(is_found(1, "held already"));
	end();
}
