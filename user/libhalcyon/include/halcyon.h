// SPDX-License-Identifier: MIT
// libhalcyon: Halcyon's native calls for any C program, with glibc, musl or no libc but errno. A
// descriptor is the capability; close, dup, fork, poll and mmap work on it as on any other.
//
// Every function returns -1 with errno set on error, unless said otherwise; what errno may be, and how
// the objects work, is in docs/ipc.md. C11, no state, thread-safe.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <uapi/ipc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a message is in registers. Label and number of words are in the tag: IPC_TAG(label, words). */
struct hc_message {
	uint64_t tag, words[IPC_TAG_WORDS_MAX]; // in and out
	uint64_t badge, sender; // out, of what was received: sender is pid << 32 | tid
};
static inline unsigned hc_label(const struct hc_message *m)
{
	return (unsigned)(m->tag >> IPC_TAG_LABEL_SHIFT) & 0x0fffffffu;
}

/** Native call @number as it is: its status, 0 or more, or a negative error; errno stays. */
long hc_native(long number, long fd, struct hc_message *m);

// ---- capabilities -----------------------------------------------------------------------------------

/** A child of @fd with fewer rights / and another badge. */
int hc_restrict(int fd, unsigned rights);
int hc_mint(int fd, unsigned rights, uint64_t badge);
/** hc_mint(), and @bits are set at @notification once nobody has a descriptor of the child any more. */
int hc_mint_told(int fd, unsigned rights, uint64_t badge, int notification, uint64_t bits);
/** hc_mint() of an endpoint for @rate messages a second, @burst of them at once; beyond that they fail
 *  with EAGAIN. The child shares it with its copies and descendants. */
int hc_mint_limited(int fd, unsigned rights, uint64_t badge, uint64_t rate, uint64_t burst);
/** End all descriptors of @fd's object with @badge, but @fd itself; for who can receive. */
int hc_revoke_badge(int fd, uint64_t badge);
/** End all descendants of @fd, everywhere, before it returns. */
int hc_revoke(int fd);
/** Clients get a descriptor of @fd with @rights by open(@path): those who may write to that file. */
int hc_publish(int fd, unsigned rights, const char *path, unsigned mode);
int hc_open(const char *path);

// ---- endpoints --------------------------------------------------------------------------------------

int hc_endpoint(void);
/** Send @m, wait for the answer, which replaces it. */
int hc_call(int fd, struct hc_message *m);
int hc_send(int fd, const struct hc_message *m);
int hc_recv(int fd, struct hc_message *m);
int hc_try_recv(int fd, struct hc_message *m);
/** The right to answer the caller of the last request, as a descriptor: hc_send() to it answers, once. */
int hc_reply_save(void);
/** Answer the caller of the last request; and then wait for the next one. */
int hc_reply(const struct hc_message *m);
int hc_reply_recv(int fd, struct hc_message *m);

/** With long messages, descriptors or a deadline: hc_block() gives an empty block. */
struct ipc_block hc_block(void);
int hc_call_with(int fd, struct hc_message *m, struct ipc_block *block);
int hc_recv_with(int fd, struct hc_message *m, struct ipc_block *block);
int hc_reply_recv_with(int fd, struct hc_message *m, struct ipc_block *block);

/** A server: each request is given to @handle, which puts the answer into the words of @m (and the
 *  descriptors into @block->send_fds) and returns how many words, or a negative errno, which the client
 *  then has as errno. It is also given the bits of an attached notification (IPC_TAG_NOTIFIED in the
 *  tag), where what it returns is ignored. Runs until receiving fails: -1. EINTR is no failure. */
typedef int (*hc_handler)(void *state, struct hc_message *m, struct ipc_block *block);
int hc_serve(int endpoint, hc_handler handle, void *state);
/** A client of such a server: operation @op (below 1 << 28) with @in_count words; the answer's words go
 *  to @out, room for 8: how many, or -1 with the server's errno. */
int hc_request(int fd, unsigned op, const uint64_t *in, unsigned in_count, uint64_t *out);
/** The same, and a descriptor that comes with the answer (-1: none). */
int hc_request_fd(int fd, unsigned op, const uint64_t *in, unsigned in_count, uint64_t *out, int *got);

// ---- notifications ----------------------------------------------------------------------------------

int hc_notification(void);
int hc_signal(int fd, uint64_t bits);
/** Wait for bits of @mask until @deadline (CLOCK_MONOTONIC in ns, IPC_NEVER): *@bits, which are taken. */
int hc_wait(int fd, uint64_t mask, uint64_t deadline, uint64_t *bits);
int hc_try_wait(int fd, uint64_t mask, uint64_t *bits);
/** Set @bits when one of @events (POLLIN …; 0: POLLIN and POLLPRI) comes true at @target. */
int hc_bind(int fd, uint64_t bits, int target, unsigned events);
int hc_unbind(int fd, int target);
/** Receives on @endpoint also end when bits are set: IPC_TAG_NOTIFIED in the tag, the bits in the badge. */
int hc_attach(int endpoint, int notification);

// ---- ports and channels -----------------------------------------------------------------------------

/** A queue of up to @capacity messages (0: 16). */
int hc_port(unsigned capacity);
int hc_channel(unsigned capacity, int ends[2]);
int hc_port_send(int fd, const struct hc_message *m);
int hc_port_try_send(int fd, const struct hc_message *m);
int hc_port_recv(int fd, struct hc_message *m);
int hc_port_try_recv(int fd, struct hc_message *m);
/** With descriptors or a deadline. Ports carry no long messages: EMSGSIZE. */
int hc_port_send_with(int fd, struct hc_message *m, struct ipc_block *block);
int hc_port_recv_with(int fd, struct hc_message *m, struct ipc_block *block);

// ---- regions ----------------------------------------------------------------------------------------

/** Memory of @bytes, zeroed; mmap(2) with MAP_SHARED maps it. */
int hc_region(size_t bytes);
int hc_region_size(int fd, size_t *bytes);
/** Its pages become those of a new region, which is returned; all mappings of them fault from now on. */
int hc_region_move(int fd);

// ---- devices ----------------------------------------------------------------------------------------

/** Open the @n-th (from 0) PCI function with these numbers; @root: hc_open("/run/devices"). One has it at a
 *  time; it is stopped when nobody can use it any more. */
int hc_device(int root, unsigned vendor, unsigned device, unsigned n);
/** The region of memory BAR @n: mmap(2) maps the registers. */
int hc_device_bar(int device, unsigned n);
/** A region of contiguous zeroed memory, which the device finds at *@address. */
int hc_device_dma(int device, size_t bytes, uint64_t *address);
/** An interrupt sets @bits at @notification; the next one comes after hc_irq_ack(). */
int hc_device_irq(int device, int notification, uint64_t bits);
int hc_irq_ack(int device);

#ifdef __cplusplus
}
#endif
