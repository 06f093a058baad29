// SPDX-License-Identifier: MIT
// Address spaces as hardware sees them: layout of the virtual address space, roots, ASIDs, TLB.
//
// <arch/mmu.h> defines these constants:
//   HAL_USER_TOP      first address above user space (page aligned); may be a variable, constant after boot
//   HAL_USER_NEAR_TOP below it stacks, the vDSO and what has no address of its own are put while they fit
//   HAL_USER_FAR_TOP  then below this, if user space reaches so far; above only who asks for an address
//   HAL_DIRECT_BASE   all RAM and all mapped devices: va = HAL_DIRECT_BASE + pa
//   HAL_DIRECT_SIZE   how much of it the port can map
//   HAL_KMAP_BASE/_SIZE  for kernel stacks and other mappings made page by page, >= 512 MiB
//   HAL_KERNEL_BASE   0xffffffff80000000, where the image is linked
//   HAL_ASIDS         0: the port never tells spaces apart by ASID, 1: where the CPU can
//   HAL_MMU_TOKEN_ASID_SHIFT  where the ASID stands in hal_mmu_token(root, asid)
//   HAL_TLB_BROADCASTS   1: hal_tlb_flush_* reach all CPUs by themselves; 0: they are local
#pragma once

#include <hal/pte.h>
#include <lib/types.h>

static inline void *hal_direct(paddr_t pa); // direct-map address of @pa
static inline paddr_t hal_direct_paddr(const void *va); // and back; @va must be in the direct map
/** Physical address of something inside the kernel image. */
paddr_t hal_image_paddr(const void *va);

/** Sections of the image for the final kernel map; linker symbols, page aligned. */
extern char _text_start[], _text_end[], _rodata_start[], _rodata_end[], _data_start[], _data_end[],
	_image_start[], _image_end[];

/** The kernel's root table, as upcall_mm_init() found it at boot and fills it: the
 *  boot map already holds image and part of the direct map (bootinfo says which). */
pte_t *hal_mmu_kernel_root(void);
/** This CPU uses exactly the kernel root from here on; boot-only mappings are gone. */
void hal_mmu_enable_kernel_root(void);
/** Prepare a new, zeroed root table for user space: share the kernel half where the port has one
 *  root for both. */
void hal_mmu_init_user_root(pte_t *root);

/** What hal_mmu_activate() writes for @root (physical) with @asid. */
static inline uint64_t hal_mmu_token(paddr_t root, uint32_t asid);
/** Make a space this CPU's user address space. No TLB flush where ASIDs tell spaces apart; where
 *  hal_mmu_asid_bits() is 0 the port flushes non-global entries. In force in user mode, and in the
 *  kernel after hal_mmu_sync(). */
static inline void hal_mmu_activate(uint64_t token);
static inline void hal_mmu_sync(void);
/** No user address space: user addresses fault. Used before a space is destroyed. */
static inline void hal_mmu_deactivate(void);
/** The mode of the page tables, where the architecture has several ("sv48"); else NULL. */
static inline const char *hal_mmu_name(void);
/** Width of hardware ASIDs; 0 = none. Constant after boot. */
unsigned hal_mmu_asid_bits(void);

/** A new entry replaced a non-present one at @va: what the port needs before it is used here. */
static inline void hal_mmu_sync_new(vaddr_t va);
/** Forget translations of this CPU (or of all, HAL_TLB_BROADCASTS). User: of @asid. */
static inline void hal_tlb_flush_page(uint32_t asid, vaddr_t va);
static inline void hal_tlb_flush_asid(uint32_t asid);
static inline void hal_tlb_flush_kernel_page(vaddr_t va);
static inline void hal_tlb_flush_all(void);

#include <arch/mmu.h>
