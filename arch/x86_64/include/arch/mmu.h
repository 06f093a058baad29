// SPDX-License-Identifier: MIT
// Address-space layout and TLB of x86_64 with 4-level paging; docs/x86_64.md has the map. Kernel
// pages are global, user pages have no ASID: every activation flushes them.
#pragma once

#include <arch/layout.h>
#include <arch/msr.h>

#define HAL_USER_TOP X86_USER_TOP
#define HAL_USER_NEAR_TOP HAL_USER_TOP
#define HAL_USER_FAR_TOP HAL_USER_TOP
#define HAL_DIRECT_BASE X86_DIRECT_BASE
#define HAL_DIRECT_SIZE X86_DIRECT_SIZE
#define HAL_KMAP_BASE X86_KMAP_BASE
#define HAL_KMAP_SIZE X86_KMAP_SIZE
#define HAL_KERNEL_BASE X86_KERNEL_BASE
#define HAL_TLB_BROADCASTS 0
#define HAL_ASIDS 0
#define HAL_MMU_TOKEN_ASID_SHIFT 0 // none

extern pte_t x86_kernel_root[HAL_PT_ENTRIES];

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
	(void)asid;
	return root;
}

static inline void hal_mmu_activate(uint64_t token)
{
	x86_write_cr3(token);
}

static inline void hal_mmu_sync(void)
{
	// Writing CR3 serialises.
}

static inline void hal_mmu_deactivate(void)
{
	x86_write_cr3((vaddr_t)x86_kernel_root - HAL_KERNEL_BASE);
}

static inline void hal_mmu_sync_new(vaddr_t va)
{
	// Non-present entries are not cached (Intel SDM 3A, 4.10.2.3).
	(void)va;
}

static inline void hal_tlb_flush_kernel_page(vaddr_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void hal_tlb_flush_page(uint32_t asid, vaddr_t va)
{
	(void)asid;
	hal_tlb_flush_kernel_page(va);
}

static inline void hal_tlb_flush_asid(uint32_t asid)
{
	(void)asid;
	x86_write_cr3(x86_read_cr3());
}

static inline void hal_tlb_flush_all(void)
{
	// Any change of CR4.PGE drops global entries too (Intel SDM 3A, 4.10.4.1).
	uint64_t cr4 = x86_read_cr4();
	x86_write_cr4(cr4 ^ X86_CR4_PGE);
	x86_write_cr4(cr4);
}
