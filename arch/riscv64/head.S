// SPDX-License-Identifier: MIT
// The first instructions: Linux Image header, boot page table, the jump into the high half; and the
// same for harts started later. Until satp is written code runs where it was loaded, so addresses
// come from the program counter only.
#include <arch/csr.h>
#include <arch/layout.h>
#include <arch/offsets.h>
#include <arch/sbi.h>

#define PTE_BOOT_RW 0xe7 // V R W, G A D
#define PTE_BOOT_RWX 0xef
#define ROOT_INDEX(va) ((((va) >> 30) & 511) * 8)

	.section .head.text, "ax"
	.global _head
_head:	// Linux: Documentation/arch/riscv/boot-image-header.rst
	.option push
	.option norvc
	j	_start
	.4byte	0
	.option pop
	.8byte	0x200000		// text_offset
	.8byte	_image_end - _head
	.8byte	0			// little-endian
	.4byte	2			// version 0.2
	.4byte	0
	.8byte	0
	.ascii	"RISCV\0\0\0"
	.ascii	"RSC\005"
	.4byte	0

	.text
// Continue at the next instruction in the high half with \satp: the fetch after the write faults
// where the program runs now, and stvec points to the same place as the new table maps it.
// A hart that has not such a mode ignores the write, and goes to \refused. Clobbers t0, t1.
.macro	enter_high_half satp, refused
	la	t0, 0f
	la	t1, _head
	sub	t0, t0, t1
	li	t1, HAL_KERNEL_BASE
	add	t0, t0, t1
	csrw	stvec, t0
	sfence.vma
	csrw	satp, \satp
	csrr	t0, satp
	bne	t0, \satp, \refused
	j	.
	.balign	4
0:
.endm

.macro	quiet_hart
	csrw	sie, zero
	csrw	sip, zero
	li	t0, SSTATUS_SIE | SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR
	csrc	sstatus, t0
.endm

// a0 = hart id, a1 = physical address of the device tree.
_start:
	quiet_hart
	mv	s0, a0
	mv	s1, a1
	la	s2, _head
	slli	t0, s2, 43		// a 2 MiB page must map the image
	bnez	t0, misplaced

	la	t0, _bss_start
	la	t1, _bss_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b

	// The whole direct map in 1 GiB pages: the device tree may be anywhere.
	la	s3, riscv_boot_root
	li	t0, ROOT_INDEX(HAL_DIRECT_BASE)
	add	t0, t0, s3
	li	t1, PTE_BOOT_RW
	li	t2, 1 << (30 - 12 + 10)
	li	t3, HAL_DIRECT_SIZE >> 30
1:	sd	t1, 0(t0)
	addi	t0, t0, 8
	add	t1, t1, t2
	addi	t3, t3, -1
	bnez	t3, 1b

	// The image in 2 MiB pages.
	la	t4, boot_image_table
	srli	t0, t4, 2
	ori	t0, t0, 1
	li	t1, ROOT_INDEX(HAL_KERNEL_BASE)
	add	t1, t1, s3
	sd	t0, 0(t1)
	srli	t1, s2, 2
	addi	t1, t1, PTE_BOOT_RWX
	li	t2, 1 << (21 - 12 + 10)
	la	t3, _image_end
1:	sd	t1, 0(t4)
	addi	t4, t4, 8
	add	t1, t1, t2
	srli	t5, t1, 10
	slli	t5, t5, 12
	bltu	t5, t3, 1b

	srli	t3, s3, 12
	li	t4, SATP_MODE_SV39 << SATP_MODE_SHIFT
	or	t3, t3, t4
	enter_high_half t3, no_sv39

	la	tp, _percpu_start
	la	t0, boot_stack_end
	sd	t0, PERCPU_ENTRY_SP(tp)
	addi	sp, t0, -TF_SIZE
	la	t0, riscv_trap_entry
	csrw	stvec, t0
	csrw	sscratch, zero
	mv	a0, s0
	mv	a1, s1
	mv	a2, s2
	li	s0, 0
	jal	riscv_boot

// It ends here: say why by the legacy console call, which all firmware has.
no_sv39:
	la	s0, no_sv39_text
	j	1f
misplaced:
	la	s0, misplaced_text
1:	lbu	a0, 0(s0)
	beqz	a0, 2f
	li	a7, 1
	ecall
	addi	s0, s0, 1
	j	1b
2:	wfi
	j	2b

// a0 = hart id, a1 = physical address of this CPU's area.
	.global riscv_secondary_start
riscv_secondary_start:
	quiet_hart
	ld	t3, PERCPU_SATP(a1)
	ld	s1, PERCPU_ENTRY_SP(a1)
	ld	s2, PERCPU_SCRATCH0(a1)	// the same in the high half
	enter_high_half t3, refused
	mv	tp, s2
	addi	sp, s1, -TF_SIZE
	la	t0, riscv_trap_entry
	csrw	stvec, t0
	csrw	sscratch, zero
	li	s0, 0
	jal	riscv_secondary

// This hart's page tables cannot be as deep as the others' (hal_smp_refusal()).
refused:
	sd	zero, PERCPU_SATP(a1)
	fence	rw, rw
	li	a7, SBI_EXT_HSM
	li	a6, SBI_HSM_STOP
	ecall
1:	wfi
	j	1b

	.section .rodata
misplaced_text:
	.asciz	"Halcyon: the boot loader must put the image at a multiple of 2 MiB\r\n"
no_sv39_text:
	.asciz	"Halcyon: this hart has no page tables of three levels (Sv39)\r\n"

	.bss
	.balign	4096
	.global	riscv_boot_root
riscv_boot_root:
	.skip	4096
boot_image_table:
	.skip	4096
	.skip	4096			// an unused page, where the stack below would grow into
boot_stack:
	.skip	1 << RISCV_KSTACK_SHIFT
boot_stack_end:
