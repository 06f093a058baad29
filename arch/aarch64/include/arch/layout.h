// SPDX-License-Identifier: MIT
// The virtual address space, for C, assembler and the linker script (docs/aarch64.md).
#pragma once

#ifdef __ASSEMBLY__
#define ADDRESS(x) x
#else
#define ADDRESS(x) x##ul
#endif

#define HAL_USER_TOP ADDRESS(0x0000fffffffff000)
#define HAL_USER_NEAR_TOP HAL_USER_TOP
#define HAL_USER_FAR_TOP HAL_USER_TOP
#define HAL_DIRECT_BASE ADDRESS(0xffff000000000000)
#define HAL_DIRECT_SIZE ADDRESS(0x0000800000000000)
#define HAL_KMAP_BASE ADDRESS(0xffffff0000000000)
#define HAL_KMAP_SIZE ADDRESS(0x0000008000000000)
#define HAL_KERNEL_BASE ADDRESS(0xffffffff80000000)
#define HAL_TLB_BROADCASTS 1
#define HAL_ASIDS 1
#define HAL_MMU_TOKEN_ASID_SHIFT 48
