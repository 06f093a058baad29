// SPDX-License-Identifier: MIT
// Frames as user space sees them: new programs, signal frames, core notes; and as panics print them.
#include <arch/sysreg.h>
#include <hal/context.h>
#include <hal/fpu.h>
#include <hal/trapframe.h>
#include <lib/string.h>
#include <uapi/errno.h>

/** Linux's struct sigcontext (arch/arm64/include/uapi/asm/sigcontext.h), as programs read it. */
struct sigcontext {
	uint64_t fault_address;
	uint64_t regs[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint8_t reserved[4096] __attribute__((aligned(16)));
};

struct record_head {
	uint32_t magic;
	uint32_t size;
};

struct fpsimd_record {
	struct record_head head;
	uint32_t fpsr, fpcr;
	uint8_t vregs[512];
};

static_assert(offsetof(struct sigcontext, reserved) == 288, "Linux's");
static_assert(sizeof(struct sigcontext) == 288 + 4096, "Linux's");
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
	return sizeof(struct sigcontext);
}

void hal_sigcontext_save(void *sc, const struct trapframe *tf, const void *fpu)
{
	struct sigcontext *context = sc;
	memset(context, 0, sizeof(*context));
	memcpy(context->regs, tf->x, sizeof(tf->x));
	context->sp = tf->sp;
	context->pc = tf->pc;
	context->pstate = tf->pstate;
	// Always there, as on Linux; the record of zeros behind it ends the list.
	struct fpsimd_record *record = (struct fpsimd_record *)context->reserved;
	record->head = (struct record_head){FPSIMD_MAGIC, sizeof(*record)};
	if (fpu) {
		const uint8_t *state = fpu;
		memcpy(record->vregs, state, sizeof(record->vregs));
		memcpy(&record->fpsr, state + 512, sizeof(record->fpsr));
		memcpy(&record->fpcr, state + 516, sizeof(record->fpcr));
	}
}

/** The record of floating-point registers; NULL: none, or the list is malformed. */
static const struct fpsimd_record *find_fpsimd(const struct sigcontext *context)
{
	size_t at = 0;
	while (at + sizeof(struct record_head) <= sizeof(context->reserved)) {
		const struct record_head *head = (const struct record_head *)&context->reserved[at];
		if (head->magic == FPSIMD_MAGIC)
			return head->size == sizeof(struct fpsimd_record) &&
					       at + head->size <= sizeof(context->reserved)
				       ? (const struct fpsimd_record *)head
				       : NULL;
		if (head->magic == 0 || head->size < sizeof(*head) || head->size % 16 ||
		    head->size > sizeof(context->reserved) - at)
			return NULL;
		at += head->size;
	}
	return NULL;
}

err_t hal_sigcontext_restore(struct trapframe *tf, const void *sc, void *fpu)
{
	const struct sigcontext *context = sc;
	const struct fpsimd_record *record = find_fpsimd(context);
	if (!record)
		return -EINVAL;
	memcpy(tf->x, context->regs, sizeof(tf->x));
	tf->sp = context->sp;
	tf->pc = context->pc;
	tf->pstate = context->pstate & PSR_USER_BITS; // mode EL0t, interrupts on
	hal_tf_clear_syscall(tf);
	if (fpu) {
		uint8_t *state = fpu;
		memcpy(state, record->vregs, sizeof(record->vregs));
		memcpy(state + 512, &record->fpsr, sizeof(record->fpsr));
		memcpy(state + 516, &record->fpcr, sizeof(record->fpcr));
	}
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
