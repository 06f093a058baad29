// SPDX-License-Identifier: MIT
// The switch to who was woken, at once and without a look at the run queue for who is next: what a signal
// and a one-way message do that a thread of higher priority waits for. The same outcome as that of a wake
// and a preemption on the way to user mode, which is what happens in all other cases.
#include "internal.h"

void ipc_wake_direct(struct thread *next)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	if (!mm_space_is_fast(cpu, next->mm.space) || !sched_give_way(cpu, self, next)) {
		sched_wake(next);
		return;
	}
	ipc_switch_to(cpu, self, next);
	hal_context_enter_other(next->tf, &self->on_cpu);
}
