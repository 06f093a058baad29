// SPDX-License-Identifier: MIT
// Futexes: sleep while a user word has a value. Keyed by address space and address, or by the page's
// object when shared.
#pragma once

#include <lib/types.h>
#include <mm/space.h>
#include <mm/ucopy.h>

#define FUTEX_BITSET_ANY UINT32_MAX

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
