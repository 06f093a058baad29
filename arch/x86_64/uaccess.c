// SPDX-License-Identifier: MIT
// Where a fault in uaccess.S goes on.
#include <hal/uaccess.h>

#include <arch/x86.h>
#include <hal/trapframe.h>

static const struct x86_fixup *find_fixup(const struct trapframe *tf)
{
	extern const struct x86_fixup _fixups_start[], _fixups_end[];

	for (const struct x86_fixup *fixup = _fixups_start; fixup < _fixups_end; fixup++) {
		if (tf->rip >= fixup->start && tf->rip < fixup->end)
			return fixup;
	}
	return NULL;
}

bool hal_uaccess_has_fixup(const struct trapframe *tf)
{
	return find_fixup(tf) != NULL;
}

bool hal_uaccess_fixup(struct trapframe *tf)
{
	const struct x86_fixup *fixup = find_fixup(tf);

	if (!fixup)
		return false;
	tf->rip = fixup->target;
	return true;
}
