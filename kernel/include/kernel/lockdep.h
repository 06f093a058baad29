// SPDX-License-Identifier: MIT
// Debug builds check how locks are used, on every path that runs, before it can hang; in others all
// this is nothing. A lock belongs to the class of the place that initialised it (a static one is a class
// of its own). Found are:
//  - two classes taken in opposite orders, at whatever times and on whatever CPUs, also by way of others;
//  - a spinning lock that interrupt handlers take and that somebody takes, or takes another one under,
//    with interrupts on;
//  - a thread that gives its CPU away with a spinning lock held;
//  - a lock taken twice, or let go by a CPU or thread that has not taken it.
// Two spinning locks of one class are taken in the order of their addresses. A fault panics.
#pragma once

#include <lib/types.h>

struct spinlock;

#define LOCKDEP_HELD_MAX 16

/** Of a lock: where it was initialised (0 = static), and its classes as a spinning lock and as the queue
 *  of a sleeping one (0 = not known yet). */
struct lock_identity {
	uintptr_t site;
	uint32_t classes[2];
};

/** Locks held at the same time, by a CPU (spinning) or a thread (sleeping), in the order of taking. */
struct lock_stack {
	uint32_t depth;
	struct {
		const struct spinlock *lock;
		uint32_t class;
		uintptr_t pc;
	} held[LOCKDEP_HELD_MAX];
};

#if CONFIG_DEBUG
/** The class of @lock is that of the caller, or of @site. */
void lockdep_init(struct spinlock *lock);
void lockdep_init_at(struct spinlock *lock, const void *site);
/** The caller is about to take @lock; the same, under one of its class; has taken it without waiting; is
 *  about to let it go. */
void lockdep_acquire(struct spinlock *lock);
void lockdep_acquire_nested(struct spinlock *lock);
void lockdep_acquire_tried(struct spinlock *lock);
void lockdep_release(struct spinlock *lock);
/** The same for the sleeping lock whose waiters' queue has @lock, and the thread with @stack: about to wait
 *  for it; has it; is about to let it go. In @pc. */
void lockdep_wait_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc);
void lockdep_acquire_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc);
void lockdep_release_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc);
/** The thread gives its CPU away. */
void lockdep_check_switch(void);
/** From now on locks are checked. */
void lockdep_start(void);
/** For tests: faults are counted instead of panicking, until the next call, which returns how many. The
 *  last one's text is kept in @text of @len bytes (not NULL only when this begins). */
unsigned lockdep_catch(char *text, size_t len);
#else
static inline void lockdep_init(struct spinlock *lock)
{
	(void)lock;
}
static inline void lockdep_init_at(struct spinlock *lock, const void *site)
{
	(void)lock;
	(void)site;
}
static inline void lockdep_acquire(struct spinlock *lock)
{
	(void)lock;
}
static inline void lockdep_acquire_nested(struct spinlock *lock)
{
	(void)lock;
}
static inline void lockdep_acquire_tried(struct spinlock *lock)
{
	(void)lock;
}
static inline void lockdep_release(struct spinlock *lock)
{
	(void)lock;
}
// Not functions: releases have no stacks.
#define lockdep_wait_sleeping(stack, lock, pc) ((void)0)
#define lockdep_acquire_sleeping(stack, lock, pc) ((void)0)
#define lockdep_release_sleeping(stack, lock, pc) ((void)0)
static inline void lockdep_check_switch(void)
{
}
static inline void lockdep_start(void)
{
}
#endif
