// SPDX-License-Identifier: MIT
// The fast path of a call with a long message: no descriptors and no deadline, to a server that waits on this CPU
// with room for it. As in fastpath.c every test comes first and any doubt goes to the slow path, which begins anew.
//
// The argument block is read into the memory that the thread keeps for it, which nobody looks at before ipc.args
// names it. The message is copied from the caller's memory to the frames of the server's, under the endpoint's lock:
// so the server stays what it is, blocked in its receive, and need not be claimed. Nothing sleeps meanwhile: a page
// that is not there, on either side, is doubt, and so is the lock of the server's space if somebody has it. What a
// server finds in its buffer before a message is delivered means nothing to it.
//
// A server's own block ends with its receive; its caller's is kept until the reply if there is room for one.
//
// A long function on purpose, as those of fastpath.c.
#include "internal.h"

#include <kernel/upcall.h>
#include <object/fdtable.h>

/** Copied with interrupts off: no more than this. */
#define BYTES_MAX 4096u

/** What the path needs of a block: all up to the descriptors, which is as two times four words. */
#define BLOCK_HEAD offsetof(struct ipc_block, send_fds)
#define BLOCK_SECOND offsetof(struct ipc_block, send_at)
static_assert(BLOCK_HEAD == BLOCK_SECOND + MM_QUAD, "the last four words");

/** Read the block at @at: true if it is of this path, for a receiver with @room bytes. Faults are off. */
static always_inline bool read_block(struct ipc_args *args, uaddr_t at, uint32_t room)
{
	struct ipc_block *block = &args->block;
	const char *from = (const char *)(uintptr_t)at;
	args->at = at;
	// Near or beyond the end of what is handed out first it is for the slow path to say what fits.
	const vaddr_t highest = HAL_USER_NEAR_TOP - IPC_BYTES_MAX;
	bool is_quick = at <= highest && (HAL_CPU_UNALIGNED || is_aligned(at, sizeof(uint64_t)));
	if (unlikely(!is_quick ||
		     hal_load_user_quad((uint64_t *)block, (const uint64_t *)from) ||
		     hal_load_user_quad((uint64_t *)&block->send_at, (const uint64_t *)(from + BLOCK_SECOND))))
		return false;
	return likely(block->deadline == IPC_NEVER && block->send_bytes <= room && block->send_bytes <= BYTES_MAX &&
		      !(block->send_fd_count | block->recv_fd_count) && block->recv_bytes <= IPC_BYTES_MAX &&
		      block->send_at <= highest && block->recv_at <= highest);
}

/** Copy what @block sends to @there in @space, which is locked. False: not all of it. Faults are off. */
static always_inline bool copy_message(struct mm_space *space, vaddr_t there, const struct ipc_block *block)
{
	vaddr_t here = block->send_at;
	size_t left = block->send_bytes, part;
	for (; left > 0; left -= part, here += part, there += part) {
		size_t offset = there % HAL_PAGE_SIZE;
		part = min(left, HAL_PAGE_SIZE - offset);
		char *page;
		if (unlikely(!mm_writable_page(space, there, &page) ||
			     hal_copy_from_user(page + offset, (const void *)here, part)))
			return false;
	}
	return true;
}

/** Read the block at @at into @args and copy its message to @server. False: not as simply as that. Interrupts off. */
static always_inline bool take_message(struct hal_percpu *cpu, struct ipc_args *args, uaddr_t at,
				       struct thread *server)
{
	const struct ipc_block *room = &server->ipc.args->block;
	struct mm_space *space = server->mm.space;
	if (unlikely(!sched_read_trylock(&space->lock)))
		return false;
	mm_faults_off(cpu);
	bool is_taken = read_block(args, at, room->recv_bytes) && copy_message(space, room->recv_at, &args->block);
	mm_faults_on(cpu);
	sched_read_unlock(&space->lock);
	return is_taken;
}

static no_inline struct upcall_resume slow_path(struct trapframe *tf)
{
	upcall_native(tf);
	return (struct upcall_resume){tf, NULL};
}

struct upcall_resume ipc_call_long(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	struct ipc_args *args = self->ipc.args_memory;
	uint64_t tag = hal_tf_ipc_tag(tf);
	if (unlikely(tag >> 32 != IPC_TAG_BLOCK >> 32 || !args))
		return slow_path(tf);
	struct grant *grant = fd_lookup_wide(self->object.fds, hal_tf_ipc_fd(tf));
	if (unlikely(!grant || !grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_SEND)))
		return slow_path(tf);
	struct endpoint *ep = ipc_endpoint_of(grant);
	if (unlikely(!spin_trylock(&ep->lock)))
		return slow_path(tf);
	struct list *first = ep->receivers.next;
	struct thread *server = list_entry(first, struct thread, ipc.node);
	if (unlikely(first == &ep->receivers || !server->ipc.args || server->ipc.args->is_timed ||
		     !ipc_may_switch_to(cpu, self, server, server->mm.space, IPC_PENDING) ||
		     !take_message(cpu, args, hal_tf_ipc_word(tf, 0), server) ||
		     load_relaxed(&cpu->resched))) { // by who waited for the space's lock
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}
	// Against a signal: our state is seen before we look for one (endpoint.c).
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, IPC_AWAITING_REPLY);
	fence_seq_cst();
	if (unlikely(load_relaxed(&self->pending))) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}

	// ---- point of no return ----
	ep->receivers.next = first->next; // its node is linked anew before it is looked at again
	first->next->prev = &ep->receivers;
	server->ipc.args = NULL;
	fetch_and_acq_rel(&server->pending, ~IPC_PENDING);
	struct trapframe *to = server->tf;
	ipc_copy_request(to, tf, self->proc.ids, grant->badge);
	hal_tf_set_ipc_tag(to, (uint32_t)tag | (uint64_t)args->block.send_bytes << IPC_TAG_BYTES_SHIFT);
	if (tag & 0xf)
		hal_tf_set_ipc_word(to, 0, args->block.word0);
	if (args->block.recv_bytes) {
		self->ipc.args = args;
		fetch_or_acq_rel(&self->pending, IPC_PENDING);
	}
	store_relaxed(&server->ipc.reply_to, self);
	store_relaxed(&self->ipc.server, server);
	sched_direct_switch(cpu, self, server);
	// Who has set `pending` since we looked finds it RUNNING, if not in its operation any more.
	store_release(&server->ipc.state, IPC_IDLE);
	spin_unlock(&ep->lock);
	return ipc_switch_to(cpu, self, server, to, server->mm.space);
}

