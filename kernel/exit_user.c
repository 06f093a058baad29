// SPDX-License-Identifier: MIT
// The last stop before user mode. One word per CPU says that there is something to do: reschedule,
// or look at current's `pending` word (signals, stop, death). Whoever sets `pending` sets the word of
// the CPU that runs the thread, and a switch to a thread with pending work sets it too; so a system
// call that leaves nothing behind pays one load. Entry code restores the frame right after, with
// interrupts still off: nothing is missed.
#include <hal/atomic.h>
#include <hal/trapframe.h>
#include <kernel/assert.h>
#include <kernel/upcall.h>

void exit_user_work(struct trapframe *tf)
{
	assert_irqs_off();
	while (unlikely(load_relaxed(&hal_percpu()->resched))) {
		upcall_reschedule();
		if (!upcall_has_pending_work())
			continue;
		hal_irq_enable();
		upcall_pending_work(tf);
		hal_irq_disable();
	}
}

void upcall_user_resume(struct trapframe *tf)
{
	upcall_finish_switch();
	exit_user_work(tf);
}
