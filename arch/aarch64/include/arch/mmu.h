// SPDX-License-Identifier: MIT
// TTBR1: the kernel, one root for ever. TTBR0: user space, its ASID in bits 48-63.
#pragma once

#include <arch/layout.h>
#include <arch/sysreg.h>

/** TTBR0 value of a CPU without a user address space: an empty table with ASID 0, which no address
 *  space is given. */
extern uint64_t arch_ttbr0_none;

static inline const char *hal_mmu_name(void)
{
	return NULL;
}

static inline void *hal_direct(paddr_t pa)
{
	return (void *)(HAL_DIRECT_BASE + pa);
}

static inline paddr_t hal_direct_paddr(const void *va)
{
	return (vaddr_t)va - HAL_DIRECT_BASE;
}

static inline uint64_t hal_mmu_token(paddr_t root, uint32_t asid)
{
	return root | (uint64_t)asid << 48;
}

static inline void hal_mmu_activate(uint64_t token)
{
	write_sysreg(ttbr0_el1, token);
}

static inline void hal_mmu_sync(void)
{
	isb(); // ERET is one too
}

static inline void hal_mmu_deactivate(void)
{
	write_sysreg(ttbr0_el1, arch_ttbr0_none);
	isb();
}

static inline void hal_mmu_sync_new(vaddr_t va)
{
	// The table walker of this CPU may not have seen the store yet: the fault that would follow
	// is spurious, but in kernel mode it would be fatal.
	(void)va;
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

// Inner shareable: all CPUs. The DSB before makes the entry's store visible to their walkers, the
// one after waits for them. TLBI takes VA[55:12] in bits 0-43 and the ASID in bits 48-63.
static inline void hal_tlb_flush_page(uint32_t asid, vaddr_t va)
{
	uint64_t arg = (uint64_t)asid << 48 | ((va >> HAL_PAGE_SHIFT) & 0xffffffffffful);
	__asm__ volatile("dsb ishst\n\ttlbi vae1is, %0\n\tdsb ish\n\tisb" : : "r"(arg) : "memory");
}

static inline void hal_tlb_flush_asid(uint32_t asid)
{
	uint64_t arg = (uint64_t)asid << 48;
	__asm__ volatile("dsb ishst\n\ttlbi aside1is, %0\n\tdsb ish\n\tisb" : : "r"(arg) : "memory");
}

static inline void hal_tlb_flush_kernel_page(vaddr_t va)
{
	uint64_t arg = (va >> HAL_PAGE_SHIFT) & 0xffffffffffful;
	__asm__ volatile("dsb ishst\n\ttlbi vaae1is, %0\n\tdsb ish\n\tisb" : : "r"(arg) : "memory");
}

static inline void hal_tlb_flush_all(void)
{
	__asm__ volatile("dsb ishst\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" : : : "memory");
}
