// SPDX-License-Identifier: MIT
// The kernel's half of the virtual address space, for C, assembler and the linker script: the last 256 GiB,
// which Sv39, Sv48 and Sv57 all have (docs/riscv64.md).
#pragma once

#ifdef __ASSEMBLY__
#define ADDRESS(x) x
#else
#define ADDRESS(x) x##ul
#endif

#define HAL_DIRECT_BASE ADDRESS(0xffffffc000000000)
#define HAL_DIRECT_SIZE ADDRESS(0x0000002000000000)
#define HAL_KMAP_BASE ADDRESS(0xffffffe000000000)
#define HAL_KMAP_SIZE ADDRESS(0x0000000200000000)
#define HAL_KERNEL_BASE ADDRESS(0xffffffff80000000)

// log2 of HAL_KSTACK_SIZE
#if CONFIG_KSTACK_KIB == 16
#define RISCV_KSTACK_SHIFT 14
#else
#define RISCV_KSTACK_SHIFT 15
#endif
