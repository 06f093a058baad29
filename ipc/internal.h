// SPDX-License-Identifier: MIT
// What fast and slow path share.
#pragma once

#include <ipc/endpoint.h>
#include <sched/thread.h>

/** Stamp of the sender on a message. */
static inline uint64_t ipc_sender_id(const struct thread *thread)
{
	return (uint64_t)thread->proc.pid << 32 | thread->proc.tid;
}

/** Put the request of @from, sent through a grant with @badge, into the frame of receiver @to. */
static inline void ipc_copy_request(struct thread *to, struct thread *from, uint64_t badge)
{
	uint64_t tag = hal_tf_ipc_tag(from->tf);
	hal_tf_set_result(to->tf, 0);
	hal_tf_set_ipc_tag(to->tf, tag);
	hal_tf_set_ipc_badge(to->tf, badge);
	hal_tf_set_ipc_sender(to->tf, ipc_sender_id(from));
	hal_tf_copy_ipc_words(to->tf, from->tf, IPC_TAG_WORDS(tag));
}

/** Put the reply of @from into the frame of caller @to: status, tag and words only. */
static inline void ipc_copy_reply(struct thread *to, struct thread *from)
{
	uint64_t tag = hal_tf_ipc_tag(from->tf);
	hal_tf_set_result(to->tf, 0);
	hal_tf_set_ipc_tag(to->tf, tag);
	hal_tf_copy_ipc_words(to->tf, from->tf, IPC_TAG_WORDS(tag));
}

static inline bool ipc_tag_is_valid(uint64_t tag)
{
	return !(tag & ~IPC_TAG_VALID) && IPC_TAG_WORDS(tag) <= IPC_TAG_WORDS_MAX;
}

/** The one end of a blocked operation by anything but a message: @status and @tag_bits go into the
 *  frame, the thread becomes ready. The caller has claimed it (unlinked it under the endpoint's lock,
 *  or won its `server` word). */
void ipc_complete(struct thread *thread, err_t status, uint64_t tag_bits);
