// SPDX-License-Identifier: MIT
// System-call dispatch: everything that is not on the IPC fast path comes through here.
#include <hal/irqflags.h>
#include <hal/trapframe.h>
#include <kernel/upcall.h>
#include <uapi/ipc.h>

void upcall_syscall(struct trapframe *tf)
{
	hal_irq_enable();
	uint64_t nr = hal_tf_syscall_nr(tf);
	if (unlikely(nr - IPC_NR_FIRST <= IPC_NR_LAST - IPC_NR_FIRST))
		upcall_native_syscall(tf);
	else
		upcall_linux_syscall(tf);
	hal_irq_disable();
	exit_user_work(tf);
}
