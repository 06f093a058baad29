// SPDX-License-Identifier: MIT
// Copies to and from user memory. Every instruction that may fault stands in a range of .extable,
// which names where to go on. Privileged loads and stores with PAN opened: LDTR/STTR have no pairs
// and would cost half as much again.
#include <arch/offsets.h>
#include <arch/uaccess_asm.h>

	.text
// (x0 = to, x1 = from, x2 = bytes) → bytes not copied. x12, x13: ends of source and destination. The
// destination pointer moves only after its bytes are stored, so after a fault it tells how many
// are missing.
	.globl hal_copy_from_user, hal_copy_to_user
hal_copy_from_user:
hal_copy_to_user:
	user_open
	add	x12, x1, x2
	add	x13, x0, x2
	cmp	x2, #64
	b.lo	2f
.Lcopy_first:
1:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	stp	x4, x5, [x0]
	stp	x6, x7, [x0, #16]
	stp	x8, x9, [x0, #32]
	stp	x10, x11, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hs	1b
2:	cbz	x2, 8f
	tbz	x2, #5, 3f
	ldp	x4, x5, [x1], #16
	ldp	x6, x7, [x1], #16
	stp	x4, x5, [x0], #16
	stp	x6, x7, [x0], #16
3:	tbz	x2, #4, 4f
	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x0], #16
4:	tbz	x2, #3, 5f
	ldr	x4, [x1], #8
	str	x4, [x0], #8
5:	tbz	x2, #2, 6f
	ldr	w4, [x1], #4
	str	w4, [x0], #4
6:	tbz	x2, #1, 7f
	ldrh	w4, [x1], #2
	strh	w4, [x0], #2
7:	tbz	x2, #0, 8f
	ldrb	w4, [x1]
	strb	w4, [x0]
.Lcopy_last:
8:	user_close
	mov	x0, xzr
	ret
// Byte by byte up to the one that faults again: what user space could read is copied.
.Lcopy_bytes:
	sub	x2, x13, x0
	sub	x1, x12, x2
.Lcopy_bytes_first:
1:	ldrb	w4, [x1], #1
	strb	w4, [x0], #1
.Lcopy_bytes_last:
	subs	x2, x2, #1
	b.ne	1b
.Lcopy_end:
	user_close
	sub	x0, x13, x0
	ret
	on_fault .Lcopy_first, .Lcopy_last, .Lcopy_bytes
	on_fault .Lcopy_bytes_first, .Lcopy_bytes_last, .Lcopy_end

// (x0 = to, x1 = bytes) → bytes not cleared.
	.globl hal_clear_user
hal_clear_user:
	user_open
	add	x13, x0, x1
	cmp	x1, #64
	b.lo	2f
.Lclear_first:
1:	stp	xzr, xzr, [x0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	add	x0, x0, #64
	sub	x1, x1, #64
	cmp	x1, #64
	b.hs	1b
2:	tbz	x1, #5, 3f
	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
3:	tbz	x1, #4, 4f
	stp	xzr, xzr, [x0], #16
4:	and	x1, x1, #15
	cbz	x1, 6f
5:	strb	wzr, [x0], #1
	subs	x1, x1, #1
	b.ne	5b
.Lclear_last:
6:	user_close
	mov	x0, xzr
	ret
.Lclear_bytes:
1:	strb	wzr, [x0], #1
.Lclear_bytes_last:
	cmp	x0, x13
	b.lo	1b
.Lclear_end:
	user_close
	sub	x0, x13, x0
	ret
	on_fault .Lclear_first, .Lclear_last, .Lclear_bytes
	on_fault .Lclear_bytes, .Lclear_bytes_last, .Lclear_end

// (x0 = to, x1 = from, x2 = most bytes) → length or -EFAULT. Aligned words never reach into a page
// that the string does not; one that holds a zero byte is finished byte by byte.
	.globl hal_strncpy_from_user
hal_strncpy_from_user:
	user_open
	mov	x3, x0
	mov	x5, #0x0101010101010101
	mov	x6, #0x7f7f7f7f7f7f7f7f
.Lstr_first:
1:	tst	x1, #7
	b.eq	2f
	cbz	x2, 5f
	ldrb	w4, [x1], #1
	strb	w4, [x0]
	cbz	w4, 5f
	add	x0, x0, #1
	sub	x2, x2, #1
	b	1b
2:	cmp	x2, #8
	b.lo	4f
	ldr	x4, [x1]
	sub	x7, x4, x5
	orr	x8, x4, x6
	bics	x7, x7, x8
	b.ne	4f
	str	x4, [x0], #8
	add	x1, x1, #8
	sub	x2, x2, #8
	b	2b
3:	add	x0, x0, #1
	sub	x2, x2, #1
4:	cbz	x2, 5f
	ldrb	w4, [x1], #1
	strb	w4, [x0]
	cbnz	w4, 3b
.Lstr_last:
5:	user_close
	sub	x0, x0, x3
	ret
	on_fault .Lstr_first, .Lstr_last, .Lfault

// (x0 = to, x1 = from), four words, one of the two in user space → 0 or -EFAULT.
	.globl hal_load_user_quad, hal_store_user_quad
hal_load_user_quad:
hal_store_user_quad:
	user_open
.Lquad_first:
	ldp	x2, x3, [x1]
	ldp	x4, x5, [x1, #16]
	stp	x2, x3, [x0]
	stp	x4, x5, [x0, #16]
.Lquad_last:
	user_close
	mov	w0, wzr
	ret
	on_fault .Lquad_first, .Lquad_last, .Lfault

// (x0 = two user words, x1, x2 = values) → 0 or -EFAULT.
	.globl hal_store_user_pair
hal_store_user_pair:
	user_open
.Lpair_first:
	stp	x1, x2, [x0]
.Lpair_last:
	user_close
	mov	w0, wzr
	ret
	on_fault .Lpair_first, .Lpair_last, .Lfault

// (x0 = user word, x1 = &value) → 0 or -EFAULT.
	.globl hal_load_user32
hal_load_user32:
	user_open
.Lload_first:
	ldr	w2, [x0]
.Lload_last:
	user_close
	str	w2, [x1]
	mov	w0, wzr
	ret
	on_fault .Lload_first, .Lload_last, .Lfault

// (x0 = user word, w1 = value)
	.globl hal_store_user32
hal_store_user32:
	user_open
.Lstore_first:
	str	w1, [x0]
.Lstore_last:
	user_close
	mov	w0, wzr
	ret
	on_fault .Lstore_first, .Lstore_last, .Lfault

// (x0 = user word, w1 = expected, w2 = desired, x3 = &old)
	.globl hal_cas_user32
hal_cas_user32:
	user_open
.Lcas_first:
1:	ldaxr	w4, [x0]
	cmp	w4, w1
	b.ne	2f
	stlxr	w5, w2, [x0]
	cbnz	w5, 1b
.Lcas_last:
2:	user_close
	str	w4, [x3]
	mov	w0, wzr
	ret
	on_fault .Lcas_first, .Lcas_last, .Lfault

	.globl arch_user_fault
arch_user_fault:
.Lfault:
	user_close
	mov	x0, #FAULT_RESULT
	ret

	.section .note.GNU-stack, "", %progbits
