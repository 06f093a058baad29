// SPDX-License-Identifier: MIT
// What fast and slow path share.
#pragma once

#include <ipc/endpoint.h>
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

/** The register path knows words and label. */
static always_inline bool ipc_tag_is_valid(uint64_t tag)
{
	return !(tag >> 32);
}

/** The one end of a blocked operation by anything but a message: @status and @tag_bits go into the
 *  frame, the thread becomes ready. The caller has claimed it (unlinked it under the endpoint's lock,
 *  or won its `server` word). */
void ipc_complete(struct thread *thread, err_t status, uint64_t tag_bits);
