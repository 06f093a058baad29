// SPDX-License-Identifier: MIT
// Futexes: sleep while a user word has a value. Keyed by address space and address, or by the page's
// object when shared.
#pragma once

#include <lib/types.h>
#include <mm/space.h>
#include <mm/ucopy.h>

#define FUTEX_BITSET_ANY UINT32_MAX
// A word that names its owner: PI futexes and robust ones.
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

void futex_init(void);

/** Sleep while the word at @addr is @expected, until a wake whose bitset meets @bitset, @deadline
 *  (absolute) or a signal. 0, -EAGAIN (another value), -ETIMEDOUT, -EINTR, -EFAULT, -EINVAL. */
must_check err_t futex_wait(uaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset,
			    nsec_t deadline);
/** Wake up to @n waiters that meet @bitset, oldest first: how many, or a negative error. */
must_check int futex_wake(uaddr_t addr, bool is_private, uint32_t n, uint32_t bitset);
/** Wake up to @wake_n and move up to @move_n others to wait at @to. With @expected not NULL: -EAGAIN
 *  when the word at @from is not *@expected. How many were woken and moved. */
must_check int futex_requeue(uaddr_t from, uaddr_t to, bool is_private, uint32_t wake_n,
			     uint32_t move_n, const uint32_t *expected, bool count_moved);
/** FUTEX_WAKE_OP: change the word at @addr2 as @op says, wake at @addr1 and perhaps at @addr2. */
must_check int futex_wake_op(uaddr_t addr1, uaddr_t addr2, bool is_private, uint32_t n1, uint32_t n2,
			     uint32_t op);

/** Become the owner of the word at @addr: 0; -ETIMEDOUT, -EINTR; -EDEADLK (it is ours, or its owner
 *  waits for us); -ESRCH (no such owner); -EINVAL (the word and the kernel disagree), -EFAULT, -ENOMEM. */
must_check err_t futex_lock_pi(uaddr_t addr, bool is_private, nsec_t deadline);
must_check err_t futex_trylock_pi(uaddr_t addr, bool is_private); // -EAGAIN: it has an owner
/** Give it to the best waiter. -EPERM: it is not ours. */
must_check err_t futex_unlock_pi(uaddr_t addr, bool is_private);
/** As futex_wait(), until futex_cmp_requeue_pi() sends us on to wait for the PI futex at @target: 0 when
 *  we are its owner. -EAGAIN also when a signal came while waiting for @target. */
must_check err_t futex_wait_requeue_pi(uaddr_t addr, bool is_private, uint32_t expected,
				       uint32_t bitset, nsec_t deadline, uaddr_t target);
/** Send 1 + @move_n waiters at @from on to the PI futex at @to: how many. -EAGAIN: the word at @from is
 *  not @expected; -EINVAL: one of them does not wait for that. */
must_check int futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, bool is_private, uint32_t move_n,
				    uint32_t expected);
/** The current thread ends: what it owns goes to who waits, marked FUTEX_OWNER_DIED. */
void futex_thread_exit(void);
