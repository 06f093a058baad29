// SPDX-License-Identifier: MIT
// Priority inheritance: whoever owns what better threads wait for runs as well as the best of them, and
// so does whom the owner itself waits for, along any chain.
//
// One lock orders all of it, below every queue's lock and above the run queues'. Only who blocks at
// something owned, or hands it to one who does, takes it.
#pragma once

#include <hal/atomic.h>
#include <lib/list.h>
#include <lib/types.h>

struct thread;

/** Something that one thread owns while others wait for it. */
struct sched_pi {
	struct thread *owner; // meaningful while somebody waits, or floor is not 0 (pi)
	struct list waiters; // by thread.sched.pi_node: best rank first, FIFO within one (pi)
	struct list held_node; // in owner's sched.pi_held, while it may raise the owner (pi)
	_Atomic uint32_t floor; // rank that the owner is given besides; 0 = none (pi)
};
#define SCHED_PI_INIT(name) \
	{.waiters = LIST_INIT((name).waiters), .held_node = LIST_INIT((name).held_node)}

void sched_pi_init(struct sched_pi *pi);

/** Current is about to wait for @pi, which @owner owns: @owner inherits. The caller holds a lock that
 *  keeps @owner the owner until then. Interrupts off. -EDEADLK: @owner waits for current. */
must_check err_t sched_pi_block(struct sched_pi *pi, struct thread *owner);
/** Current waits no more, whether it was given @pi or not. Interrupts off. */
void sched_pi_unblock(struct sched_pi *pi);
/** The owner lets @pi go: to the best waiter, which is none any more and is returned, or to nobody. It
 *  keeps what it inherits otherwise. The caller's lock keeps waiters there. Interrupts off. */
struct thread *sched_pi_pass_on(struct sched_pi *pi);
/** For those who wait otherwise than by sched_pi_block() (queued callers of an endpoint): the owner of
 *  @pi, @owner, runs at @rank at least, a value of thread.sched.rank. 0 takes it back. Interrupts
 *  off. */
void sched_pi_set_floor(struct sched_pi *pi, struct thread *owner, uint32_t rank);
