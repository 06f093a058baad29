// SPDX-License-Identifier: MIT
// Endpoints: rendezvous between threads. See endpoint.c for the states and who may change them.
#pragma once

#include <hal/trapframe.h>
#include <kernel/lock.h>
#include <lib/list.h>
#include <object/grant.h>
#include <object/poll.h>
#include <uapi/ipc.h>

struct notification;
struct thread;

/** Type-stable memory: a pointer to one that was destroyed still points to an endpoint's lock. */
struct endpoint {
	struct object object; // first: a grant's object pointer is the endpoint's
	struct spinlock lock; // l
	_Atomic uint32_t recv_grants; // living grants with IPC_RIGHT_RECV; closed at 0
	struct list receivers; // threads in IPC_RECEIVING, FIFO within priority (l)
	struct list senders; // threads in IPC_SENDING, FIFO within priority (l)
	struct list servers; // threads that received here last (l)
	struct list claimed; // threads in IPC_CLAIMED that were in one of the two (l)
	uint32_t is_closed; // (l)
	uint32_t is_notified; // bits of the notification wait for a receiver: not on the fast path (l)
	struct notification *notification; // that receivers also get; holds a reference; NULL = none (l)
	struct poll_source poll; // POLLIN: a sender is queued; POLLHUP: closed. Notified without the lock
	struct quiesce quiesce; // its memory is freed when no look-up can lead to it
};
static_assert(CONFIG_DEBUG || sizeof(struct endpoint) + sizeof(struct grant) <= 256, "what an idle endpoint costs");

#define IPC_RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)

void ipc_init(void);

/** A new endpoint; *@grant (refs 1) has all rights. -ENOMEM. */
must_check err_t ipc_endpoint_create(struct grant **grant);

/** The blocking operations on current's frame @tf, number as in uapi/ipc.h. They write the result into
 *  the frame, or block the thread in the user kind and do not return. Interrupts on. */
enum ipc_mode { IPC_BLOCKING, IPC_TRY };
void ipc_call(struct trapframe *tf, enum ipc_mode mode);
void ipc_send(struct trapframe *tf, enum ipc_mode mode);
void ipc_recv(struct trapframe *tf, enum ipc_mode mode);
void ipc_reply(struct trapframe *tf);
void ipc_reply_recv(struct trapframe *tf);
/** The reply right in current's slot becomes a descriptor, through which one send answers; it is closed
 *  then, or by whoever gives up: the caller gets -EPIPE. -ESRCH (empty slot), -EPIPE (the caller has
 *  left), -EMFILE, -ENOMEM (the right stays in the slot). */
must_check int ipc_reply_save(void);

/** current, whose operation had an argument block, was blocked in it and is on its way to user mode with
 *  the result in @tf: the rest of the operation. Does not return if it has to wait on. */
void ipc_resume(struct trapframe *tf);

/** The current thread ends or execs: its reply right is dropped, the caller gets -EPIPE. */
void ipc_thread_exit(void);

/** Receivers or senders of @ep, by priority and then by arrival. For the fast path and the tests. */
static inline struct endpoint *ipc_endpoint_of(struct grant *grant)
{
	return (struct endpoint *)grant->object;
}
