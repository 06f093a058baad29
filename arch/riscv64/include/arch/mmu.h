// SPDX-License-Identifier: MIT
// satp and the TLB. One root per address space; the upper half of each is a copy of the kernel's.
#pragma once

#include <arch/csr.h>
#include <arch/layout.h>
#include <hal/percpu.h>

#define HAL_USER_TOP (hal_percpu()->arch[RISCV_PERCPU_USER_TOP])
#define HAL_USER_NEAR_TOP 0x0000003ffffff000ul // all that Sv39 has: above it a process costs more tables
#define HAL_USER_FAR_TOP 0x00007ffffffff000ul // as on Linux: more is for programs that know of it
#define HAL_TLB_BROADCASTS 0
#define HAL_ASIDS 1
#define HAL_MMU_TOKEN_ASID_SHIFT SATP_ASID_SHIFT

/** Physical address at which the image was loaded. */
extern paddr_t riscv_image_phys;
/** satp of the kernel root, ASID 0. Valid once hal_mmu_enable_kernel_root() has run. */
extern uint64_t riscv_kernel_satp;

/** "sv39" for 3 levels, and so on. */
const char *riscv_paging_name(unsigned levels);

static inline const char *hal_mmu_name(void)
{
	return riscv_paging_name(hal_pte_levels());
}

static inline void *hal_direct(paddr_t pa)
{
	return (void *)(pa + HAL_DIRECT_BASE);
}

static inline paddr_t hal_direct_paddr(const void *va)
{
	return (uintptr_t)va - HAL_DIRECT_BASE;
}

static inline void hal_tlb_flush_asid(uint32_t asid)
{
	// With rs2 other than x0 global entries stay.
	asm volatile("sfence.vma zero, %0" ::"r"((uint64_t)asid) : "memory");
}

static inline uint64_t hal_mmu_token(paddr_t root, uint32_t asid)
{
	return hal_percpu()->arch[RISCV_PERCPU_SATP_MODE] | (uint64_t)asid << SATP_ASID_SHIFT |
	       root >> HAL_PAGE_SHIFT;
}

static inline void hal_mmu_activate(uint64_t token)
{
	csr_write(satp, token);
	if (unlikely(hal_percpu()->arch[RISCV_PERCPU_ASID_BITS] == 0))
		hal_tlb_flush_asid(0);
}

static inline void hal_mmu_sync(void)
{
	// A write of satp orders what follows (RISC-V privileged specification, 12.1.11).
}

static inline void hal_mmu_deactivate(void)
{
	csr_write(satp, riscv_kernel_satp);
	if (unlikely(hal_percpu()->arch[RISCV_PERCPU_ASID_BITS] == 0))
		hal_tlb_flush_asid(0);
}

static inline void hal_tlb_flush_page(uint32_t asid, vaddr_t va)
{
	asm volatile("sfence.vma %0, %1" ::"r"(va), "r"((uint64_t)asid) : "memory");
}

static inline void hal_tlb_flush_kernel_page(vaddr_t va)
{
	asm volatile("sfence.vma %0, zero" ::"r"(va) : "memory");
}

static inline void hal_tlb_flush_all(void)
{
	asm volatile("sfence.vma" ::: "memory");
}

static inline void hal_mmu_sync_new(vaddr_t va)
{
	// A hart may have cached that the entry was invalid, and orders its table walks with the
	// stores before only by this.
	hal_tlb_flush_kernel_page(va);
}
