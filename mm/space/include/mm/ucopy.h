// SPDX-License-Identifier: MIT
// Copies between kernel and the current thread's user memory. The address range is checked here;
// nothing outside user space is ever read or written. May sleep (page faults).
#pragma once

#include <hal/cpu.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/uaccess.h>
#include <lib/types.h>
#include <uapi/errno.h>

typedef uint64_t uaddr_t; // an address that user space gave: never dereferenced directly

/** [@addr, @addr+@len) lies in user space (@len 0: @addr does). */
static inline bool mm_user_range_ok(uaddr_t addr, size_t len)
{
	return len <= HAL_USER_TOP && addr <= HAL_USER_TOP - len;
}

/** Between the two no fault of a user copy is resolved: it ends at what is not mapped already. So it does not
 *  sleep, and a spinning lock may be held. Interrupts off; no lock is taken in between. */
static inline void mm_faults_off(struct hal_percpu *cpu)
{
	cpu->irq_depth++; // as in an interrupt handler (kernel/trap.c)
}
static inline void mm_faults_on(struct hal_percpu *cpu)
{
	cpu->irq_depth--;
}

// 0 or -EFAULT. Here, because most lengths are known where they are called.
must_check static inline err_t mm_copy_in(void *to, uaddr_t from, size_t len)
{
	bool is_ok = mm_user_range_ok(from, len) &&
		     hal_copy_from_user(to, (const void *)(uintptr_t)from, len) == 0;
	return likely(is_ok) ? 0 : -EFAULT;
}

must_check static inline err_t mm_copy_out(uaddr_t to, const void *from, size_t len)
{
	bool is_ok = mm_user_range_ok(to, len) &&
		     hal_copy_to_user((void *)(uintptr_t)to, from, len) == 0;
	return likely(is_ok) ? 0 : -EFAULT;
}

/** Whether words can be moved to or from @addr, as quickly as that: see <hal/cpu.h>. */
static inline bool mm_user_words_ok(uaddr_t addr, size_t len)
{
	return (HAL_CPU_UNALIGNED || is_aligned(addr, sizeof(uint64_t))) && mm_user_range_ok(addr, len);
}

/** Two words in registers: short of mm_copy_out(). */
must_check static inline err_t mm_put_pair(uaddr_t to, uint64_t a, uint64_t b)
{
	uint64_t pair[2];
	if (likely(mm_user_words_ok(to, sizeof(pair))))
		return hal_store_user_pair((uint64_t *)(uintptr_t)to, a, b);
	pair[0] = a;
	pair[1] = b;
	return mm_copy_out(to, pair, sizeof(pair));
}

#define MM_QUAD 32
/** Four words, for short structures of that size. */
must_check static inline err_t mm_copy_in_quad(void *to, uaddr_t from)
{
	if (likely(mm_user_words_ok(from, MM_QUAD)))
		return hal_load_user_quad(to, (const void *)(uintptr_t)from);
	return mm_copy_in(to, from, MM_QUAD);
}

must_check static inline err_t mm_copy_out_quad(uaddr_t to, const void *from)
{
	if (likely(mm_user_words_ok(to, MM_QUAD)))
		return hal_store_user_quad((void *)(uintptr_t)to, from);
	return mm_copy_out(to, from, MM_QUAD);
}

must_check static inline err_t mm_clear_user(uaddr_t to, size_t len)
{
	bool is_ok = mm_user_range_ok(to, len) && hal_clear_user((void *)(uintptr_t)to, len) == 0;
	return likely(is_ok) ? 0 : -EFAULT;
}


size_t mm_copy_in_clipped(void *to, uaddr_t from, size_t len);
size_t mm_copy_out_clipped(uaddr_t to, const void *from, size_t len);
/** As much as can be read: bytes copied (may be short), for read(2) and write(2). */
static inline size_t mm_copy_in_partial(void *to, uaddr_t from, size_t len)
{
	if (likely(mm_user_range_ok(from, len)))
		return len - hal_copy_from_user(to, (const void *)(uintptr_t)from, len);
	return mm_copy_in_clipped(to, from, len);
}
static inline size_t mm_copy_out_partial(uaddr_t to, const void *from, size_t len)
{
	if (likely(mm_user_range_ok(to, len)))
		return len - hal_copy_to_user((void *)(uintptr_t)to, from, len);
	return mm_copy_out_clipped(to, from, len);
}
/** A string with its NUL into @to of @size bytes: length, -EFAULT, or -ENAMETOOLONG. */
must_check err_t mm_copy_in_string(char *to, uaddr_t from, size_t size);
must_check err_t mm_load_user32(uaddr_t from, uint32_t *value); // -EFAULT, -EINVAL if unaligned
must_check err_t mm_store_user32(uaddr_t to, uint32_t value);
must_check err_t mm_cas_user32(uaddr_t at, uint32_t expected, uint32_t desired, uint32_t *old);

