// SPDX-License-Identifier: MIT
// Copies between kernel and the current thread's user memory. The address range is checked here;
// nothing outside user space is ever read or written. May sleep (page faults).
#pragma once

#include <hal/mmu.h>
#include <lib/types.h>

typedef uint64_t uaddr_t; // an address that user space gave: never dereferenced directly

must_check err_t mm_copy_in(void *to, uaddr_t from, size_t len); // 0 or -EFAULT
must_check err_t mm_copy_out(uaddr_t to, const void *from, size_t len);
must_check err_t mm_clear_user(uaddr_t to, size_t len);
/** As much as can be read: bytes copied (may be short), for read(2) and write(2). */
size_t mm_copy_in_partial(void *to, uaddr_t from, size_t len);
size_t mm_copy_out_partial(uaddr_t to, const void *from, size_t len);
/** A string with its NUL into @to of @size bytes: length, -EFAULT, or -ENAMETOOLONG. */
must_check err_t mm_copy_in_string(char *to, uaddr_t from, size_t size);
must_check err_t mm_load_user32(uaddr_t from, uint32_t *value); // -EFAULT, -EINVAL if unaligned
must_check err_t mm_store_user32(uaddr_t to, uint32_t value);
must_check err_t mm_cas_user32(uaddr_t at, uint32_t expected, uint32_t desired, uint32_t *old);

/** [@addr, @addr+@len) lies in user space (@len 0: @addr does). */
static inline bool mm_user_range_ok(uaddr_t addr, size_t len)
{
	return len <= HAL_USER_TOP && addr <= HAL_USER_TOP - len;
}
