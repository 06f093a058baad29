// SPDX-License-Identifier: MIT
// The switch to who was woken, at once and without a look at the run queue for who is next: what a signal
// and a one-way message do that a thread of higher priority waits for. The same outcome as that of a wake
// and a preemption on the way to user mode, which is what happens in all other cases.
#include "internal.h"

#include <object/fdtable.h>

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

bool ipc_send_direct(struct trapframe *tf)
{
	struct thread *self = current_thread();
	if (!ipc_tag_is_valid(hal_tf_ipc_tag(tf)))
		return false;
	hal_irq_disable(); // no switch: what is looked up stays
	struct grant *grant = fd_lookup_wide(self->object.fds, hal_tf_ipc_fd(tf));
	if (!grant || !grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_SEND))
		return false;
	struct endpoint *ep = ipc_endpoint_of(grant);
	spin_lock(&ep->lock);
	struct thread *receiver = list_entry(ep->receivers.next, struct thread, ipc.node);
	if (list_is_empty(&ep->receivers)) {
		spin_unlock(&ep->lock);
		return false;
	}
	list_remove(&receiver->ipc.node);
	ipc_copy_request(receiver->tf, tf, self->proc.ids, grant->badge);
	store_relaxed(&receiver->ipc.reply_to, NULL);
	store_release(&receiver->ipc.state, IPC_IDLE);
	spin_unlock(&ep->lock);
	hal_tf_set_result(tf, 0);
	ipc_wake_direct(receiver);
	return true;
}
