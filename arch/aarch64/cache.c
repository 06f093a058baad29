// SPDX-License-Identifier: MIT
// Cache maintenance by address, with the line sizes of CTR_EL0 (Arm ARM D7.5). The operations
// broadcast to the inner shareable domain by themselves.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/cache.h>

#define CTR_IDC (1ul << 28) // data caches need no cleaning for instruction fetch
#define CTR_DIC (1ul << 29) // instruction caches need no invalidation
// Beyond this one invalidation of everything is cheaper than many of a line.
#define IVAU_BYTES_MAX KIB(64)

static uintptr_t data_line(uint64_t ctr)
{
	return 4ul << id_field(ctr, 16);
}

static uintptr_t instruction_line(uint64_t ctr)
{
	return 4ul << id_field(ctr, 0);
}

void hal_cache_sync_code(const void *addr, size_t len)
{
	uint64_t ctr = read_sysreg(ctr_el0);
	uintptr_t start = (uintptr_t)addr, end = start + len;
	uintptr_t line = data_line(ctr);
	if (!(ctr & CTR_IDC)) {
		for (uintptr_t at = align_down(start, line); at < end; at += line)
			__asm__ volatile("dc cvau, %0" : : "r"(at) : "memory");
	}
	__asm__ volatile("dsb ish" : : : "memory");
	if (!(ctr & CTR_DIC)) {
		// All of it: user mode will run the code at another address, and instruction caches
		// may be indexed by virtual address.
		if (len > IVAU_BYTES_MAX || (ctr >> 14 & 3) != 3) {
			__asm__ volatile("ic ialluis" : : : "memory");
		} else {
			line = instruction_line(ctr);
			for (uintptr_t at = align_down(start, line); at < end; at += line)
				__asm__ volatile("ic ivau, %0" : : "r"(at) : "memory");
		}
		__asm__ volatile("dsb ish" : : : "memory");
	}
	isb();
}

void arch_cache_flush(const void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr, end = start + len;
	uintptr_t line = data_line(read_sysreg(ctr_el0));
	for (uintptr_t at = align_down(start, line); at < end; at += line)
		__asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}

void hal_cache_clean(const void *addr, size_t len)
{
	uintptr_t start = (uintptr_t)addr, end = start + len;
	uintptr_t line = data_line(read_sysreg(ctr_el0));
	for (uintptr_t at = align_down(start, line); at < end; at += line)
		__asm__ volatile("dc cvac, %0" : : "r"(at) : "memory");
	__asm__ volatile("dsb sy" : : : "memory");
}
