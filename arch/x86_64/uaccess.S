// SPDX-License-Identifier: MIT
// Copies between kernel and user memory. 8 bytes at a time: an emulator that counts counts each byte of
// REP MOVSB. Every instruction between the labels of a FIXUP may fault; the fault then goes
// on at the fix-up, which copies byte by byte until the bad one, so the count returned is exact.
// RDX = bytes left in all of the block functions.
#include <arch/layout.h>
#include <arch/offsets.h>

	.text

.macro FIXUP start, end, target
	.pushsection .fixups, "a"
	.quad \start, \end, \target
	.popsection
.endm

// A NOP until x86_cpu_detect() has found SMAP.
.macro SMAP_PATCHED third
	.pushsection .smap_patches, "a"
	.quad 7771f
	.byte 0x0f, 0x01, \third
	.balign 16, 0
	.popsection
7771:	.byte 0x0f, 0x1f, 0x00
.endm
.macro CLAC_PATCHED
	SMAP_PATCHED 0xca
.endm
.macro STAC_PATCHED
	SMAP_PATCHED 0xcb
.endm

// size_t hal_copy_from_user(void *to, const void *from, size_t len), hal_copy_to_user the same.
	.globl hal_copy_from_user, hal_copy_to_user
	.balign 64
hal_copy_from_user:
hal_copy_to_user:
	STAC_PATCHED
	cmpq $64, %rdx
	jb 20f
	cmpq $256, %rdx
	jae 9f
	subq $64, %rdx
1:	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq 16(%rsi), %r8
	movq 24(%rsi), %r9
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %r8, 16(%rdi)
	movq %r9, 24(%rdi)
	movq 32(%rsi), %rax
	movq 40(%rsi), %rcx
	movq 48(%rsi), %r8
	movq 56(%rsi), %r9
	movq %rax, 32(%rdi)
	movq %rcx, 40(%rdi)
	movq %r8, 48(%rdi)
	movq %r9, 56(%rdi)
	addq $64, %rsi
	addq $64, %rdi
	subq $64, %rdx
	jae 1b
2:	addq $64, %rdx
// Fewer than 64.
20:	testb $32, %dl
	jz 23f
21:	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq 16(%rsi), %r8
	movq 24(%rsi), %r9
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %r8, 16(%rdi)
	movq %r9, 24(%rdi)
22:	addq $32, %rsi
	addq $32, %rdi
	subl $32, %edx
23:	testb $16, %dl
	jz 26f
24:	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
25:	addq $16, %rsi
	addq $16, %rdi
	subl $16, %edx
26:	testb $8, %dl
	jz 29f
27:	movq (%rsi), %rax
	movq %rax, (%rdi)
28:	addq $8, %rsi
	addq $8, %rdi
	subl $8, %edx
29:	testl %edx, %edx
	jz 6f
5:	movb (%rsi), %al
	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jnz 5b
6:	CLAC_PATCHED
	movq %rdx, %rax
	ret
// A fault in a block: RDX has the block taken off already.
7:	addq $64, %rdx
	jmp 5b
// Large: an iteration of REP MOVSQ counts as one instruction and moves 8 bytes. RCX = words left.
9:	movq %rdx, %rcx
	shrq $3, %rcx
	andl $7, %edx
10:	rep movsq
11:	testl %edx, %edx
	jnz 5b
	jmp 6b
12:	leaq (%rdx,%rcx,8), %rdx
	jmp 5b
	FIXUP 1b, 2b, 7b
	FIXUP 21b, 22b, 5b
	FIXUP 24b, 25b, 5b
	FIXUP 27b, 28b, 5b
	FIXUP 5b, 6b, 6b
	FIXUP 10b, 11b, 12b

// size_t hal_clear_user(void *to, size_t len)
	.globl hal_clear_user
	.balign 64
hal_clear_user:
	STAC_PATCHED
	movq %rsi, %rdx
	xorl %eax, %eax
	subq $64, %rdx
	jb 2f
1:	movq %rax, (%rdi)
	movq %rax, 8(%rdi)
	movq %rax, 16(%rdi)
	movq %rax, 24(%rdi)
	movq %rax, 32(%rdi)
	movq %rax, 40(%rdi)
	movq %rax, 48(%rdi)
	movq %rax, 56(%rdi)
	addq $64, %rdi
	subq $64, %rdx
	jae 1b
2:	addq $64, %rdx
	subq $8, %rdx
	jb 4f
3:	movq %rax, (%rdi)
	addq $8, %rdi
	subq $8, %rdx
	jae 3b
4:	addq $8, %rdx
	jz 6f
5:	movb %al, (%rdi)
	incq %rdi
	decq %rdx
	jnz 5b
6:	CLAC_PATCHED
	movq %rdx, %rax
	ret
7:	addq $64, %rdx
	jmp 5b
8:	addq $8, %rdx
	jmp 5b
	FIXUP 1b, 2b, 7b
	FIXUP 3b, 4b, 8b
	FIXUP 5b, 6b, 6b

// int64_t hal_strncpy_from_user(char *to, const char *from, size_t max)
	.globl hal_strncpy_from_user
	.balign 16
hal_strncpy_from_user:
	STAC_PATCHED
	xorl %eax, %eax
	movabsq $0x0101010101010101, %r9
	movabsq $0x8080808080808080, %r10
	jmp 12f
// By words while 8 bytes fit. The load may reach behind the string into a page that is not there:
// then the bytes are tried.
10:	movq (%rsi,%rax), %rcx
11:	movq %rcx, (%rdi,%rax)
	movq %rcx, %r8
	notq %rcx
	subq %r9, %r8
	andq %rcx, %r8
	andq %r10, %r8			// the top bit of the first zero byte, and no lower one
	jnz 13f
	addq $8, %rax
12:	leaq 8(%rax), %rcx
	cmpq %rdx, %rcx
	jbe 10b
1:	cmpq %rdx, %rax
	jae 2f
	movb (%rsi,%rax), %cl
	movb %cl, (%rdi,%rax)
	testb %cl, %cl
	jz 2f
	incq %rax
	jmp 1b
2:	CLAC_PATCHED
	ret
13:	bsfq %r8, %r8
	shrl $3, %r8d
	addq %r8, %rax
	jmp 2b
3:	movq $-14, %rax			// EFAULT
	jmp 2b
	FIXUP 10b, 11b, 1b
	FIXUP 1b, 2b, 3b

// err_t hal_{load,store}_user_quad(uint64_t *to, const uint64_t *from)
	.globl hal_load_user_quad, hal_store_user_quad
	.balign 16
hal_load_user_quad:
hal_store_user_quad:
	STAC_PATCHED
1:	movq (%rsi), %rax
	movq 8(%rsi), %rcx
	movq 16(%rsi), %rdx
	movq 24(%rsi), %r8
	movq %rax, (%rdi)
	movq %rcx, 8(%rdi)
	movq %rdx, 16(%rdi)
	movq %r8, 24(%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t hal_store_user_pair(uint64_t *to, uint64_t a, uint64_t b)
	.globl hal_store_user_pair
	.balign 16
hal_store_user_pair:
	STAC_PATCHED
1:	movq %rsi, (%rdi)
	movq %rdx, 8(%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t hal_load_user32(const uint32_t *from, uint32_t *value)
	.globl hal_load_user32
	.balign 16
hal_load_user32:
	STAC_PATCHED
1:	movl (%rdi), %ecx
2:	CLAC_PATCHED
	movl %ecx, (%rsi)
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t hal_store_user32(uint32_t *to, uint32_t value)
	.globl hal_store_user32
	.balign 16
hal_store_user32:
	STAC_PATCHED
1:	movl %esi, (%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t hal_cas_user32(uint32_t *at, uint32_t expected, uint32_t desired, uint32_t *old)
	.globl hal_cas_user32
	.balign 16
hal_cas_user32:
	STAC_PATCHED
	movl %esi, %eax
1:	lock cmpxchgl %edx, (%rdi)
2:	CLAC_PATCHED
	movl %eax, (%rcx)
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// struct sigcontext_64, in its order.
.macro SIGCONTEXT_REGISTERS move
	\move TF_R8, 0
	\move TF_R9, 8
	\move TF_R10, 16
	\move TF_R11, 24
	\move TF_R12, 32
	\move TF_R13, 40
	\move TF_R14, 48
	\move TF_R15, 56
	\move TF_RDI, 64
	\move TF_RSI, 72
	\move TF_RBP, 80
	\move TF_RBX, 88
	\move TF_RDX, 96
	\move TF_RAX, 104
	\move TF_RCX, 112
	\move TF_RSP, 120
	\move TF_RIP, 128
	\move TF_RFLAGS, 136
.endm
.macro TO_CONTEXT frame, context
	movq \frame(%rsi), %rax
	movq %rax, \context(%rdi)
.endm
.macro FROM_CONTEXT frame, context
	movq \context(%rsi), %rax
	movq %rax, \frame(%rdi)
.endm

// err_t x86_sigcontext_store(user_sc, tf, error, vector, cr2, fpstate)
	.globl x86_sigcontext_store
	.balign 16
x86_sigcontext_store:
	STAC_PATCHED
1:	SIGCONTEXT_REGISTERS TO_CONTEXT
	movabsq $(X86_USER_CS | X86_USER_DS << 48), %rax
	movq %rax, 144(%rdi)
	movq %rdx, 152(%rdi)
	movq %rcx, 160(%rdi)
	movq $0, 168(%rdi)		// oldmask
	movq %r8, 176(%rdi)
	movq %r9, 184(%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t x86_sigcontext_load(tf, user_sc, uint64_t *fpstate)
	.globl x86_sigcontext_load
	.balign 16
x86_sigcontext_load:
	STAC_PATCHED
1:	SIGCONTEXT_REGISTERS FROM_CONTEXT
	movq 184(%rsi), %rax
2:	CLAC_PATCHED
	movq %rax, (%rdx)
	xorl %eax, %eax
	ret
	FIXUP 1b, 2b, user32_fault

// err_t x86_fpu_store_user(to, xcr0). XSAVE leaves reserved words of its header as they are, and
// XRSTOR wants zeros there.
	.globl x86_fpu_store_user
	.balign 16
x86_fpu_store_user:
	STAC_PATCHED
	xorl %edx, %edx
	movl %esi, %eax
	testl %esi, %esi
	jz 3f
1:	movq %rdx, 512(%rdi)
	movq %rdx, 520(%rdi)
	movq %rdx, 528(%rdi)
	movq %rdx, 536(%rdi)
	movq %rdx, 544(%rdi)
	movq %rdx, 552(%rdi)
	movq %rdx, 560(%rdi)
	movq %rdx, 568(%rdi)
	xsave64 (%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
3:	fxsave64 (%rdi)
4:	jmp 2b
	FIXUP 1b, 2b, user32_fault
	FIXUP 3b, 4b, user32_fault

// err_t x86_fpu_load_user(from, xcr0)
	.globl x86_fpu_load_user
	.balign 16
x86_fpu_load_user:
	STAC_PATCHED
	xorl %edx, %edx
	movl %esi, %eax
	testl %esi, %esi
	jz 3f
1:	xrstor64 (%rdi)
2:	CLAC_PATCHED
	xorl %eax, %eax
	ret
3:	fxrstor64 (%rdi)
4:	jmp 2b
	FIXUP 1b, 2b, user32_fault
	FIXUP 3b, 4b, user32_fault

user32_fault:
	CLAC_PATCHED
	movl $-14, %eax			// EFAULT
	ret

	.section .note.GNU-stack, "", @progbits
