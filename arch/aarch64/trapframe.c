// SPDX-License-Identifier: MIT
// Frames as user space sees them: new programs, signal frames, core notes; and as panics print them.
#include <arch/sysreg.h>
#include <hal/context.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <lib/string.h>
#include <uapi/errno.h>

struct record_head {
	uint32_t magic;
	uint32_t size;
};

/** How Linux's struct sigcontext (arch/arm64/include/uapi/asm/sigcontext.h) begins: registers, and the
 *  records that fill the rest of it. */
struct sigcontext_head {
	uint64_t fault_address;
	uint64_t regs[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint64_t padding;
};

struct fpsimd_record {
	struct record_head head;
	uint32_t fpsr, fpcr;
	uint8_t vregs[512];
};

#define RECORDS sizeof(struct sigcontext_head)
#define RECORDS_END (RECORDS + 4096)

static_assert(RECORDS == 288, "Linux's");
static_assert(sizeof(struct fpsimd_record) == 528, "Linux's");
static_assert(sizeof(struct trapframe) % 16 == 0, "the stack pointer is 16-byte aligned");

// fpu.S
err_t arch_fpu_store_user(uint64_t record, struct record_head head);
err_t arch_fpu_load_user(uint64_t record);

#define FPSIMD_MAGIC 0x46508001

// N Z C V, and the two that user mode may set by instructions of their own: DIT, SSBS.
#define PSR_USER_BITS (0xful << 28 | 1ul << 24 | 1ul << 12)

void hal_tf_init_user(struct trapframe *tf, uint64_t pc, uint64_t sp)
{
	*tf = (struct trapframe){.pc = pc, .sp = sp};
}

/** Whether @tf is the frame of the thread that runs here, whose TPIDR_EL0 is live: it stands on the
 *  stack in use. Between two stacks there is a guard page, so no other frame is as near. */
static bool is_current_frame(const struct trapframe *tf)
{
	return (uintptr_t)tf - (uintptr_t)__builtin_frame_address(0) < HAL_KSTACK_SIZE;
}

void hal_tf_set_tls(struct trapframe *tf, struct hal_context *ctx, uint64_t tls)
{
	ctx->tls = tls;
	if (is_current_frame(tf))
		write_sysreg(tpidr_el0, tls);
}

uint64_t hal_tf_tls(const struct trapframe *tf, const struct hal_context *ctx)
{
	return is_current_frame(tf) ? read_sysreg(tpidr_el0) : ctx->tls;
}

size_t hal_sigcontext_size(void)
{
	return RECORDS_END;
}

#define REGISTERS (sizeof(((struct trapframe *)0)->x) + 24)
static_assert(offsetof(struct trapframe, pstate) + 8 == REGISTERS, "in Linux's order");
static_assert(offsetof(struct sigcontext_head, pstate) + 8 == 8 + REGISTERS, "Linux's");

static err_t save_fpu(uint64_t record, bool has_fpu)
{
	struct record_head head = {FPSIMD_MAGIC, sizeof(struct fpsimd_record)};
	if (has_fpu)
		return arch_fpu_store_user(record, head);
	// Zeros to the end of the record behind it, which ends the list.
	size_t rest = sizeof(struct fpsimd_record) - sizeof(head) + 16;
	return hal_copy_to_user((void *)record, &head, sizeof(head)) ||
			       hal_clear_user((void *)(record + sizeof(head)), rest)
		       ? -EFAULT
		       : 0;
}

err_t hal_sigcontext_save(uint64_t user_sc, struct trapframe *tf, bool has_fpu)
{
	hal_tf_clear_syscall(tf);
	struct sigcontext_head *out = (struct sigcontext_head *)user_sc;
	if (hal_store_user_pair(&out->fault_address, 0, tf->x[0]) ||
	    hal_copy_to_user(&out->regs[1], &tf->x[1], REGISTERS - sizeof(tf->x[0])))
		return -EFAULT;
	return save_fpu(user_sc + RECORDS, has_fpu);
}

/** Find the record of floating-point registers. Its offset from @user_sc; 0: none, or the list is
 *  malformed. */
static size_t find_fpsimd(uint64_t user_sc)
{
	struct record_head head;
	for (size_t at = RECORDS; at + sizeof(head) <= RECORDS_END; at += head.size) {
		if (hal_copy_from_user(&head, (const void *)(user_sc + at), sizeof(head)))
			return 0;
		if (head.magic == FPSIMD_MAGIC)
			return head.size == sizeof(struct fpsimd_record) &&
					       head.size <= RECORDS_END - at
				       ? at
				       : 0;
		if (head.magic == 0 || head.size < sizeof(head) || head.size % 16 ||
		    head.size > RECORDS_END - at)
			return 0;
	}
	return 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, uint64_t user_sc, bool has_fpu)
{
	const struct sigcontext_head *in = (const struct sigcontext_head *)user_sc;
	hal_tf_clear_syscall(tf);
	size_t failed = hal_copy_from_user(tf->x, in->regs, REGISTERS);
	tf->pstate &= PSR_USER_BITS; // mode EL0t, interrupts on
	if (failed)
		return -EFAULT;
	size_t at = find_fpsimd(user_sc);
	if (!at)
		return -EINVAL;
	return has_fpu ? arch_fpu_load_user(user_sc + at) : 0;
}

void hal_tf_print(const struct trapframe *tf, void (*print)(const char *fmt, ...))
{
	print("pc %016llx sp %016llx pstate %08llx esr %08llx\n", (unsigned long long)tf->pc,
	      (unsigned long long)tf->sp, (unsigned long long)tf->pstate,
	      (unsigned long long)tf->esr);
	for (unsigned i = 0; i < 28; i += 4)
		print("x%-2u %016llx %016llx %016llx %016llx\n", i, (unsigned long long)tf->x[i],
		      (unsigned long long)tf->x[i + 1], (unsigned long long)tf->x[i + 2],
		      (unsigned long long)tf->x[i + 3]);
	print("x28 %016llx x29 %016llx x30 %016llx\n", (unsigned long long)tf->x[28],
	      (unsigned long long)tf->x[29], (unsigned long long)tf->x[30]);
}

size_t hal_tf_to_elf_gregs(const struct trapframe *tf, uint64_t *regs, size_t max)
{
	// Linux's struct user_pt_regs: x0..x30, sp, pc, pstate; the beginning of struct trapframe.
	size_t count = min(max, (size_t)34);
	memcpy(regs, tf, count * sizeof(*regs));
	return count;
}
