// SPDX-License-Identifier: MIT
// System-call dispatch: everything that is not on the IPC fast path comes through here. Every system
// call pays for each instruction, so what is rare is out of line.
#include <hal/atomic.h>
#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <kernel/syscall.h>
#include <kernel/upcall.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

#define IPC_NR_COUNT (IPC_NR_LAST - IPC_NR_FIRST + 1)

const linux_syscall_fn *_Atomic linux_syscall_table = linux_syscalls;

static no_inline void finish_special(struct trapframe *tf, int64_t result)
{
	if (result < -ERESTART_RESTARTBLOCK || result > -ERESTARTSYS)
		hal_tf_set_result(tf, result);
	else
		upcall_finish_syscall(tf, result);
}

/** Out of line, so that the usual way need not keep the frame for it. */
static no_inline void exit_current(void)
{
	exit_user_work(upcall_current_frame());
}

static inline void finish(void)
{
	hal_irq_disable();
	if (unlikely(load_relaxed(&hal_percpu()->resched)))
		exit_current();
}

void upcall_native(struct trapframe *tf)
{
	uint64_t nr = hal_tf_syscall_nr(tf);
	hal_irq_enable();
	if (likely(nr - IPC_NR_FIRST < IPC_NR_COUNT))
		native_syscalls[nr - IPC_NR_FIRST](tf);
	else
		upcall_unknown_syscall(tf, nr);
	finish();
}

static always_inline void dispatch(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
				   uint64_t f, struct trapframe *tf, uint64_t nr)
{
	hal_irq_enable();
	if (unlikely(nr >= LINUX_SYSCALLS)) {
		upcall_native(tf);
		return;
	}
	linux_syscall_fn fn = load_relaxed(&linux_syscall_table)[nr];
	if (unlikely(!fn)) {
		upcall_unknown_syscall(tf, nr);
		finish();
		return;
	}
	int64_t result = fn(a, b, c, d, e, f);
	if (likely(result >= 0))
		hal_tf_set_result(tf, result);
	else
		finish_special(tf, result);
	finish();
}

void upcall_syscall(struct trapframe *tf)
{
	dispatch(hal_tf_arg(tf, 0), hal_tf_arg(tf, 1), hal_tf_arg(tf, 2), hal_tf_arg(tf, 3),
		 hal_tf_arg(tf, 4), hal_tf_arg(tf, 5), tf, hal_tf_syscall_nr(tf));
}

void upcall_syscall_args(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
			 struct trapframe *tf, uint64_t nr)
{
	dispatch(a, b, c, d, e, f, tf, nr);
}
