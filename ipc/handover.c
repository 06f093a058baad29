// SPDX-License-Identifier: MIT
// Calls and replies of registers between two CPUs: the fast path where the partner may not run here, but waits on a
// CPU that idles and polls. It is handed over to that one (sched/handover.c), and current blocks as on the slow path.
// Every test first; any doubt goes to the slow path, which begins anew.
//
// Both are entered with the endpoint locked and its descriptor looked up, and return, with that let go, only if it is
// for the slow path.
#include "internal.h"

#include <sched/direct.h>
#include <sched/sched.h>

void ipc_call_elsewhere(struct trapframe *tf, struct endpoint *ep, struct grant *grant)
{
	struct thread *self = current_thread();
	struct thread *server = list_entry(ep->receivers.next, struct thread, ipc.node);
	if (list_is_empty(&ep->receivers) || load_relaxed(&server->pending) ||
	    load_relaxed(&server->sched.rank) < load_relaxed(&self->sched.rank))
		goto unlock;
	struct runq *there = sched_hand_over_begin(server);
	if (!there)
		goto unlock;
	// Against a signal: our state is seen before we look for one (endpoint.c).
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, IPC_AWAITING_REPLY);
	fence_seq_cst();
	if (unlikely(load_relaxed(&self->pending))) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		sched_hand_over_cancel(there);
		goto unlock;
	}

	// ---- point of no return ----
	list_remove(&server->ipc.node);
	store_relaxed(&server->ipc.reply_to, self);
	store_relaxed(&self->ipc.server, server);
	ipc_copy_request(server->tf, tf, self->proc.ids, grant->badge);
	sched_prepare_block(); // before the server can reply
	// Who has set `pending` since we looked finds it RUNNING, if not in its operation any more.
	store_release(&server->ipc.state, IPC_IDLE);
	sched_hand_over(there, server);
	spin_unlock(&ep->lock);
	sched_block_user();
unlock:
	spin_unlock(&ep->lock);
}

void ipc_reply_recv_elsewhere(struct trapframe *tf, struct endpoint *ep, struct grant *grant)
{
	struct thread *self = current_thread(), *caller = load_relaxed(&self->ipc.reply_to);
	void *expected = self;
	struct runq *there = NULL;
	// As in upcall_ipc_reply_recv().
	if (load_relaxed(&self->ipc.serves_fast) != ep || !list_is_empty(&ep->senders) ||
	    !list_is_empty(&ep->receivers) || ep->is_notified || !load_relaxed(&grant->rights) ||
	    load_relaxed(&caller->pending))
		goto unlock;
	self->ipc.grant = grant;
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, IPC_RECEIVING);
	fence_seq_cst();
	if (likely(!load_relaxed(&self->pending)))
		there = sched_hand_over_begin(caller);
	if (unlikely(!there || !cas_acq_rel(&caller->ipc.server, &expected, NULL))) {
		if (there)
			sched_hand_over_cancel(there);
		store_relaxed(&self->ipc.state, IPC_IDLE);
		goto unlock;
	}

	// ---- point of no return: the reply right is used ----
	store_relaxed(&self->ipc.reply_to, NULL);
	list_push_back(&ep->receivers, &self->ipc.node);
	ipc_copy_reply(caller->tf, tf);
	sched_prepare_block(); // before the caller can call again
	store_release(&caller->ipc.state, IPC_IDLE); // as above
	sched_hand_over(there, caller);
	spin_unlock(&ep->lock);
	sched_block_user();
unlock:
	spin_unlock(&ep->lock);
}
