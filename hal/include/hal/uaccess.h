// SPDX-License-Identifier: MIT
// The only code that touches user memory. Each is one instruction range with a fix-up: a fault that
// mm cannot resolve makes it return early instead of killing the kernel. SMAP, PAN and SUM are
// opened only inside. Callers have checked that the range lies below HAL_USER_TOP.
#pragma once

#include <lib/types.h>

struct trapframe;

/** Return the number of bytes NOT copied (0 = all). Interrupts on, may sleep in the fault. */
size_t hal_copy_from_user(void *to, const void *from, size_t len);
size_t hal_copy_to_user(void *to, const void *from, size_t len);
/** Zero user memory; returns bytes not zeroed. */
size_t hal_clear_user(void *to, size_t len);
/** Length of the string at @from without its NUL, at most @max (then no NUL was seen), copied to
 *  @to; -EFAULT. */
int64_t hal_strncpy_from_user(char *to, const char *from, size_t max);
/** Two words, one after the other: 0 or -EFAULT. Aligned, unless HAL_CPU_UNALIGNED. */
err_t hal_store_user_pair(uint64_t *to, uint64_t a, uint64_t b);
/** Four of them. */
err_t hal_load_user_quad(uint64_t *to, const uint64_t *from);
err_t hal_store_user_quad(uint64_t *to, const uint64_t *from);
/** One aligned 32-bit word, atomically: 0 or -EFAULT. */
err_t hal_load_user32(const uint32_t *from, uint32_t *value);
err_t hal_store_user32(uint32_t *to, uint32_t value);
/** Compare-and-exchange; *@old receives the value found. 0 or -EFAULT. */
err_t hal_cas_user32(uint32_t *at, uint32_t expected, uint32_t desired, uint32_t *old);

/** @tf's pc lies inside one of the functions above. */
bool hal_uaccess_has_fixup(const struct trapframe *tf);
/** A fault at @tf's pc inside one of the functions above: continue at its fix-up, return true. */
bool hal_uaccess_fixup(struct trapframe *tf);
