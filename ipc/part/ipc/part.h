// SPDX-License-Identifier: MIT
// ipc's part of a thread.
#pragma once

#include <hal/atomic.h>
#include <lib/list.h>
#include <lib/types.h>
#include <sched/pi.h>
#include <sched/wait.h>

struct endpoint;
struct grant;
struct ipc_args;
struct notification;
struct thread;

/** Bit of thread.pending: an operation with an argument block has ended. Set before such a thread
 *  blocks, so that the fast path does not resume it and that it comes by ipc_args_end() on its way out. */
#define IPC_PENDING (1u << 31)

#define IPC_HOLDER_SAVED 1u // in ipc_part.server

/** What the thread is doing in an endpoint operation. In any state but IDLE it is blocked in the user
 *  kind (or about to be, with the endpoint's lock held) and is ended by ipc_complete() only. */
enum ipc_state {
	IPC_IDLE,
	IPC_SENDING, // queued at an endpoint: request not taken
	IPC_RECEIVING, // queued at an endpoint
	IPC_AWAITING_REPLY, // request taken; `server` holds the right to reply
	IPC_WAITING, // queued at a notification
	IPC_CLAIMED, // a partner copies its long message or descriptors; nobody else may end the wait
};

struct ipc_part {
	_Atomic uint32_t state; // enum ipc_state
	uint32_t wants_reply; // SENDING: IPC_CALL and not IPC_SEND
	/** Where it is queued or was taken from. May be stale in AWAITING_REPLY: endpoints are
	 *  type-stable memory, so even then its lock may be taken. */
	struct endpoint *_Atomic endpoint;
	struct list node; // in the endpoint's queue (its lock)
	struct notification *_Atomic notification; // WAITING: where (its lock; valid while linked)
	struct sched_wait wait; // WAITING: in its queue (its lock)
	/** SENDING, RECEIVING, WAITING: what the operation came through, valid while the thread is linked: before
	 *  a grant dies, such operations are ended. And its badge. */
	struct grant *grant;
	uint64_t badge;
	uint32_t is_revoked; // CLAIMED: meanwhile that grant has died (endpoint's lock)
	/** AWAITING_REPLY: who may reply, a thread, or a struct ipc_reply's address plus IPC_HOLDER_SAVED.
	 *  Whoever changes it from its value to NULL by
	 *  compare-and-exchange (reply, death of the server, signal, kill) ends the wait. */
	void *_Atomic server;
	/** As a server: the caller of the last request, the one-shot reply right. Own thread only.
	 *  Valid only while that thread's `server` is this thread: threads are type-stable memory. */
	struct thread *_Atomic reply_to;
	/** As a server: of which endpoint, that is where it received last; and the same as long as nothing is
	 *  lent to it, else NULL (that one's lock). */
	struct endpoint *_Atomic serves, *_Atomic serves_fast;
	struct list serving; // among that endpoint's servers (its lock)
	struct sched_pi callers; // what they give it is its floor (inherit.c)
	struct list pi_owned; // PI futexes that it owns and others wait for (futex_pi.c)
	uint32_t is_pi_closed; // it ends: it can own none any more (lock of pi_owned)
	/** The argument block of the present operation, NULL = none. Others look at it only while the
	 *  thread is blocked and theirs: off the queue, or their word in `server` replaced. */
	struct ipc_args *args;
	struct ipc_args *args_memory; // kept from the first one to the thread's end
};
