// SPDX-License-Identifier: MIT
// The kernel's own address space: the final map of image and RAM, and kernel stacks.
#pragma once

#include <lib/types.h>

/** A kernel stack of HAL_KSTACK_SIZE with an unmapped guard page below it: returns its top, 0 when
 *  out of memory. Freed ones are kept for reuse, a few per CPU. */
must_check vaddr_t kstack_alloc(void);
void kstack_free(vaddr_t top);
/** @addr lies in the guard page of some kernel stack. */
bool kstack_is_guard(vaddr_t addr);
uint64_t kstack_count(void);
