// SPDX-License-Identifier: MIT
// x86 keeps instruction caches and devices coherent by itself (Intel SDM 3A, 11.6).
#include <hal/cache.h>

void hal_cache_sync_code(const void *addr, size_t len)
{
	// Other CPUs serialise when they enter user mode or take the IPI that maps the page.
	(void)addr;
	(void)len;
	__asm__ volatile("" : : : "memory");
}

void hal_cache_clean(const void *addr, size_t len)
{
	(void)addr;
	(void)len;
	__asm__ volatile("" : : : "memory");
}
