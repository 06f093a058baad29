// SPDX-License-Identifier: MIT
// What the files of ports share.
#pragma once

#include <ipc/port.h>
#include <kernel/time.h>

/** A sender or receiver that may have to block, on its stack. */
struct port_wait {
	struct ipc_message message; // to be sent; or received
	struct grant *grant; // that it goes through: alive while the wait is linked
	nsec_t deadline;
	uint32_t room; // descriptors that a receiver takes
	err_t status; // of the operation, when it was woken
};

/** The port that current's descriptor in @tf may use for @right, IPC_RIGHT_SEND or _RECV: 0, -EBADF, -EPERM.
 *  Interrupts off: no reference. */
must_check err_t port_find(const struct trapframe *tf, uint32_t right, struct port **port,
			   struct grant **grant);
/** Send, or receive, the message of @wait. Interrupts off; on afterwards. */
must_check err_t port_send(struct port *port, struct port_wait *wait, bool is_try);
must_check err_t port_recv(struct port *port, struct port_wait *wait, bool is_try);
void port_message_to_frame(struct trapframe *tf, const struct ipc_message *message);

// ---- port_block.c ---------------------------------------------------------------------------------

/** The operations with an argument block, or a bad tag. */
must_check err_t port_send_block(struct trapframe *tf, bool is_try);
must_check err_t port_recv_block(struct trapframe *tf, bool is_try);
/** @message, of @port, is dropped with its descriptors. May sleep. */
void port_release_grants(struct port *port, struct ipc_message *message);
