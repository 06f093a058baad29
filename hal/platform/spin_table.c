// SPDX-License-Identifier: MIT
// Spin tables of device trees: the word by which a CPU is let go.
#include <hal/atomic.h>
#include <hal/barrier.h>
#include <hal/bootinfo.h>
#include <hal/cache.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <hal/smp.h>
#include <uapi/errno.h>

err_t hal_spin_table_release(paddr_t word, paddr_t entry)
{
	if (bootinfo_is_ram(word, sizeof(uint64_t))) {
		uint64_t *at = hal_direct(word);
		__atomic_store_n(at, entry, __ATOMIC_RELEASE);
		hal_cache_clean(at, sizeof(*at));
		return 0;
	}
	vaddr_t at = hal_mmio_map(word, sizeof(uint64_t));
	if (!at)
		return -ENOMEM;
	hal_mmio_write64(at, entry);
	hal_mb_device();
	return 0;
}
