// SPDX-License-Identifier: MIT
// User copies: the range is checked here, the access is <hal/uaccess.h>'s, and pages come in by the
// faults that it takes.
#include <hal/uaccess.h>
#include <mm/ucopy.h>
#include <uapi/errno.h>

static inline void *user(uaddr_t addr)
{
	return (void *)(uintptr_t)addr;
}

/** What of [@addr, @addr+@len) lies in user space. */
static size_t clip(uaddr_t addr, size_t len)
{
	return addr >= HAL_USER_TOP ? 0 : min(len, (size_t)(HAL_USER_TOP - addr));
}

size_t mm_copy_in_clipped(void *to, uaddr_t from, size_t len)
{
	len = clip(from, len);
	return len - hal_copy_from_user(to, user(from), len);
}

size_t mm_copy_out_clipped(uaddr_t to, const void *from, size_t len)
{
	len = clip(to, len);
	return len - hal_copy_to_user(user(to), from, len);
}

err_t mm_copy_in_string(char *to, uaddr_t from, size_t size)
{
	size_t max = clip(from, size);
	if (max == 0)
		return size == 0 ? -ENAMETOOLONG : -EFAULT;
	int64_t len = hal_strncpy_from_user(to, user(from), max);
	if (len < 0)
		return -EFAULT;
	if ((size_t)len < max)
		return (err_t)len;
	// No NUL in what could be read: cut by the buffer, or by the end of user space?
	return max == size ? -ENAMETOOLONG : -EFAULT;
}

static err_t check_word(uaddr_t addr)
{
	if (!is_aligned(addr, sizeof(uint32_t)))
		return -EINVAL;
	return mm_user_range_ok(addr, sizeof(uint32_t)) ? 0 : -EFAULT;
}

err_t mm_load_user32(uaddr_t from, uint32_t *value)
{
	err_t err = check_word(from);
	return err ? err : hal_load_user32(user(from), value);
}

err_t mm_store_user32(uaddr_t to, uint32_t value)
{
	err_t err = check_word(to);
	return err ? err : hal_store_user32(user(to), value);
}

err_t mm_cas_user32(uaddr_t at, uint32_t expected, uint32_t desired, uint32_t *old)
{
	err_t err = check_word(at);
	return err ? err : hal_cas_user32(user(at), expected, desired, old);
}
