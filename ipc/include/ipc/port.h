// SPDX-License-Identifier: MIT
// Ports: bounded queues of messages in order of arrival. Channels: two ports back to back.
#pragma once

#include <hal/trapframe.h>
#include <lib/list.h>
#include <object/grant.h>
#include <object/poll.h>
#include <sched/waitq.h>
#include <uapi/ipc.h>

struct ipc_message {
	struct list node; // of a port's lists
	uint64_t tag, badge, sender;
	uint64_t words[IPC_TAG_WORDS_MAX];
	uint32_t grant_count;
	struct grant *grants[IPC_FDS_MAX]; // each holds a reference
	struct port *inner[IPC_FDS_MAX]; // what the grant can receive from; NULL: no port
};

struct port {
	struct object object; // first: a grant's object pointer is the port's
	/** Its lock = l. Senders wait while the queue is full, receivers while it is empty: never
	 *  both. Keys point to struct port_wait. */
	struct sched_waitq wq;
	struct list free, normal, urgent; // struct ipc_message (l)
	struct ipc_message *messages; // the storage
	uint32_t capacity;
	uint32_t count; // queued (l)
	uint32_t is_closed; // nobody can receive any more (l)
	uint32_t is_ended; // nobody can send any more (l)
	_Atomic uint32_t send_grants, recv_grants; // living grants with the right
	/** Grants that can receive from other ports, in this one's messages; and this one's in messages of
	 *  others. One of the two is 0, so ports are never in each other. (nesting lock) */
	uint32_t holds, held;
	struct poll_source poll; // POLLIN: a message is queued; POLLHUP: ended
	struct poll_source *send_poll; // POLLOUT: there is room; POLLERR: closed. Mostly the same one
	struct quiesce quiesce;
};

/** One end of a channel: it sends into one port and receives from the other. */
struct channel_end {
	struct object object; // first
	struct port *out, *in; // hold references
	struct quiesce quiesce;
};

/** A port for @capacity messages (0 = IPC_PORT_CAPACITY); *@grant (refs 1) has all rights. -EINVAL
 *  (more than IPC_PORT_CAPACITY_MAX), -ENOMEM. */
must_check err_t ipc_port_create(uint64_t capacity, struct grant **grant);
/** A channel: two ends, which hold @capacity messages each way. The same errors. */
must_check err_t ipc_channel_create(uint64_t capacity, struct grant *grants[2]);

/** The operations on current's frame @tf: number as in uapi/ipc.h, on a port or an end of a channel. They
 *  write the result into the frame. Interrupts on; may sleep. */
void ipc_port_send(struct trapframe *tf);
void ipc_port_try_send(struct trapframe *tf);
void ipc_port_recv(struct trapframe *tf);
void ipc_port_try_recv(struct trapframe *tf);

// ---- for channel.c --------------------------------------------------------------------------------

/** A port with no grant but one that can send and one that can receive, which the caller makes. */
size_t port_bytes(uint64_t capacity); // that it takes
must_check err_t port_alloc(uint64_t capacity, struct port **port);
/** One more grant can send to / receive from @port; one less: with the last one it ends / closes. */
void port_add_grants(struct port *to, struct port *from, uint32_t rights);
void port_drop_grants(struct port *to, struct port *from, uint32_t rights);
/** Ready events of what sends to @to and receives from @from. */
uint32_t port_ready(struct port *to, struct port *from);
