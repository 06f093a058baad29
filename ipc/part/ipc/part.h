// SPDX-License-Identifier: MIT
// ipc's part of a thread.
#pragma once

#include <hal/atomic.h>
#include <lib/list.h>
#include <lib/types.h>

struct endpoint;
struct thread;
struct grant;

/** What the thread is doing in an endpoint operation. Changes under the endpoint's lock; a thread in
 *  any state but IDLE is blocked in the user kind and is completed by ipc_complete(). */
enum ipc_state {
	IPC_IDLE,
	IPC_SENDING, // queued at an endpoint: request not taken
	IPC_RECEIVING, // queued at an endpoint
	IPC_AWAITING_REPLY, // request taken; a server holds the right to reply
};

struct ipc_part {
	_Atomic uint32_t state; // enum ipc_state
	uint32_t is_call; // SENDING: wants a reply (IPC_CALL) or not (IPC_SEND)
	struct endpoint *endpoint; // where it is queued, or was taken from
	struct list node; // in the endpoint's queue
	uint64_t badge; // of the grant that the request came through
	/** The one-shot reply right of this thread as a server: the caller that waits for it, and of
	 *  this thread as a caller: the server that holds it. Both or neither; under reply_lock of
	 *  the caller's endpoint. */
	struct thread *reply_to;
	struct thread *server;
};
