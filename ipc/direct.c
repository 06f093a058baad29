// SPDX-License-Identifier: MIT
// The switch to who was woken, at once and without a look at the run queue for who is next: what a signal
// and a one-way message do that a thread of higher priority waits for. The same outcome as that of a wake
// and a preemption on the way to user mode, which is what happens in all other cases.
#include "internal.h"

void ipc_leave_to(struct hal_percpu *cpu, struct thread *prev, struct thread *next)
{
	struct mm_space *space = next->mm.space;
	hal_context_set_user(&prev->context);
	if (likely(mm_space_is_fast(cpu, space)))
		mm_space_activate_fast(cpu, space);
	else
		mm_space_activate(space);
	hal_context_swap_tls(&prev->context, &next->context);
	hal_context_enter_other(next->tf, &prev->on_cpu);
}

void ipc_wake_direct(struct thread *next)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	if (sched_give_way(cpu, self, next))
		ipc_leave_to(cpu, self, next);
	sched_wake(next);
}
