// SPDX-License-Identifier: MIT
// From the boot loader to C. Linux's arm64 boot protocol: x0 = device tree, MMU off, EL1 or EL2, the
// image at any 2 MiB boundary. Until the MMU is on all addresses are PC-relative, hence physical.
#include <arch/layout.h>
#include <arch/offsets.h>
#include <arch/sysreg.h>

#define PAGE_TABLE 3
#define BLOCK_NORMAL 0x701 // valid block, access flag, inner shareable, attribute 0
#define BLOCK_PXN (1 << 53)
#define BLOCK_UXN (1 << 54)
#define BLOCK_NOT_GLOBAL (1 << 11)

	.section .head.text, "ax"
	.globl _head
_head:
	b	start
	.long	0
	.quad	0			// text_offset
	.quad	_image_end - _head	// image_size, with .bss
	.quad	0xa			// little endian, 4 KiB pages, anywhere in memory
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

start:
	msr	daifset, #0xf
	mov	x20, x0			// device tree
	mrs	x21, CurrentEL
	lsr	x21, x21, #2
	bl	drop_to_el1
	adrp	x22, _head		// physical address of the image
	bl	clean_page_tables
	bl	fill_page_tables
	bl	clean_page_tables
	adrp	x0, arch_boot_root
	bl	enable_mmu
	ldr	x8, =boot_high
	br	x8

	// A CPU started by PSCI or from a spin table: EL1 or EL2, MMU off.
	.globl arch_secondary_entry
arch_secondary_entry:
	msr	daifset, #0xf
	bl	drop_to_el1
	adrp	x0, arch_kernel_root
	bl	enable_mmu
	ldr	x8, =secondary_high
	br	x8

// Return at EL1 with its MMU off. At EL2 every control register that can trap EL1 or change what it
// sees is written: loaders leave their own values (U-Boot: HCR_EL2 = 0x20).
drop_to_el1:
	ldr	x9, =SCTLR_MMU_OFF
	mrs	x10, CurrentEL
	cmp	x10, #(2 << 2)
	b.eq	1f
	msr	sctlr_el1, x9
	isb
	ret
1:	msr	sctlr_el1, x9
	ldr	x9, =0x30000000000	// API, APK: pointer authentication does not trap
	orr	x9, x9, #(1 << 31)	// RW: EL1 is AArch64
	msr	hcr_el2, x9
	isb
	ldr	x9, =0x30c50830		// RES1; MMU and caches of EL2 off
	msr	sctlr_el2, x9
	mov	x9, #3			// counter and timer of EL1 do not trap
	msr	cnthctl_el2, x9
	msr	cntvoff_el2, xzr
	msr	vttbr_el2, xzr
	msr	hstr_el2, xzr
	mov	x9, #0x33ff		// RES1: no trap of floating point; SVE and SME trap
	msr	cptr_el2, x9
	mrs	x9, midr_el1
	msr	vpidr_el2, x9
	mrs	x9, mpidr_el1
	msr	vmpidr_el2, x9
	// MDCR_EL2.HPMN: all counters belong to EL1, where there is a PMU.
	mrs	x9, id_aa64dfr0_el1
	ubfx	x9, x9, #8, #4
	add	x10, x9, #1
	tst	x10, #0xe		// 0 and 15: none
	mov	x10, xzr
	b.eq	2f
	mrs	x10, pmcr_el0
	ubfx	x10, x10, #11, #5
2:	msr	mdcr_el2, x10
	// GICv3's system registers are EL1's.
	mrs	x9, id_aa64pfr0_el1
	ubfx	x9, x9, #24, #4
	cbz	x9, 3f
	mrs	x9, s3_4_c12_c9_5	// ICC_SRE_EL2
	orr	x9, x9, #1		// SRE
	orr	x9, x9, #8		// Enable: EL1 may use SRE
	msr	s3_4_c12_c9_5, x9
	isb
	mrs	x9, s3_4_c12_c9_5
	tbz	x9, #0, 3f		// firmware keeps the GICv2 view
	msr	s3_4_c12_c11_0, xzr	// ICH_HCR_EL2
3:	// Fine-grained traps.
	mrs	x9, id_aa64mmfr0_el1
	ubfx	x9, x9, #56, #4
	cbz	x9, 4f
	msr	s3_4_c1_c1_4, xzr	// HFGRTR_EL2
	msr	s3_4_c1_c1_5, xzr	// HFGWTR_EL2
	msr	s3_4_c1_c1_6, xzr	// HFGITR_EL2
	msr	s3_4_c3_c1_4, xzr	// HDFGRTR_EL2
	msr	s3_4_c3_c1_5, xzr	// HDFGWTR_EL2
4:	mrs	x9, id_aa64mmfr1_el1
	ubfx	x9, x9, #40, #4
	cbz	x9, 5f
	msr	s3_4_c1_c2_2, xzr	// HCRX_EL2
5:	mov	x9, #(PSR_DAIF | PSR_EL1H)
	msr	spsr_el2, x9
	msr	elr_el2, x30
	eret

// Discard cache lines over the tables: dirty ones of the loader could fall onto what is written with
// caches off, clean ones could hide it.
clean_page_tables:
	adrp	x9, _pgtables_start
	adrp	x10, _pgtables_end
	mrs	x11, ctr_el0
	ubfx	x11, x11, #16, #4
	mov	x12, #4
	lsl	x11, x12, x11		// bytes of the smallest data cache line
	dmb	sy
1:	dc	ivac, x9
	add	x9, x9, x11
	cmp	x9, x10
	b.lo	1b
	dsb	sy
	ret

// The boot map: the image where it runs now (TTBR0), where it is linked, and the GiBs that hold it in
// the direct map. x22 = physical address of the image.
fill_page_tables:
	adrp	x9, _pgtables_start
	adrp	x10, _pgtables_end
1:	stp	xzr, xzr, [x9], #16
	cmp	x9, x10
	b.lo	1b

	ldr	x15, =(BLOCK_NORMAL | BLOCK_UXN)
	lsr	x13, x22, #30		// number of the GiB
	ubfx	x14, x22, #39, #9

	adrp	x9, arch_idmap_root
	adrp	x10, idmap_gigabytes
	orr	x11, x10, #PAGE_TABLE
	str	x11, [x9, x14, lsl #3]
	orr	x11, x15, x13, lsl #30
	orr	x11, x11, #BLOCK_NOT_GLOBAL
	and	x12, x13, #511
	str	x11, [x10, x12, lsl #3]

	adrp	x9, arch_boot_root
	adrp	x10, image_gigabytes
	orr	x11, x10, #PAGE_TABLE
	str	x11, [x9, #(((HAL_KERNEL_BASE >> 39) & 511) * 8)]
	adrp	x12, image_megabytes
	orr	x11, x12, #PAGE_TABLE
	str	x11, [x10, #(((HAL_KERNEL_BASE >> 30) & 511) * 8)]
	orr	x11, x15, x22
	adrp	x9, _image_end
	add	x10, x12, #4096
2:	str	x11, [x12], #8
	add	x11, x11, #0x200000
	bic	x16, x11, x15
	cmp	x16, x9
	b.lo	2b

	// One table of the direct map: an image across a 512 GiB boundary is not supported.
	adrp	x9, arch_boot_root
	adrp	x10, arch_boot_direct
	orr	x11, x10, #PAGE_TABLE
	str	x11, [x9, x14, lsl #3]
	ldr	x16, =BLOCK_PXN
	orr	x15, x15, x16
	adrp	x9, _image_end
	sub	x9, x9, #1
	lsr	x9, x9, #30		// the last GiB
3:	orr	x11, x15, x13, lsl #30
	and	x12, x13, #511
	str	x11, [x10, x12, lsl #3]
	add	x13, x13, #1
	cmp	x13, x9
	b.ls	3b
	ret

// x0 = TTBR1. On return the MMU is on and the code runs in the identity map.
enable_mmu:
	ldr	x9, =MAIR_VALUE
	msr	mair_el1, x9
	ldr	x9, =TCR_BASE
	mrs	x10, id_aa64mmfr0_el1
	and	x11, x10, #0xf		// physical address size; 4 KiB pages reach 48 bits
	mov	x12, #5
	cmp	x11, x12
	csel	x11, x11, x12, lo
	orr	x9, x9, x11, lsl #TCR_IPS_SHIFT
	ubfx	x11, x10, #4, #4
	cmp	x11, #2			// 16-bit ASIDs
	cset	x11, eq
	orr	x9, x9, x11, lsl #TCR_AS_SHIFT
	msr	tcr_el1, x9
	adrp	x9, arch_idmap_root
	msr	ttbr0_el1, x9
	msr	ttbr1_el1, x0
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x9, =SCTLR_MMU_ON
	msr	sctlr_el1, x9
	isb
	ret

// Called at its physical address, in the identity map. Between two tables that map the same address
// differently there must be a moment without any (Arm ARM D8.16, break before make).
	.globl arch_replace_ttbr1
arch_replace_ttbr1:
	adrp	x9, arch_empty_root
	msr	ttbr1_el1, x9
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	msr	ttbr1_el1, x0
	isb
	ret
	.ltorg

	.text
// x20 = device tree, x21 = exception level of entry, x22 = physical address of the image.
boot_high:
	adrp	x9, _bss_start
	add	x9, x9, :lo12:_bss_start
	adrp	x10, _bss_end
1:	stp	xzr, xzr, [x9], #16
	cmp	x9, x10
	b.lo	1b
	adrp	x9, boot_stack_top
	add	x9, x9, :lo12:boot_stack_top
	mov	sp, x9
	adrp	x10, _percpu_start
	add	x10, x10, :lo12:_percpu_start
	msr	tpidr_el1, x10
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x20
	mov	x1, x21
	mov	x2, x22
	b	arch_boot

secondary_high:
	mrs	x9, mpidr_el1
	ldr	x10, =MPIDR_AFFINITY
	and	x9, x9, x10
	adrp	x10, arch_smp_slots
	add	x10, x10, :lo12:arch_smp_slots
	adrp	x11, arch_smp_slot_count
	ldr	x11, [x11, :lo12:arch_smp_slot_count]
	mov	x0, xzr
1:	cmp	x0, x11
	b.hs	3f
	ldr	x12, [x10, #SLOT_HWID]
	cmp	x12, x9
	b.eq	2f
	add	x10, x10, #SLOT_SIZE
	add	x0, x0, #1
	b	1b
2:	ldr	x12, [x10, #SLOT_STACK_TOP]
	cbz	x12, 3f
	mov	sp, x12
	ldr	x13, [x10, #SLOT_PERCPU]
	msr	tpidr_el1, x13
	mov	x29, xzr
	mov	x30, xzr
	b	arch_secondary
3:	wfi				// a CPU that nobody asked for
	b	3b

	.bss
	.balign	64
	.globl boot_stack
boot_stack:
	.space	16384
boot_stack_top:

	.section .pgtables, "aw", %nobits
	.balign	4096
	.globl arch_idmap_root, arch_boot_root, arch_boot_direct, arch_empty_root
arch_idmap_root:	.space 4096
idmap_gigabytes:	.space 4096
arch_boot_root:		.space 4096
arch_boot_direct:	.space 4096
image_gigabytes:	.space 4096
image_megabytes:	.space 4096
arch_empty_root:	.space 4096

	.section .note.GNU-stack, "", %progbits
