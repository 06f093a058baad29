// SPDX-License-Identifier: MIT
// The only instructions that touch user memory, between opening and closing sstatus.SUM. Each range
// that may fault stands in .ex_table with the place to continue (hal_uaccess_fixup).
//
// Copies keep a0 (to) and a1 (from) exact at every block boundary. A fault inside a block goes to the byte loop, which repeats the block up to the very byte that cannot be reached.
#include <arch/csr.h>
#include <arch/offsets.h>
#include <arch/uaccess_asm.h>

.macro	words at
	ld	t0, \at+0(a1)
	ld	t1, \at+8(a1)
	ld	t2, \at+16(a1)
	ld	t3, \at+24(a1)
	ld	t4, \at+32(a1)
	ld	t5, \at+40(a1)
	ld	a4, \at+48(a1)
	ld	a5, \at+56(a1)
	sd	t0, \at+0(a0)
	sd	t1, \at+8(a0)
	sd	t2, \at+16(a0)
	sd	t3, \at+24(a0)
	sd	t4, \at+32(a0)
	sd	t5, \at+40(a0)
	sd	a4, \at+48(a0)
	sd	a5, \at+56(a0)
.endm

	.text
// size_t hal_copy_{from,to}_user(void *to, const void *from, size_t len)
	.global	hal_copy_from_user
	.global	hal_copy_to_user
hal_copy_from_user:
hal_copy_to_user:
	open_user
	or	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, copy_unaligned
copy_aligned:
	add	a6, a0, a2		// the end: what is left is its distance
	li	t0, 128
	bltu	a2, t0, copy_64
	andi	a3, a2, -128
	add	a3, a3, a0
copy_first:
1:	words	0
	words	64
	addi	a1, a1, 128
	addi	a0, a0, 128
	bne	a0, a3, 1b
	andi	a2, a2, 127
copy_64:
	andi	t0, a2, 64
	beqz	t0, 2f
	words	0
	addi	a1, a1, 64
	addi	a0, a0, 64
2:	andi	t0, a2, 32
	beqz	t0, 3f
	ld	t0, 0(a1)
	ld	t1, 8(a1)
	ld	t2, 16(a1)
	ld	t3, 24(a1)
	sd	t0, 0(a0)
	sd	t1, 8(a0)
	sd	t2, 16(a0)
	sd	t3, 24(a0)
	addi	a1, a1, 32
	addi	a0, a0, 32
3:	andi	t0, a2, 16
	beqz	t0, 4f
	ld	t0, 0(a1)
	ld	t1, 8(a1)
	sd	t0, 0(a0)
	sd	t1, 8(a0)
	addi	a1, a1, 16
	addi	a0, a0, 16
4:	andi	t0, a2, 8
	beqz	t0, 5f
	ld	t0, 0(a1)
	sd	t0, 0(a0)
	addi	a1, a1, 8
	addi	a0, a0, 8
5:	andi	a2, a2, 7
copy_block_end:
copy_bytes:
	beqz	a2, copy_done
	add	a3, a0, a2
copy_bytes_first:
1:	lbu	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	bne	a0, a3, 1b
copy_bytes_end:
	close_user
	li	a0, 0
	ret
copy_done:
	close_user
	li	a0, 0
	ret

// Both unaligned alike: bytes up to a word, then as above. Else the target is brought to a word, and
// words are put together of two aligned ones of the source, which leave no page that a byte of the
// source is not in.
copy_unaligned:
	li	a5, 16
	bltu	a2, a5, copy_bytes
	neg	t0, a0
	andi	t0, t0, 7
	beqz	t0, target_aligned
	sub	a2, a2, t0
	add	a3, a0, t0
align_first:
1:	lbu	t1, 0(a1)
	sb	t1, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	bne	a0, a3, 1b
align_end:
target_aligned:
	andi	t0, a1, 7
	beqz	t0, copy_aligned
	andi	a3, a2, -8
	beqz	a3, copy_bytes
	add	a3, a3, a0
	slli	t1, t0, 3		// bits of the first word that are not wanted
	neg	t2, t1
	sub	a4, a1, t0
shift_first:
	ld	t3, 0(a4)
1:	ld	t4, 8(a4)
	srl	t3, t3, t1
	sll	t5, t4, t2
	or	t5, t5, t3
	sd	t5, 0(a0)
	mv	t3, t4
	addi	a4, a4, 8
	addi	a1, a1, 8
	addi	a2, a2, -8
	addi	a0, a0, 8
	bne	a0, a3, 1b
shift_end:
	j	copy_bytes

// Aligning counted its bytes down beforehand.
align_fault:
	sub	t0, a3, a0
	add	a2, a2, t0
	j	copy_bytes
copy_block_fault:
	sub	a2, a6, a0
	j	copy_bytes
copy_fault:
	sub	a0, a3, a0
	close_user
	ret
	fixup	copy_first, copy_block_end, copy_block_fault
	fixup	copy_bytes_first, copy_bytes_end, copy_fault
	fixup	align_first, align_end, align_fault
	fixup	shift_first, shift_end, copy_bytes

// err_t hal_{load,store}_user_quad(uint64_t *to, const uint64_t *from)
	.global	hal_load_user_quad
	.global	hal_store_user_quad
hal_load_user_quad:
hal_store_user_quad:
	open_user
quad_first:
	ld	t0, 0(a1)
	ld	t1, 8(a1)
	ld	t2, 16(a1)
	ld	t3, 24(a1)
	sd	t0, 0(a0)
	sd	t1, 8(a0)
	sd	t2, 16(a0)
	sd	t3, 24(a0)
quad_end:
	csrc	sstatus, t6
	li	a0, 0
	ret
	fixup	quad_first, quad_end, user_fault

// err_t hal_store_user_pair(uint64_t *to, uint64_t a, uint64_t b)
	.global	hal_store_user_pair
hal_store_user_pair:
	open_user
pair_first:
	sd	a1, 0(a0)
	sd	a2, 8(a0)
pair_end:
	csrc	sstatus, t6
	li	a0, 0
	ret
	fixup	pair_first, pair_end, user_fault

// size_t hal_clear_user(void *to, size_t len)
	.global	hal_clear_user
hal_clear_user:
	open_user
	neg	t0, a0
	andi	t0, t0, 7
	beqz	t0, clear_aligned
	li	t1, 16
	bltu	a1, t1, clear_bytes
	sub	a1, a1, t0
	add	a3, a0, t0
clear_align_first:
1:	sb	zero, 0(a0)
	addi	a0, a0, 1
	bne	a0, a3, 1b
clear_align_end:
clear_aligned:
	andi	a3, a1, -64
	beqz	a3, clear_words
	add	a3, a3, a0
clear_first:
1:	sd	zero, 0(a0)
	sd	zero, 8(a0)
	sd	zero, 16(a0)
	sd	zero, 24(a0)
	sd	zero, 32(a0)
	sd	zero, 40(a0)
	sd	zero, 48(a0)
	sd	zero, 56(a0)
	addi	a1, a1, -64
	addi	a0, a0, 64
	bne	a0, a3, 1b
clear_words:
	andi	a3, a1, -8
	beqz	a3, clear_bytes
	add	a3, a3, a0
1:	sd	zero, 0(a0)
	addi	a1, a1, -8
	addi	a0, a0, 8
	bne	a0, a3, 1b
clear_block_end:
clear_bytes:
	add	a3, a0, a1
	beqz	a1, 2f
clear_bytes_first:
1:	sb	zero, 0(a0)
	addi	a0, a0, 1
	bne	a0, a3, 1b
clear_bytes_end:
2:	close_user
	li	a0, 0
	ret
clear_align_fault:
	sub	t0, a3, a0
	add	a1, a1, t0
	j	clear_bytes
clear_fault:
	sub	a0, a3, a0
	close_user
	ret
	fixup	clear_first, clear_block_end, clear_bytes
	fixup	clear_bytes_first, clear_bytes_end, clear_fault
	fixup	clear_align_first, clear_align_end, clear_align_fault

// int64_t hal_strncpy_from_user(char *to, const char *from, size_t max)
	.global	hal_strncpy_from_user
hal_strncpy_from_user:
	open_user
	add	a3, a1, a2
	mv	a4, a1
	or	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, 1f
	li	t3, 0x01010101
	slli	t1, t3, 32
	add	t3, t3, t1
	slli	t4, t3, 7
	addi	a5, a3, -8
strncpy_first:
// Aligned words while one fits; one with a zero byte is done again by bytes.
3:	bgtu	a1, a5, 1f
	ld	t0, 0(a1)
	sub	t1, t0, t3
	not	t2, t0
	and	t1, t1, t2
	and	t1, t1, t4
	bnez	t1, 1f
	sd	t0, 0(a0)
	addi	a1, a1, 8
	addi	a0, a0, 8
	j	3b
1:	beq	a1, a3, 2f
	lbu	t0, 0(a1)
	sb	t0, 0(a0)
	beqz	t0, 2f
	addi	a1, a1, 1
	addi	a0, a0, 1
	j	1b
strncpy_end:
2:	close_user
	sub	a0, a1, a4
	ret
	fixup	strncpy_first, strncpy_end, user_fault

// err_t hal_load_user32(const uint32_t *from, uint32_t *value)
	.global	hal_load_user32
hal_load_user32:
	open_user
load_first:
	lw	t0, 0(a0)
load_end:
	close_user
	sw	t0, 0(a1)
	li	a0, 0
	ret
	fixup	load_first, load_end, user_fault

// err_t hal_store_user32(uint32_t *to, uint32_t value)
	.global	hal_store_user32
hal_store_user32:
	open_user
store_first:
	sw	a1, 0(a0)
store_end:
	close_user
	li	a0, 0
	ret
	fixup	store_first, store_end, user_fault

// err_t hal_cas_user32(uint32_t *at, uint32_t expected, uint32_t desired, uint32_t *old)
	.global	hal_cas_user32
hal_cas_user32:
	open_user
	sext.w	a1, a1			// as lr.w extends
cas_first:
1:	lr.w.aqrl t0, (a0)
	bne	t0, a1, 2f
	sc.w.rl	t1, a2, (a0)
	bnez	t1, 1b
cas_end:
2:	close_user
	sw	t0, 0(a3)
	li	a0, 0
	ret
	fixup	cas_first, cas_end, user_fault

// struct user_regs_struct, in its order.
.macro	sigcontext_registers move
	\move	TF_PC, 0
	\move	TF_RA, 8
	\move	TF_SP, 16
	\move	TF_GP, 24
	\move	TF_TP, 32
	\move	TF_ARGS + 8 * 7, 40
	\move	TF_ARGS + 8 * 8, 48
	\move	TF_ARGS + 8 * 9, 56
	\move	TF_S + 8 * 0, 64
	\move	TF_S + 8 * 1, 72
	\move	TF_ARGS + 8 * 0, 80
	\move	TF_ARGS + 8 * 1, 88
	\move	TF_ARGS + 8 * 2, 96
	\move	TF_ARGS + 8 * 3, 104
	\move	TF_ARGS + 8 * 4, 112
	\move	TF_ARGS + 8 * 5, 120
	\move	TF_ARGS + 8 * 6, 128
	\move	TF_A7, 136
	\move	TF_S + 8 * 2, 144
	\move	TF_S + 8 * 3, 152
	\move	TF_S + 8 * 4, 160
	\move	TF_S + 8 * 5, 168
	\move	TF_S + 8 * 6, 176
	\move	TF_S + 8 * 7, 184
	\move	TF_S + 8 * 8, 192
	\move	TF_S + 8 * 9, 200
	\move	TF_S + 8 * 10, 208
	\move	TF_S + 8 * 11, 216
	\move	TF_T3, 224
	\move	TF_T4, 232
	\move	TF_T5, 240
	\move	TF_T6, 248
.endm
.macro	to_context frame, context
	ld	t0, \frame(a1)
	sd	t0, \context(a0)
.endm
.macro	from_context frame, context
	ld	t0, \context(a1)
	sd	t0, \frame(a0)
.endm

// err_t riscv_sigcontext_store(user_sc, tf)
	.global	riscv_sigcontext_store
riscv_sigcontext_store:
	open_user
sigcontext_store_first:
	sigcontext_registers to_context
sigcontext_store_end:
	close_user
	li	a0, 0
	ret
	fixup	sigcontext_store_first, sigcontext_store_end, user_fault

// err_t riscv_sigcontext_load(tf, user_sc)
	.global	riscv_sigcontext_load
riscv_sigcontext_load:
	open_user
sigcontext_load_first:
	sigcontext_registers from_context
sigcontext_load_end:
	close_user
	li	a0, 0
	ret
	fixup	sigcontext_load_first, sigcontext_load_end, user_fault

	.global	riscv_user_fault
riscv_user_fault:
user_fault:
	close_user
	li	a0, -14			// -EFAULT
	ret

// bool riscv_read_stimecmp(uint64_t *value): whether the CSR is there.
	.global	riscv_read_stimecmp
riscv_read_stimecmp:
stimecmp_first:
	csrr	t0, CSR_STIMECMP
stimecmp_end:
	sd	t0, 0(a0)
	li	a0, 1
	ret
no_stimecmp:
	li	a0, 0
	ret
	fixup	stimecmp_first, stimecmp_end, no_stimecmp
