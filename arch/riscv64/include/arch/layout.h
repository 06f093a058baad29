// SPDX-License-Identifier: MIT
// The virtual address space under Sv39, for C, assembly and the linker script. docs/riscv64.md draws it.
#pragma once

#define HAL_USER_TOP 0x0000003ffffff000
#define HAL_DIRECT_BASE 0xffffffc000000000
#define HAL_DIRECT_SIZE 0x0000002000000000
#define HAL_KMAP_BASE 0xffffffe000000000
#define HAL_KMAP_SIZE 0x0000000200000000
#define HAL_KERNEL_BASE 0xffffffff80000000

#define RISCV_KSTACK_SHIFT 14 // log2 of HAL_KSTACK_SIZE
