// SPDX-License-Identifier: MIT
// First instructions of the boot CPU, entered by a loader in 32-bit protected mode without paging,
// and of every other CPU, entered in real mode by a start-up IPI. Both build or use the boot map
// (identity, direct map and image window over the first 4 GiB, 2 MiB pages) and go on in the high
// half. Symbols of the high half are used by their physical addresses: PA(x).
#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/offsets.h>

#define PA(x) ((x) - X86_KERNEL_BASE)
#define MB2_MAGIC 0xe85250d6
#define MB2_ENTRY_MAGIC 0x36d76289
#define PVH_PATTERN 0x5aa55aa5
#define PANIC_STATUS 3
#define PTE_TABLE 0x03
#define PTE_LARGE 0x83
#define CR0_BOOT (X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG)

// Paging and compatibility mode on, with the boot map; EAX, ECX and EDX are lost. UEFI may have left
// bits in CR4, so it is written whole.
.macro ENTER_LONG_MODE
	movl $X86_CR4_PAE, %eax
	movl %eax, %cr4
	movl $PA(x86_boot_root), %eax
	movl %eax, %cr3
	movl $X86_MSR_EFER, %ecx
	movl $(X86_EFER_LME | X86_EFER_NXE | X86_EFER_SCE), %eax
	xorl %edx, %edx
	wrmsr
	movl $CR0_BOOT, %eax
	movl %eax, %cr0
.endm

// Print the string at ESI on the first serial port and stop; under QEMU with the exit status of a panic.
.macro BOOT_REFUSE
	movw $0x3f8, %dx
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	movl $PANIC_STATUS, %eax
	outl %eax, $0xf4
3:	hlt
	jmp 3b
.endm

// Multiboot2 specification, 3.1.
	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long MB2_MAGIC
	.long 0				// i386
	.long mb2_header_end - mb2_header
	.long -(MB2_MAGIC + (mb2_header_end - mb2_header))
	.short 2, 0			// load by address: header, start, end, end of bss
	.long 24
	.long mb2_header, X86_LOAD_ADDR, PA(_data_load_end), PA(_image_end)
	.short 3, 0			// entry
	.long 12
	.long boot_multiboot2
	.balign 8
	.short 6, 0			// modules begin on pages
	.long 8
	.short 4, 1			// console flags: the text mode will do
	.long 12
	.long 2
	.balign 8
	.short 5, 1			// a framebuffer, if there is one: 1024 by 768, 32 bits
	.long 20
	.long 1024, 768, 32
	.balign 8
	.short 0, 0
	.long 8
mb2_header_end:

// Xen's PVH: XEN_ELFNOTE_PHYS32_ENTRY.
	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18
	.asciz "Xen"
	.long boot_pvh

// QEMU loads the image without looking whether there is memory for it.
	.section .low, "ax"
	.code32
boot_pvh:
	cli
	cld
	movl $PA(_image_end) - 4, %edi	// bss
	movl $PVH_PATTERN, (%edi)
	cmpl $PVH_PATTERN, (%edi)
	movl $0, (%edi)
	je boot_pvh_image
	movl $low_memory, %esi
	BOOT_REFUSE
low_memory:
	.asciz "Halcyon: no memory where the image is loaded, at 16 MiB: the machine has too little. Stopped.\r\n"

	.section .boot.text, "ax"
	.code32
	.globl boot_multiboot2
boot_multiboot2:
	cli
	cld
	movl $1, %esi			// X86_BOOT_MULTIBOOT2
	cmpl $MB2_ENTRY_MAGIC, %eax
	je boot_common
	movl $no_loader, %esi
	jmp boot_refuse
boot_pvh_image:
	movl $2, %esi			// X86_BOOT_PVH

// ESI = protocol, EBX = its information.
boot_common:
	// QEMU's loader zeroes bss before SeaBIOS runs, which may use the same memory on a small machine.
	xorl %eax, %eax
	movl $PA(_percpu_start), %edi
	movl $PA(_image_end), %ecx
	subl %edi, %ecx
	rep stosb
	movl $PA(boot_stack_top), %esp
	movl %ebx, %edi
	movl $0x80000000, %eax
	cpuid
	cmpl $0x80000001, %eax
	jb no_long_mode
	movl $0x80000001, %eax
	cpuid
	andl $((1 << 29) | (1 << 20)), %edx	// long mode and no-execute
	cmpl $((1 << 29) | (1 << 20)), %edx
	jne no_long_mode

	movl $PTE_LARGE, %eax
	movl $PA(boot_pd), %ecx
1:	movl %eax, (%ecx)
	addl $8, %ecx
	addl $0x200000, %eax
	jnc 1b				// until 4 GiB
	movl $(PA(boot_pd) + PTE_TABLE), %eax
	movl $PA(boot_pdpt), %ecx
	movl %eax, PA(boot_pdpt_image) + 510 * 8
1:	movl %eax, (%ecx)
	addl $8, %ecx
	addl $0x1000, %eax
	cmpl $(PA(boot_pd) + 0x4000 + PTE_TABLE), %eax
	jb 1b
	movl $(PA(boot_pdpt) + PTE_TABLE), %eax
	movl %eax, PA(x86_boot_root)
	movl %eax, PA(x86_boot_root) + 256 * 8
	movl $(PA(boot_pdpt_image) + PTE_TABLE), PA(x86_boot_root) + 511 * 8

	lgdt boot_gdt_pointer
	ENTER_LONG_MODE
	ljmp $X86_KERNEL_CS, $1f
	.code64
1:	movabsq $boot_high, %rax
	jmp *%rax

	.code32
no_long_mode:
	movl $no_cpu, %esi
boot_refuse:
	BOOT_REFUSE
no_cpu:
	.asciz "Halcyon: this CPU has no 64-bit mode with no-execute pages. Stopped.\r\n"
no_loader:
	.asciz "Halcyon: not started by Multiboot2 or PVH. Stopped.\r\n"

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	// X86_KERNEL_CS
	.quad 0x00cf93000000ffff	// X86_KERNEL_DS
	.quad 0x00cf9b000000ffff	// 32-bit code: BOOT_CS32
boot_gdt_end:
#define BOOT_CS32 0x18
boot_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt

// Boot code of the other CPUs: copied to a page below 640 KiB, so only relative addresses and the
// page's own (CS) may be used. The GDT above is at its physical address in the identity map.
	.globl x86_trampoline, x86_trampoline_end
	.balign 16
	.code16
x86_trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl trampoline_gdt_pointer - x86_trampoline
	movl $X86_CR0_PE, %eax
	movl %eax, %cr0
	ljmpl $BOOT_CS32, $ap_boot32
trampoline_gdt_pointer:
	.word boot_gdt_end - boot_gdt - 1
	.long boot_gdt
x86_trampoline_end:

	.code32
ap_boot32:
	movw $X86_KERNEL_DS, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	ENTER_LONG_MODE
	ljmp $X86_KERNEL_CS, $1f
	.code64
1:	movabsq $ap_high, %rax
	jmp *%rax

	.text
	.code64
.macro LOAD_DATA_SEGMENTS
	xorl %eax, %eax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %fs
	movw %ax, %gs
	movw %ax, %ss
.endm

boot_high:
	LOAD_DATA_SEGMENTS
	movq $boot_stack_top, %rsp
	xorl %ebp, %ebp
	movl %edi, %eax			// information
	movl %esi, %edi			// protocol
	movl %eax, %esi
	call x86_boot_main
	ud2

// Which CPU am I? The APIC id (leaf 0Bh where there is one: 32 bits) leads to the dense number, and
// that to the stack. A CPU that nobody asked for halts.
ap_high:
	LOAD_DATA_SEGMENTS
	xorl %eax, %eax
	cpuid
	cmpl $0x0b, %eax
	jb 1f
	movl $0x0b, %eax
	xorl %ecx, %ecx
	cpuid
	testl %ebx, %ebx
	jnz 2f
1:	movl $1, %eax
	cpuid
	movl %ebx, %edx
	shrl $24, %edx
2:	movl $0, %edi
	movq $(bootinfo + BOOTINFO_CPUS + BOOT_CPU_HWID), %rsi
3:	cmpl bootinfo + BOOTINFO_CPU_COUNT, %edi
	jae 4f
	cmpq %rdx, (%rsi)
	je 5f
	incl %edi
	addq $BOOT_CPU_SIZE, %rsi
	jmp 3b
4:	cli
	hlt
	jmp 4b
5:	movq $PA(x86_kernel_root), %rax
	movq %rax, %cr3			// stacks are mapped only there
	movq x86_ap_stacks(, %rdi, 8), %rsp
	testq %rsp, %rsp
	jz 4b
	xorl %ebp, %ebp
	call x86_secondary_main
	ud2

	.bss
	.balign 4096
	.globl x86_boot_root
x86_boot_root:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd:
	.skip 4 * 4096
boot_stack:
	.skip 16384
	.globl boot_stack_top
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
