// SPDX-License-Identifier: MIT
// Frames of new programs, signal frames, and frames printed.
#include <arch/fpu.h>
#include <hal/cpu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <lib/string.h>
#include <uapi/errno.h>

/** Linux's struct user_regs_struct: pc, then x1 to x31. */
struct user_regs {
	uint64_t pc, ra, sp, gp, tp;
	uint64_t t0_2[3];
	uint64_t s0_1[2];
	uint64_t a[8];
	uint64_t s2_11[10];
	uint64_t t3_6[4];
};

_Static_assert(sizeof(struct user_regs) == 32 * 8, "user_regs_struct of Linux");

/** Linux's struct sigcontext: the union is as large as Q state needs; D state is at its start. */
struct sigcontext {
	struct user_regs regs;
	union {
		struct riscv_fpu_state d;
		uint64_t room[66];
	} fp __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct sigcontext) == 256 + 528, "sigcontext of Linux");
_Static_assert(offsetof(struct sigcontext, fp) + RISCV_FPU_NO_RECORD + 16 ==
		       sizeof(struct sigcontext), "at its end");

// uaccess.S, fpu.S
err_t riscv_sigcontext_store(uint64_t user_sc, const struct trapframe *tf);
err_t riscv_sigcontext_load(struct trapframe *tf, uint64_t user_sc);
err_t riscv_fpu_store_user(uint64_t to);
err_t riscv_fpu_load_user(uint64_t from);

static void save_regs(struct user_regs *regs, const struct trapframe *tf)
{
	regs->pc = tf->pc;
	regs->ra = tf->ra;
	regs->sp = tf->sp;
	regs->gp = tf->gp;
	regs->tp = tf->tp;
	memcpy(regs->t0_2, &tf->args[7], sizeof(regs->t0_2));
	memcpy(regs->s0_1, tf->s, sizeof(regs->s0_1));
	memcpy(regs->a, tf->args, 7 * sizeof(uint64_t));
	regs->a[7] = tf->a7;
	memcpy(regs->s2_11, &tf->s[2], sizeof(regs->s2_11));
	regs->t3_6[0] = tf->t3;
	regs->t3_6[1] = tf->t4;
	regs->t3_6[2] = tf->t5;
	regs->t3_6[3] = tf->t6;
}

void hal_tf_init_user(struct trapframe *tf, uint64_t pc, uint64_t sp)
{
	// In current's frame (exec) the last switch has written it; else the next one will. Never 0: that
	// would say kernel mode.
	uint64_t percpu = tf->percpu ? tf->percpu : 1;
	memset(tf, 0, sizeof(*tf));
	tf->pc = pc;
	tf->sp = sp;
	tf->cause = CAUSE_NONE;
	tf->percpu = percpu;
}

void hal_tf_set_tls(struct trapframe *tf, struct hal_context *ctx, uint64_t tls)
{
	(void)ctx;
	tf->tp = tls;
}

uint64_t hal_tf_tls(const struct trapframe *tf, const struct hal_context *ctx)
{
	(void)ctx;
	return tf->tp;
}

size_t hal_sigcontext_size(void)
{
	return sizeof(struct sigcontext);
}

err_t hal_sigcontext_save(uint64_t user_sc, struct trapframe *tf, bool has_fpu)
{
	uint64_t fp = user_sc + offsetof(struct sigcontext, fp);
	hal_tf_clear_syscall(tf);
	err_t err = riscv_sigcontext_store(user_sc, tf);
	if (err)
		return err;
	if (has_fpu)
		return riscv_fpu_store_user(fp);
	return hal_clear_user((void *)fp, sizeof(((struct sigcontext *)0)->fp)) ? -EFAULT : 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, uint64_t user_sc, bool has_fpu)
{
	hal_tf_clear_syscall(tf);
	err_t err = riscv_sigcontext_load(tf, user_sc);
	return err || !has_fpu ? err : riscv_fpu_load_user(user_sc + offsetof(struct sigcontext, fp));
}

void hal_tf_print(const struct trapframe *tf, void (*print)(const char *fmt, ...))
{
	typedef unsigned long long ull;
	print("pc %016llx ra %016llx sp %016llx\n", (ull)tf->pc, (ull)tf->ra, (ull)tf->sp);
	print("gp %016llx tp %016llx cause %llx\n", (ull)tf->gp, (ull)tf->tp, (ull)tf->cause);
	if (!hal_tf_is_user(tf))
		print("sstatus %llx\n", (ull)tf->status);
	print("a0 %016llx a1 %016llx a2 %016llx a3 %016llx\n", (ull)tf->args[0],
	      (ull)tf->args[1], (ull)tf->args[2], (ull)tf->args[3]);
	print("a4 %016llx a5 %016llx a6 %016llx a7 %016llx\n", (ull)tf->args[4],
	      (ull)tf->args[5], (ull)tf->args[6], (ull)tf->a7);
	print("t0 %016llx t1 %016llx t2 %016llx t3 %016llx\n", (ull)tf->args[7],
	      (ull)tf->args[8], (ull)tf->args[9], (ull)tf->t3);
	print("t4 %016llx t5 %016llx t6 %016llx\n", (ull)tf->t4, (ull)tf->t5, (ull)tf->t6);
	for (unsigned i = 0; i < 12; i += 4)
		print("s%-2u %016llx %016llx %016llx %016llx\n", i, (ull)tf->s[i],
		      (ull)tf->s[i + 1], (ull)tf->s[i + 2], (ull)tf->s[i + 3]);
}

size_t hal_tf_to_elf_gregs(const struct trapframe *tf, uint64_t *regs, size_t max)
{
	struct user_regs all;
	save_regs(&all, tf);
	size_t n = min(max, sizeof(all) / sizeof(uint64_t));
	memcpy(regs, &all, n * sizeof(uint64_t));
	return n;
}
