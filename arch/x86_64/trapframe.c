// SPDX-License-Identifier: MIT
// The slow accessors of the trapframe.
#include <hal/trapframe.h>

#include <arch/x86.h>
#include <hal/context.h>
#include <hal/percpu.h>

void hal_tf_init_user(struct trapframe *tf, uint64_t pc, uint64_t sp)
{
	*tf = (struct trapframe){
		.cs = X86_USER_CS,
		.ss = X86_USER_DS,
		.rflags = X86_RFLAGS_USER,
		.rsp = sp,
	};
	hal_tf_set_pc(tf, pc);
}

/** Whether @tf, at the fixed top of its stack, is of the thread that runs here. */
static bool is_current(const struct trapframe *tf)
{
	struct x86_percpu *area = (struct x86_percpu *)hal_percpu();
	return (uint64_t)(tf + 1) == area->tss.rsp[0];
}

void hal_tf_set_tls(struct trapframe *tf, struct hal_context *ctx, uint64_t tls)
{
	// WRMSR faults on a non-canonical base; a base beyond user space is of no use either.
	ctx->fs_base = tls < X86_USER_TOP ? tls : 0;
	if (is_current(tf))
		x86_wrmsr(X86_MSR_FS_BASE, ctx->fs_base);
}

uint64_t hal_tf_tls(const struct trapframe *tf, const struct hal_context *ctx)
{
	(void)tf;
	return ctx->fs_base;
}

void x86_context_set_gs_base(struct trapframe *tf, struct hal_context *ctx, uint64_t base)
{
	ctx->gs_base = base < X86_USER_TOP ? base : 0;
	if (is_current(tf))
		x86_wrmsr(X86_MSR_KERNEL_GS_BASE, ctx->gs_base);
}

void hal_tf_print(const struct trapframe *tf, void (*print)(const char *fmt, ...))
{
	uint64_t rcx = hal_tf_is_syscall(tf) ? tf->rip : tf->rcx;
	uint64_t r11 = hal_tf_is_syscall(tf) ? tf->rflags : tf->r11;

	print("rip %016lx  cs %04lx  rflags %08lx  %s %lx\n", tf->rip, tf->cs & 0xffff, tf->rflags,
	      hal_tf_is_syscall(tf) ? "system call" : "error", tf->nr);
	print("rsp %016lx  ss %04lx  cr2 %016lx  cr3 %016lx\n", tf->rsp, tf->ss & 0xffff,
	      x86_read_cr2(), x86_read_cr3());
	print("rax %016lx  rbx %016lx  rcx %016lx\n", tf->rax, tf->rbx, rcx);
	print("rdx %016lx  rsi %016lx  rdi %016lx\n", tf->rdx, tf->rsi, tf->rdi);
	print("rbp %016lx  r8  %016lx  r9  %016lx\n", tf->rbp, tf->r8, tf->r9);
	print("r10 %016lx  r11 %016lx  r12 %016lx\n", tf->r10, r11, tf->r12);
	print("r13 %016lx  r14 %016lx  r15 %016lx\n", tf->r13, tf->r14, tf->r15);
}

size_t hal_tf_to_elf_gregs(const struct trapframe *tf, uint64_t *regs, size_t max)
{
	bool is_syscall = hal_tf_is_syscall(tf);
	// struct user_regs_struct of Linux; DS, ES, FS and GS are not kept.
	const uint64_t all[27] = {
		tf->r15, tf->r14, tf->r13, tf->r12, tf->rbp, tf->rbx,
		is_syscall ? tf->rflags : tf->r11, tf->r10, tf->r9, tf->r8, tf->rax,
		is_syscall ? tf->rip : tf->rcx, tf->rdx, tf->rsi, tf->rdi,
		is_syscall ? tf->nr : UINT64_MAX, tf->rip, tf->cs & 0xffff, tf->rflags, tf->rsp,
		tf->ss, 0, 0, 0, 0, 0, 0,
	};
	size_t n = min(max, array_len(all));
	memcpy(regs, all, n * sizeof(regs[0]));
	return n;
}
