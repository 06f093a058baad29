// SPDX-License-Identifier: MIT
// Accounts. What is charged keeps the account, so it may outlive its table.
#include <mm/slab.h>
#include <object/account.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

struct account *account_create(uint64_t limit)
{
	struct account *account = kmalloc(sizeof(*account));
	if (account) {
		atomic_init(&account->held, ACCOUNT_TABLE);
		atomic_init(&account->limit, limit);
	}
	return account;
}

err_t account_charge(size_t bytes, struct account **account)
{
	struct fdtable *table = current_thread()->object.fds;
	*account = table ? table->account : NULL;
	if (!table)
		return 0;
	uint64_t before = fetch_add_relaxed(&table->account->held, bytes) & (ACCOUNT_TABLE - 1);
	if (before + bytes <= load_relaxed(&table->account->limit))
		return 0;
	account_uncharge(table->account, bytes);
	return -ENOSPC;
}

void account_uncharge(struct account *account, uint64_t bytes)
{
	if (account && fetch_sub_acq_rel(&account->held, bytes) == bytes)
		kfree(account);
}
