// SPDX-License-Identifier: MIT
// The virtual address space, segment selectors and the image's place: for C, assembler and linker.
#pragma once

#if defined(__ASSEMBLY__) || defined(__LINKER__)
#define X86_UL(x) x
#else
#define X86_UL(x) x##ul
#endif

#define X86_USER_TOP X86_UL(0x00007ffffffff000)
#define X86_DIRECT_BASE X86_UL(0xffff800000000000)
#define X86_DIRECT_SIZE X86_UL(0x0000400000000000)
#define X86_KMAP_BASE X86_UL(0xffffc00000000000)
#define X86_KMAP_SIZE X86_UL(0x0000008000000000)
#define X86_KERNEL_BASE X86_UL(0xffffffff80000000)

// Loaders put the image at 16 MiB: below, firmware keeps tables that GRUB would overwrite.
#define X86_LOAD_ADDR X86_UL(0x1000000)
// QEMU puts there, and jumps to, the piece that looks whether there is memory at 16 MiB at all.
#define X86_LOW_ADDR X86_UL(0x100000)
// The boot map: identity, direct map and image window show physical memory up to here.
#define X86_BOOT_MAP_END X86_UL(0x100000000)

// SYSRET wants user data right below user code, SYSCALL kernel data right above kernel code.
#define X86_KERNEL_CS 0x08
#define X86_KERNEL_DS 0x10
#define X86_USER_DS 0x1b
#define X86_USER_CS 0x23
#define X86_TSS_SELECTOR 0x28
#define X86_BOOT_CS32 0x38
#define X86_STAR_USER_BASE 0x13 // SYSRET: SS = this + 8, CS = this + 16

// Interrupt vectors. Exceptions are 0-31.
#define X86_VECTOR_NMI 2
#define X86_VECTOR_IRQ_FIRST 0x20 // GSI n at 0x20 + n, as far as they go
#define X86_VECTOR_IRQ_LAST 0xef
#define X86_VECTOR_TIMER 0xf0
#define X86_VECTOR_IPI 0xf1
#define X86_VECTOR_ERROR 0xfe
#define X86_VECTOR_SPURIOUS 0xff

// Interrupt stacks (IST numbers): exceptions that may come when the stack is not to be trusted.
#define X86_IST_DOUBLE_FAULT 1
#define X86_IST_NMI 2
#define X86_IST_STACK_SIZE 8192
