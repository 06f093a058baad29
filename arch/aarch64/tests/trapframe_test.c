// SPDX-License-Identifier: MIT
// A signal frame gives back all that user mode may set, and nothing that it may not.
#include <arch/sysreg.h>
#include <hal/fpu.h>
#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <lib/string.h>
#include <lib/test.h>
#include <uapi/errno.h>

static uint8_t context[288 + 4096] __attribute__((aligned(16)));
static uint8_t fpu_after[528] __attribute__((aligned(16)));

static void fill(struct trapframe *tf)
{
	for (unsigned i = 0; i < 31; i++)
		tf->x[i] = 0x1000 + i;
	tf->sp = 0x7000;
	tf->pc = 0x400000;
	tf->pstate = 0xful << 28;
	tf->esr = (uint64_t)EC_SVC64 << ESR_EC_SHIFT;
}

TEST(aarch64, sigcontext_round_trip)
{
	struct trapframe before, after = {0};
	fill(&before);
	EXPECT_EQ(hal_sigcontext_size(), sizeof(context));
	EXPECT_EQ(hal_sigcontext_save((uintptr_t)context, &before, false), 0);
	EXPECT_EQ(hal_sigcontext_restore(&after, (uintptr_t)context, false), 0);
	EXPECT(memcmp(before.x, after.x, sizeof(before.x)) == 0);
	EXPECT_EQ(after.sp, before.sp);
	EXPECT_EQ(after.pc, before.pc);
	EXPECT_EQ(after.pstate, before.pstate);
	EXPECT(!hal_tf_is_syscall(&after));
}

TEST(aarch64, sigcontext_grants_no_privilege)
{
	struct trapframe tf;
	fill(&tf);
	tf.pstate = ~0ul;
	EXPECT_EQ(hal_sigcontext_save((uintptr_t)context, &tf, false), 0);
	EXPECT_EQ(hal_sigcontext_restore(&tf, (uintptr_t)context, false), 0);
	EXPECT(hal_tf_is_user(&tf));
	EXPECT_EQ(tf.pstate & (PSR_MODE_MASK | PSR_DAIF | 1 << 4), 0);
}

TEST(aarch64, sigcontext_refuses_broken_records)
{
	static const uint32_t sizes[] = {0, 8, 4, 24, 4096, 4112, UINT32_MAX};
	struct trapframe tf;
	fill(&tf);
	for (size_t i = 0; i < array_len(sizes); i++) {
		EXPECT_EQ(hal_sigcontext_save((uintptr_t)context, &tf, false), 0);
		uint32_t head[2] = {0x12345678, sizes[i]};
		memcpy(context + 288, head, sizeof(head));
		EXPECT_EQ(hal_sigcontext_restore(&tf, (uintptr_t)context, false),
			  -EINVAL);
	}
}

// The unit is loaded from the record behind it.
TEST(aarch64, sigcontext_skips_other_records)
{
	struct trapframe tf;
	fill(&tf);
	memset(context, 0, sizeof(context));
	EXPECT_EQ(hal_sigcontext_save((uintptr_t)context, &tf, false), 0);
	memcpy(context + 288 + 32, context + 288, 16);
	uint32_t other[2] = {0x45535201, 32};
	memcpy(context + 288, other, sizeof(other));
	context[288 + 32 + 16 + 511] = 7;
	irqflags_t flags = hal_irq_save();
	if (!hal_percpu()->has_fpu) {
		hal_fpu_init_state(fpu_after);
		hal_fpu_restore(fpu_after);
		EXPECT_EQ(hal_sigcontext_restore(&tf, (uintptr_t)context, true), 0);
		hal_fpu_save(fpu_after);
		hal_fpu_disable();
		EXPECT_EQ(fpu_after[511], 7);
	}
	hal_irq_restore(flags);
}

TEST(aarch64, ipc_words_are_copied_by_count)
{
	for (unsigned n = 0; n <= 8; n++) {
		struct trapframe from, to = {0};
		fill(&from);
		hal_tf_copy_ipc_words(&to, &from, n);
		for (unsigned i = 0; i < 8; i++)
			EXPECT_EQ(hal_tf_ipc_word(&to, i), i < n ? hal_tf_ipc_word(&from, i) : 0);
		EXPECT_EQ(to.x[8], 0);
	}
}

TEST(aarch64, restarted_call_has_its_first_argument_again)
{
	struct trapframe tf;
	fill(&tf);
	tf.x0_in = 77;
	hal_tf_set_result(&tf, -EINTR);
	hal_tf_restart_syscall(&tf);
	EXPECT_EQ(tf.x[0], 77);
	EXPECT_EQ(tf.pc, 0x400000 - 4);
}
