// SPDX-License-Identifier: MIT
// The laboratory's MMU is software. RAM is one arena at HAL_DIRECT_BASE; kernel mappings of the KMAP
// window are made real by mmap() when hal_mmu_sync_new() announces them; user addresses exist only
// for hal/uaccess.h, which walks the active root through a model of a TLB.
#pragma once

// Addresses above every sanitizer's shadow on x86_64.
#define HAL_USER_TOP 0x00007ffffffff000ul
#define HAL_USER_NEAR_TOP 0x0000003ffffff000ul // as on RISC-V, which has more than Sv39
#define HAL_USER_FAR_TOP HAL_USER_TOP
#define HAL_DIRECT_BASE 0x7ea000000000ul
#define HAL_DIRECT_SIZE GIB(64)
#define HAL_KMAP_BASE 0x7ec000000000ul
#define HAL_KMAP_SIZE GIB(16)
#define HAL_KERNEL_BASE 0xffffffff80000000ul
#define HAL_TLB_BROADCASTS 0
#define HAL_ASIDS 1
#define HAL_MMU_TOKEN_ASID_SHIFT 48

void host_mmu_activate(paddr_t root, uint32_t asid);
void host_mmu_sync_new(vaddr_t va);
void host_tlb_flush(uint32_t asid, vaddr_t va, unsigned what);
enum host_tlb_flush { HOST_TLB_PAGE, HOST_TLB_ASID, HOST_TLB_KERNEL_PAGE, HOST_TLB_ALL };

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
	host_mmu_activate(token & ((1ul << 48) - 1), (uint32_t)(token >> 48));
}

static inline void hal_mmu_sync(void)
{
}

static inline void hal_mmu_deactivate(void)
{
	host_mmu_activate(0, 0);
}

static inline void hal_mmu_sync_new(vaddr_t va)
{
	host_mmu_sync_new(va);
}

static inline void hal_tlb_flush_page(uint32_t asid, vaddr_t va)
{
	host_tlb_flush(asid, va, HOST_TLB_PAGE);
}

static inline void hal_tlb_flush_asid(uint32_t asid)
{
	host_tlb_flush(asid, 0, HOST_TLB_ASID);
}

static inline void hal_tlb_flush_kernel_page(vaddr_t va)
{
	host_tlb_flush(0, va, HOST_TLB_KERNEL_PAGE);
}

static inline void hal_tlb_flush_all(void)
{
	host_tlb_flush(0, 0, HOST_TLB_ALL);
}
