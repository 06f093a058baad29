// SPDX-License-Identifier: MIT
// The argument block of an operation: read once, kept in kernel memory until the operation ends.
//
// A blocked thread keeps nothing on its kernel stack, so the copy is allocated, with the thread's first
// block and until its exit. It is in use until the thread comes back to its own context: to the end of the call,
// or, if it had blocked, to its way to user mode (IPC_PENDING), or to its exit. Until then the timer cannot end
// another operation than its own: the next one begins after timer_cancel_sync().
#include "internal.h"

#include <kernel/assert.h>
#include <mm/slab.h>
#include <mm/ucopy.h>
#include <uapi/errno.h>

static struct slab_cache *args_cache;

void ipc_args_init(void)
{
	args_cache = slab_cache_create("ipc-args", sizeof(struct ipc_args), 16);
}

static void timed_out(struct timer *timer)
{
	ipc_end_wait(container_of(timer, struct ipc_args, timer)->thread, -ETIMEDOUT);
}

static err_t check(const struct ipc_block *block)
{
	if (block->send_bytes > IPC_BYTES_MAX || block->recv_bytes > IPC_BYTES_MAX)
		return -EMSGSIZE;
	if (block->send_fd_count > IPC_FDS_MAX || block->recv_fd_count > IPC_FDS_MAX)
		return -EINVAL;
	bool is_ok = mm_user_range_ok(block->send_at, block->send_bytes) &&
		     mm_user_range_ok(block->recv_at, block->recv_bytes);
	return is_ok ? 0 : -EFAULT;
}

static struct ipc_args *memory_of(struct thread *self)
{
	struct ipc_args *args = self->ipc.args_memory;
	if (likely(args))
		return args;
	args = slab_alloc(args_cache);
	if (!args)
		return NULL;
	*args = (struct ipc_args){.thread = self, .retry = IPC_IDLE};
	timer_init(&args->timer, timed_out);
	self->ipc.args_memory = args;
	return args;
}

err_t ipc_args_begin(const struct trapframe *tf)
{
	struct thread *self = current_thread();
	if (likely(!(hal_tf_ipc_tag(tf) & IPC_TAG_BLOCK)))
		return 0;
	struct ipc_args *args = memory_of(self);
	if (!args)
		return -ENOMEM;
	args->at = hal_tf_ipc_word(tf, 0);
	err_t err = mm_copy_in(&args->block, args->at, sizeof(args->block));
	if (!err)
		err = check(&args->block);
	if (err)
		return err;
	args->carried = 0;
	self->ipc.args = args;
	return 0;
}

void ipc_args_block(struct thread *self)
{
	struct ipc_args *args = self->ipc.args;
	fetch_or_acq_rel(&self->pending, IPC_PENDING);
	if (args->is_timed || args->block.deadline == IPC_NEVER)
		return;
	args->is_timed = true;
	timer_set(&args->timer, args->block.deadline);
}

void ipc_args_end(void)
{
	struct thread *self = current_thread();
	struct ipc_args *args = self->ipc.args;
	if (!args)
		return;
	if (args->is_timed)
		timer_cancel_sync(&args->timer);
	args->is_timed = false;
	fetch_and_acq_rel(&self->pending, ~IPC_PENDING);
	self->ipc.args = NULL;
}

void ipc_args_end_for(struct thread *thread)
{
	struct ipc_args *args = thread->ipc.args;
	if (likely(!args) || args->is_timed)
		return;
	thread->ipc.args = NULL;
	fetch_and_acq_rel(&thread->pending, ~IPC_PENDING);
}

void ipc_args_await_reply(struct thread *self)
{
	const struct ipc_block *block = &self->ipc.args->block;
	if (block->deadline == IPC_NEVER && !(block->recv_bytes | block->recv_fd_count))
		ipc_args_end();
	else
		ipc_args_block(self);
}

void ipc_args_thread_exit(void)
{
	struct thread *self = current_thread();
	ipc_args_end();
	if (self->ipc.args_memory)
		slab_free(args_cache, self->ipc.args_memory);
	self->ipc.args_memory = NULL;
}
