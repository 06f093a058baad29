// SPDX-License-Identifier: MIT
// Whom kernel memory is charged to. Each descriptor table has an account, so a process has; what a native
// call makes is charged to who made it until it is freed, whoever holds it then.
#pragma once

#include <hal/atomic.h>
#include <lib/types.h>

struct account {
	_Atomic uint64_t held; // bytes, and ACCOUNT_TABLE; freed at 0
	_Atomic uint64_t limit; // bytes
};
#define ACCOUNT_TABLE (1ull << 56) // the table is there
#define ACCOUNT_LIMIT_DEFAULT MIB(64)

/** For a new table, which lets go of it by account_uncharge(ACCOUNT_TABLE). NULL = no memory. */
must_check struct account *account_create(uint64_t limit);
/** Charge @bytes to current's account, *@account; a kernel thread has none. -ENOSPC: over the limit. */
must_check err_t account_charge(size_t bytes, struct account **account);
/** Any context; @account may be NULL. */
void account_uncharge(struct account *account, uint64_t bytes);

static inline uint64_t account_bytes(struct account *account)
{
	return load_relaxed(&account->held) & (ACCOUNT_TABLE - 1);
}
