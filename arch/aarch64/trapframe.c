// SPDX-License-Identifier: MIT
// Frames as user space sees them: new programs, signal frames, core notes; and as panics print them.
#include <arch/sysreg.h>
#include <hal/context.h>
#include <hal/fpu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <lib/string.h>
#include <uapi/errno.h>

struct record_head {
	uint32_t magic;
	uint32_t size;
};
struct fpu_status {
	uint32_t fpsr, fpcr;
};

/** How Linux's struct sigcontext (arch/arm64/include/uapi/asm/sigcontext.h) begins: registers, and the
 *  first of the records that fill the rest of it. */
struct sigcontext_head {
	uint64_t fault_address;
	uint64_t regs[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint64_t padding;
	struct record_head record;
	struct fpu_status status;
};

struct fpsimd_record {
	struct record_head head;
	struct fpu_status status;
	uint8_t vregs[512];
};

#define RECORDS offsetof(struct sigcontext_head, record)
#define RECORDS_END (RECORDS + 4096)
#define FPU_VREGS 512 // of a saved state: behind them stands the status

static_assert(RECORDS == 288, "Linux's");
static_assert(sizeof(struct sigcontext_head) == HAL_SIGCONTEXT_HEAD, "Linux's");
static_assert(sizeof(struct fpsimd_record) == 528, "Linux's");
static_assert(sizeof(struct trapframe) % 16 == 0, "the stack pointer is 16-byte aligned");

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

/** x0 to pstate, written out: each pair is a load and a store. */
static inline void copy_registers(void *to, const void *from)
{
	struct pair {
		uint64_t words[2];
	};
	struct pair *out = to;
	const struct pair *in = from;
	out[0] = in[0], out[1] = in[1], out[2] = in[2], out[3] = in[3];
	out[4] = in[4], out[5] = in[5], out[6] = in[6], out[7] = in[7];
	out[8] = in[8], out[9] = in[9], out[10] = in[10], out[11] = in[11];
	out[12] = in[12], out[13] = in[13], out[14] = in[14], out[15] = in[15];
	out[16] = in[16];
	static_assert(REGISTERS == 17 * sizeof(struct pair), "all");
}

void hal_sigcontext_save(void *head, const struct trapframe *tf, const void *fpu, uint64_t user_sc)
{
	struct sigcontext_head *out = head;
	(void)user_sc; // holds no pointer into itself
	out->fault_address = 0;
	copy_registers(out->regs, tf);
	out->padding = 0;
	out->record = (struct record_head){FPSIMD_MAGIC, sizeof(struct fpsimd_record)};
	out->status = (struct fpu_status){0, 0};
	if (fpu)
		out->status = *(const struct fpu_status *)((const uint8_t *)fpu + FPU_VREGS);
}

/** Find the record of floating-point registers, from the first one on, which is @head. Its offset from
 *  @user_sc; 0: none, or the list is malformed. */
static size_t find_fpsimd(uint64_t user_sc, struct record_head head)
{
	size_t at = RECORDS;
	for (;;) {
		if (head.magic == FPSIMD_MAGIC)
			return head.size == sizeof(struct fpsimd_record) &&
					       head.size <= RECORDS_END - at
				       ? at
				       : 0;
		if (head.magic == 0 || head.size < sizeof(head) || head.size % 16 ||
		    head.size > RECORDS_END - at)
			return 0;
		at += head.size;
		if (at + sizeof(head) > RECORDS_END ||
		    hal_copy_from_user(&head, (const void *)(user_sc + at), sizeof(head)))
			return 0;
	}
}

/** From the record at @at into @state, in its order: registers, then status. */
static err_t restore_fpu(uint64_t user_sc, size_t at, uint8_t *state)
{
	const struct fpsimd_record *record = (const struct fpsimd_record *)(user_sc + at);
	if (hal_copy_from_user(state, record->vregs, FPU_VREGS) ||
	    hal_copy_from_user(state + FPU_VREGS, &record->status, sizeof(record->status)))
		return -EFAULT;
	return 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, const void *head, uint64_t user_sc, void *state)
{
	const struct sigcontext_head *in = head;
	size_t at = find_fpsimd(user_sc, in->record);
	if (!at)
		return -EINVAL;
	err_t err = state ? restore_fpu(user_sc, at, state) : 0;
	if (err)
		return err;
	copy_registers(tf, in->regs);
	tf->pstate &= PSR_USER_BITS; // mode EL0t, interrupts on
	hal_tf_clear_syscall(tf);
	return 0;
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
