// SPDX-License-Identifier: MIT
// The half of the trapframe's interface that is not inline.
#include <hal/trapframe.h>

#include <string.h>

#include <hal/context.h>
#include <hal/fpu.h>
#include <hal/uaccess.h>
#include <uapi/errno.h>

void hal_tf_init_user(struct trapframe *tf, uint64_t pc, uint64_t sp)
{
	*tf = (struct trapframe){.pc = pc, .sp = sp, .flags = HOST_TF_USER};
}

void hal_tf_set_tls(struct trapframe *tf, struct hal_context *ctx, uint64_t tls)
{
	(void)tf;
	ctx->tls = tls;
}

uint64_t hal_tf_tls(const struct trapframe *tf, const struct hal_context *ctx)
{
	(void)tf;
	return ctx->tls;
}

/** What a signal handler may see and change. */
struct host_sigcontext {
	uint64_t pc, sp, fp, nr, args[6];
	int64_t result;
	uint64_t ipc_tag, ipc_badge, ipc_sender, ipc_words[8];
	uint64_t has_fpu;
	uint8_t fpu[64];
};

size_t hal_sigcontext_size(void)
{
	return sizeof(struct host_sigcontext);
}

err_t hal_sigcontext_save(uint64_t user_sc, struct trapframe *tf, bool has_fpu)
{
	struct host_sigcontext to = {
		.pc = tf->pc,
		.sp = tf->sp,
		.fp = tf->fp,
		.nr = tf->nr,
		.result = tf->result,
		.ipc_tag = tf->ipc_tag,
		.ipc_badge = tf->ipc_badge,
		.ipc_sender = tf->ipc_sender,
		.has_fpu = has_fpu,
	};

	hal_tf_clear_syscall(tf);
	memcpy(to.args, tf->args, sizeof(to.args));
	memcpy(to.ipc_words, tf->ipc_words, sizeof(to.ipc_words));
	if (has_fpu)
		hal_fpu_save(to.fpu);
	return hal_copy_to_user((void *)user_sc, &to, sizeof(to)) ? -EFAULT : 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, uint64_t user_sc, bool has_fpu)
{
	struct host_sigcontext from;

	hal_tf_clear_syscall(tf);
	if (hal_copy_from_user(&from, (const void *)user_sc, sizeof(from)))
		return -EFAULT;
	tf->pc = from.pc;
	tf->sp = from.sp;
	tf->fp = from.fp;
	tf->nr = from.nr;
	tf->result = from.result;
	tf->ipc_tag = from.ipc_tag;
	tf->ipc_badge = from.ipc_badge;
	tf->ipc_sender = from.ipc_sender;
	memcpy(tf->args, from.args, sizeof(tf->args));
	memcpy(tf->ipc_words, from.ipc_words, sizeof(tf->ipc_words));
	if (has_fpu && from.has_fpu)
		hal_fpu_restore(from.fpu);
	return 0;
}

void hal_tf_print(const struct trapframe *tf, void (*print)(const char *fmt, ...))
{
	print("pc %016lx sp %016lx fp %016lx flags %lx\n", tf->pc, tf->sp, tf->fp, tf->flags);
	print("call %lx (%lx %lx %lx %lx %lx %lx) = %ld\n", tf->nr, tf->args[0], tf->args[1],
	      tf->args[2], tf->args[3], tf->args[4], tf->args[5], tf->result);
}

size_t hal_tf_to_elf_gregs(const struct trapframe *tf, uint64_t *regs, size_t max)
{
	const uint64_t all[] = {tf->pc,	     tf->sp,	  tf->fp,      tf->nr,	    tf->args[0],
				tf->args[1], tf->args[2], tf->args[3], tf->args[4], tf->args[5],
				(uint64_t)tf->result};
	size_t n = min(max, array_len(all));

	memcpy(regs, all, n * sizeof(all[0]));
	return n;
}
