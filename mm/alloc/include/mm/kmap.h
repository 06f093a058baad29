// SPDX-License-Identifier: MIT
// The kernel's own address space: the final map of image and RAM, and kernel stacks.
//
// A stack of HAL_KSTACK_SIZE is the upper half of a slot of twice that size, aligned to itself; the
// lower half is never mapped. So a stack pointer inside a stack has bit log2(HAL_KSTACK_SIZE) set,
// and one that ran out of it has it clear: entry code may test that bit (of sp - 1, since the top
// itself belongs to the next slot).
#pragma once

#include <lib/types.h>

/** A kernel stack: returns its top, 0 when out of memory. Freed ones are kept for reuse, a few per
 *  CPU. Thread context, interrupts on (or the boot CPU before SMP). */
must_check vaddr_t kstack_alloc(void);
/** Any context but an interrupt handler. Not the stack one runs on. */
void kstack_free(vaddr_t top);
/** @addr lies in the guard area of some kernel stack. */
bool kstack_is_guard(vaddr_t addr);
/** Stacks handed out and not returned. */
uint64_t kstack_count(void);
