// SPDX-License-Identifier: MIT
// What fast and slow path share.
#pragma once

#include <hal/context.h>
#include <ipc/endpoint.h>
#include <kernel/time.h>
#include <mm/space.h>
#include <mm/ucopy.h>
#include <sched/direct.h>
#include <sched/thread.h>

/** Put the request of @from, sent through a grant with @badge, into the frame @to of a receiver. The
 *  frames are given so that the compiler need not read the threads again after each store. */
static always_inline void ipc_copy_request(struct trapframe *to, const struct trapframe *from,
					   uint64_t ids, uint64_t badge)
{
	uint64_t tag = hal_tf_ipc_tag(from);
	hal_tf_set_result(to, 0);
	hal_tf_set_ipc_tag(to, tag);
	hal_tf_set_ipc_badge(to, badge);
	hal_tf_set_ipc_sender(to, ids);
	if (tag & 0xf)
		hal_tf_copy_ipc_words(to, from, tag & 0xf); // above 8: as 8
}

/** Put the reply in @from into the frame @to of a caller: status, tag and words only. */
static always_inline void ipc_copy_reply(struct trapframe *to, const struct trapframe *from)
{
	uint64_t tag = hal_tf_ipc_tag(from);
	hal_tf_set_result(to, 0);
	hal_tf_set_ipc_tag(to, tag);
	if (tag & 0xf)
		hal_tf_copy_ipc_words(to, from, tag & 0xf); // above 8: as 8
}

/** The fast path knows words and label. */
static always_inline bool ipc_tag_is_valid(uint64_t tag)
{
	return !(tag >> 32);
}

/** The one end of a blocked operation by anything but a message: @status and @tag_bits go into the
 *  frame, the thread becomes ready. The caller has claimed it (unlinked it under the endpoint's lock,
 *  or won its `server` word). */
void ipc_complete(struct thread *thread, err_t status, uint64_t tag_bits);

/** End whatever endpoint operation @thread is blocked in with @status, if it still waits and nobody has
 *  claimed it. Any context. */
void ipc_end_wait(struct thread *thread, err_t status);

/** The same for one that waited at a notification just now. Interrupts off since then. */
void ipc_end_notification_wait(struct thread *thread, err_t status);

/** @wait, at a notification, is of a thread that waits in the user kind. */
static inline bool ipc_is_user_wait(const struct sched_wait *wait)
{
	return !wait->key;
}

/** The grant that @thread waits through has died, or dies (lock of where it waits held). */
static inline bool ipc_is_dead(const struct thread *thread)
{
	return !load_relaxed(&thread->ipc.grant->rights);
}

/** @thread, about to block, has something to look at first. */
static inline bool ipc_is_disturbed(const struct thread *thread)
{
	return load_relaxed(&thread->pending) & ~IPC_PENDING;
}

/** current backs out because it is disturbed: it looks at that before user mode, though whoever has set
 *  `pending` may not have told this CPU yet. -EINTR. */
err_t ipc_back_out(void);

/** Take the right to reply to @caller from @holder: true for exactly one of all who try. */
bool ipc_claim_caller(struct thread *caller, void *holder);
/** Answer @caller with current's frame @tf by the right that @holder has. 0; -EPIPE: it has left, or could
 *  not take the answer; -EINVAL, -EMSGSIZE, -EFAULT, -EBADF, -EPERM: the right stays. May sleep. */
must_check err_t ipc_answer(const struct trapframe *tf, struct thread *caller, void *holder);

// ---- fastpath.c, longpath.c -----------------------------------------------------------------------

/** @next is a blocked thread of the user kind that may run here, in @space, now, instead of @self, and has nothing to
 *  look at first but @known. */
static always_inline bool ipc_may_switch_to(struct hal_percpu *cpu, struct thread *self, struct thread *next,
					    struct mm_space *space, uint32_t known)
{
	return sched_direct_ok(cpu, self, next) && mm_space_is_fast(cpu, space) &&
	       load_relaxed(&next->pending) == known;
}

/** Run @next with the frame @tf in @space here instead of @prev, which is in the user kind from now on:
 *  everything but the frame, which entry code swaps. */
static always_inline struct upcall_resume ipc_switch_to(struct hal_percpu *cpu, struct thread *prev,
							struct thread *next, struct trapframe *tf,
							struct mm_space *space)
{
	hal_context_set_user(&prev->context);
	if (space != prev->mm.space)
		mm_space_activate_fast(cpu, space);
	hal_context_swap_tls(&prev->context, &next->context);
	return (struct upcall_resume){tf, &prev->on_cpu};
}

/** upcall_ipc_call() of what is perhaps a call with a long message, the slow path included. */
struct upcall_resume ipc_call_long(struct trapframe *tf);

// ---- handover.c -----------------------------------------------------------------------------------

/** The rest of upcall_ipc_call() and _reply_recv() for a partner that waits on another CPU; through @grant to @ep,
 *  which is locked. Returns, with that let go, only if it is for the slow path. */
void ipc_call_elsewhere(struct trapframe *tf, struct endpoint *ep, struct grant *grant);
void ipc_reply_recv_elsewhere(struct trapframe *tf, struct endpoint *ep, struct grant *grant);

// ---- inherit.c ------------------------------------------------------------------------------------

/** Give @server the rank that its callers have now, or take it back; and whom it waits for, and so on. No
 *  endpoint's lock held. Any context. */
void ipc_lend(struct thread *server);
/** The same for all who serve @ep. */
void ipc_lend_to_servers(struct endpoint *ep);
extern struct spinlock ipc_lending;
/** @server, whose reply right has gone, keeps nothing of what was lent for it. */
static inline void ipc_lend_back(struct thread *server)
{
	fence_seq_cst();
	if (unlikely(load_relaxed(&server->ipc.callers.floor) | spin_is_locked(&ipc_lending)))
		ipc_lend(server);
}

/** Would @caller's coming or going change the rank of a server of @ep? Lock held. */
bool ipc_servers_wait_for(struct endpoint *ep, const struct thread *caller);
/** current receives at @ep from now on; NULL: nowhere. Interrupts off. */
void ipc_serve(struct endpoint *ep);
/** @ep ends (lock held). */
void ipc_serve_none(struct endpoint *ep);

// ---- endpoint.c -----------------------------------------------------------------------------------

/** @thread, whose rank has changed, waits in the place that it has now, if it is queued at @ep. True: it is
 *  a sender there. Interrupts off. */
bool ipc_requeue(struct endpoint *ep, struct thread *thread);

// ---- reply.c --------------------------------------------------------------------------------------

void ipc_reply_init(void);
/** A send to a descriptor that may be a saved reply right: as ipc_answer(), -EBADF if it is none. */
must_check err_t ipc_reply_through(const struct trapframe *tf);

// ---- attach.c -------------------------------------------------------------------------------------

/** current receives from @ep, whose notification has something to tell (lock held, and released): true, and
 *  the frame has it; or false: try again. */
bool ipc_take_notification(struct trapframe *tf, struct endpoint *ep, irqflags_t flags);
/** @ep goes away. */
void ipc_detach(struct endpoint *ep);

// ---- args.c ---------------------------------------------------------------------------------------

/** An operation's argument block in kernel memory. */
struct ipc_args {
	struct timer timer; // of the deadline
	struct thread *thread;
	uaddr_t at; // of the block
	bool is_timed; // own; the timer was set
	enum ipc_state retry; // woken without a result: begin SENDING or RECEIVING again (put_back())
	uint64_t carried; // IPC_TAG_FDS and _BYTES of what was sent
	struct ipc_block block;
};

void ipc_args_init(void);
/** Read the block that current's tag in @tf announces, if it does: 0, -EFAULT, -ENOMEM, -EINVAL,
 *  -EMSGSIZE (more than a message can be). */
must_check err_t ipc_args_begin(const struct trapframe *tf);
/** current, with an argument block, is about to block: the deadline counts, and the way back is by
 *  ipc_resume(). Interrupts off. */
void ipc_args_block(struct thread *self);
/** Until when @thread may stay blocked. */
static inline nsec_t ipc_deadline(const struct thread *thread)
{
	return thread->ipc.args ? thread->ipc.args->block.deadline : NSEC_NEVER;
}

/** The same where current waits for the reply to a request that was taken: a block that has nothing more
 *  to say ends. */
void ipc_args_await_reply(struct thread *self);
/** current's operation has ended. */
void ipc_args_end(void);
/** current ends or execs. */
void ipc_args_thread_exit(void);
/** The same for @thread, which is blocked and the caller's to complete; it does the rest itself if a timer was
 *  set, which may be running. */
void ipc_args_end_for(struct thread *thread);

/** @thread's message is more than registers. */
static inline bool ipc_has_cargo(const struct thread *thread)
{
	const struct ipc_args *args = thread->ipc.args;
	return unlikely(args) && (args->block.send_bytes | args->block.send_fd_count);
}

/** After ipc_copy_request() or ipc_copy_reply(): what @from's argument block adds to the frame of @to. */
static inline void ipc_copy_args(struct trapframe *to, const struct thread *from)
{
	const struct ipc_args *args = from->ipc.args;
	uint64_t tag = hal_tf_ipc_tag(from->tf);
	if (likely(!args))
		return;
	hal_tf_set_ipc_tag(to, (tag & UINT32_MAX) | args->carried);
	if (tag & 0xf)
		hal_tf_set_ipc_word(to, 0, args->block.word0);
}

// ---- transfer.c -----------------------------------------------------------------------------------

struct ipc_cargo {
	struct thread *from, *to; // one is current, the other claimed
	struct grant *grants[IPC_FDS_MAX]; // with a reference
	int slots[IPC_FDS_MAX]; // reserved in @to's table
	unsigned grant_count, slot_count;
};

/** Do current's descriptors for sending exist, and may they be sent? -EBADF, -EPERM. */
must_check err_t ipc_cargo_check(const struct thread *self);
/** All of a transfer that can fail. After an error nothing is left of it but bytes in the receiver's
 *  buffer; *@is_receivers: the reason lies with @to (-EMSGSIZE, -EFAULT, -EMFILE, -ENOMEM), else with
 *  @from (-EFAULT, -EBADF, -EPERM). May sleep. */
must_check err_t ipc_cargo_prepare(struct thread *from, struct thread *to, struct ipc_cargo *cargo,
				   bool *is_receivers);
void ipc_cargo_cancel(struct ipc_cargo *cargo);
/** The rest: descriptors change hands. */
void ipc_cargo_commit(struct ipc_cargo *cargo);
