// SPDX-License-Identifier: MIT
// User memory: translated byte range by byte range through the CPU's soft MMU. A miss is a page
// fault taken in kernel mode, with the same calls and the same fix-up as on a machine.
#include "host.h"

#include <string.h>

#include <hal/explore.h>
#include <hal/irqflags.h>
#include <hal/uaccess.h>
#include <hal/upcall.h>

/** The kernel address of user address @va for at least one byte; faults it in. NULL: no fault
 *  handler could. Interrupts are off on success, so that the translation stays this CPU's. */
static void *user_address(vaddr_t va, bool is_write)
{
	struct trapframe tf;
	paddr_t pa;

	for (;;) {
		hal_irq_disable();
		pa = host_mmu_translate(host_cpu(), va, is_write);
		if (pa)
			return hal_direct(pa);
		memset(&tf, 0, sizeof(tf));
		tf.pc = (uintptr_t)user_address;
		upcall_page_fault(&tf, va, is_write ? HAL_FAULT_WRITE : HAL_FAULT_READ, false);
		if (tf.flags & HOST_TF_FIXED)
			return NULL;
		hal_irq_enable();
	}
}

bool hal_uaccess_has_fixup(const struct trapframe *tf)
{
	return tf->pc == (uintptr_t)user_address;
}

bool hal_uaccess_fixup(struct trapframe *tf)
{
	if (!hal_uaccess_has_fixup(tf))
		return false;
	tf->flags |= HOST_TF_FIXED;
	return true;
}

static size_t in_page(vaddr_t va, size_t len)
{
	return min(len, HAL_PAGE_SIZE - va % HAL_PAGE_SIZE);
}

// Threads of a process may access the same bytes in any order, and the kernel may copy the page
// meanwhile; that is their affair and no race of the kernel.
#define USER_ACCESS __attribute__((no_sanitize_thread))

USER_ACCESS static void copy_bytes(volatile char *to, const volatile char *from, size_t n)
{
	while (n--)
		*to++ = *from++;
}

enum direction { FROM_USER, TO_USER, CLEAR };

static size_t user_copy(vaddr_t user, char *kernel, size_t len, enum direction direction)
{
	static const char zeros[HAL_PAGE_SIZE];
	irqflags_t flags = hal_irq_save();

	while (len) {
		size_t n = in_page(user, len);
		char *p = user_address(user, direction != FROM_USER);

		if (!p)
			break;
		if (direction == FROM_USER)
			copy_bytes(kernel, p, n);
		else
			copy_bytes(p, direction == CLEAR ? zeros : kernel, n);
		hal_irq_restore(flags);
		user += n;
		kernel += direction == CLEAR ? 0 : n;
		len -= n;
	}
	hal_irq_restore(flags);
	return len;
}

size_t hal_copy_from_user(void *to, const void *from, size_t len)
{
	return user_copy((vaddr_t)from, to, len, FROM_USER);
}

size_t hal_copy_to_user(void *to, const void *from, size_t len)
{
	return user_copy((vaddr_t)to, (char *)from, len, TO_USER);
}

err_t hal_load_user_quad(uint64_t *to, const uint64_t *from)
{
	return hal_copy_from_user(to, from, 4 * sizeof(*to)) ? -EFAULT : 0;
}

err_t hal_store_user_quad(uint64_t *to, const uint64_t *from)
{
	return hal_copy_to_user(to, from, 4 * sizeof(*to)) ? -EFAULT : 0;
}

err_t hal_store_user_pair(uint64_t *to, uint64_t a, uint64_t b)
{
	uint64_t pair[2] = {a, b};
	return hal_copy_to_user(to, pair, sizeof(pair)) ? -EFAULT : 0;
}

size_t hal_clear_user(void *to, size_t len)
{
	return user_copy((vaddr_t)to, NULL, len, CLEAR);
}

int64_t hal_strncpy_from_user(char *to, const char *from, size_t max)
{
	for (size_t n = 0; n < max;) {
		size_t part = in_page((vaddr_t)from + n, max - n);

		if (user_copy((vaddr_t)from + n, to + n, part, FROM_USER))
			return -EFAULT;
		for (size_t end = n + part; n < end; n++) {
			if (!to[n])
				return (int64_t)n;
		}
	}
	return (int64_t)max;
}

/** A word at @at, interrupts off; NULL: -EFAULT. Other CPUs may change it between any two accesses, so
 *  this is a point. */
static uint32_t *user_word(const uint32_t *at, bool is_write)
{
	uint32_t *word;

	if (!is_aligned((vaddr_t)at, sizeof(*at)))
		return NULL;
	word = user_address((vaddr_t)at, is_write);
	if (word && is_write)
		hal_explore_point(word);
	else if (word)
		hal_explore_load(word);
	return word;
}

USER_ACCESS err_t hal_load_user32(const uint32_t *from, uint32_t *value)
{
	irqflags_t flags = hal_irq_save();
	uint32_t *word = user_word(from, false);

	if (word)
		*value = __atomic_load_n(word, __ATOMIC_ACQUIRE);
	hal_irq_restore(flags);
	return word ? 0 : -EFAULT;
}

USER_ACCESS err_t hal_store_user32(uint32_t *to, uint32_t value)
{
	irqflags_t flags = hal_irq_save();
	uint32_t *word = user_word(to, true);

	if (word)
		__atomic_store_n(word, value, __ATOMIC_RELEASE);
	hal_irq_restore(flags);
	return word ? 0 : -EFAULT;
}

USER_ACCESS err_t hal_cas_user32(uint32_t *at, uint32_t expected, uint32_t desired, uint32_t *old)
{
	irqflags_t flags = hal_irq_save();
	uint32_t *word = user_word(at, true);

	if (word) {
		__atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		*old = expected;
	}
	hal_irq_restore(flags);
	return word ? 0 : -EFAULT;
}
