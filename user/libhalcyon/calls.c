// SPDX-License-Identifier: MIT
// The calls, typed, with errors in errno.
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <halcyon.h>

static int result(long status)
{
	if (status >= 0)
		return (int)status;
	errno = (int)-status;
	return -1;
}

/** A call whose arguments behind the descriptor are @a, @b and @c; @bits: what comes in the tag. */
static int call(long number, long fd, uint64_t a, uint64_t b, uint64_t c, uint64_t *bits)
{
	struct hc_message m = {.tag = a, .words = {b, c}};
	int status = result(hc_native(number, fd, &m));
	if (bits && status >= 0)
		*bits = m.tag;
	return status;
}

static int transfer(long number, int fd, struct hc_message *m)
{
	return result(hc_native(number, fd, m));
}

static int transfer_const(long number, int fd, const struct hc_message *m)
{
	struct hc_message copy = *m;
	return transfer(number, fd, &copy);
}

int hc_restrict(int fd, unsigned rights)
{
	return call(IPC_RESTRICT, fd, rights, 0, 0, NULL);
}

int hc_mint(int fd, unsigned rights, uint64_t badge)
{
	return call(IPC_MINT, fd, rights, badge, 0, NULL);
}

int hc_mint_told(int fd, unsigned rights, uint64_t badge, int notification, uint64_t bits)
{
	struct hc_message m = {
		.tag = rights | IPC_MINT_TELL,
		.words = {badge, (uint64_t)notification, bits},
	};
	return transfer(IPC_MINT, fd, &m);
}

int hc_mint_limited(int fd, unsigned rights, uint64_t badge, uint64_t rate, uint64_t burst)
{
	struct hc_message m = {
		.tag = rights | IPC_MINT_LIMIT,
		.words = {badge, 0, 0, rate, burst},
	};
	return transfer(IPC_MINT, fd, &m);
}

int hc_revoke_badge(int fd, uint64_t badge)
{
	return call(IPC_REVOKE, fd, IPC_REVOKE_BADGE, badge, 0, NULL);
}

int hc_revoke(int fd)
{
	return call(IPC_REVOKE, fd, 0, 0, 0, NULL);
}

int hc_publish(int fd, unsigned rights, const char *path, unsigned mode)
{
	return call(IPC_PUBLISH, fd, rights, (uintptr_t)path, mode, NULL);
}

int hc_open(const char *path)
{
	return open(path, O_RDWR | O_CLOEXEC);
}

int hc_endpoint(void)
{
	return call(IPC_ENDPOINT, 0, 0, 0, 0, NULL);
}

int hc_call(int fd, struct hc_message *m)
{
	return transfer(IPC_CALL, fd, m);
}

int hc_send(int fd, const struct hc_message *m)
{
	return transfer_const(IPC_SEND, fd, m);
}

int hc_recv(int fd, struct hc_message *m)
{
	return transfer(IPC_RECV, fd, m);
}

int hc_try_recv(int fd, struct hc_message *m)
{
	return transfer(IPC_TRY_RECV, fd, m);
}

int hc_reply(const struct hc_message *m)
{
	return transfer_const(IPC_REPLY, 0, m);
}

int hc_reply_save(void)
{
	return call(IPC_REPLY_SAVE, 0, 0, 0, 0, NULL);
}

int hc_reply_recv(int fd, struct hc_message *m)
{
	return transfer(IPC_REPLY_RECV, fd, m);
}

struct ipc_block hc_block(void)
{
	return (struct ipc_block){.deadline = IPC_NEVER};
}

/** The block stands where word 0 is; word 0 itself goes through the block, and is @m's again afterwards
 *  if no other came. */
static int transfer_with(long number, int fd, struct hc_message *m, struct ipc_block *block)
{
	block->word0 = m->words[0];
	m->words[0] = (uintptr_t)block;
	m->tag |= IPC_TAG_BLOCK;
	int status = transfer(number, fd, m);
	if (m->words[0] == (uintptr_t)block)
		m->words[0] = block->word0;
	m->tag &= ~IPC_TAG_BLOCK;
	return status;
}

int hc_call_with(int fd, struct hc_message *m, struct ipc_block *block)
{
	return transfer_with(IPC_CALL, fd, m, block);
}

int hc_recv_with(int fd, struct hc_message *m, struct ipc_block *block)
{
	return transfer_with(IPC_RECV, fd, m, block);
}

int hc_reply_recv_with(int fd, struct hc_message *m, struct ipc_block *block)
{
	return transfer_with(IPC_REPLY_RECV, fd, m, block);
}

int hc_notification(void)
{
	return call(IPC_NOTIFICATION, 0, 0, 0, 0, NULL);
}

int hc_signal(int fd, uint64_t bits)
{
	return call(IPC_SIGNAL, fd, bits, 0, 0, NULL);
}

int hc_wait(int fd, uint64_t mask, uint64_t deadline, uint64_t *bits)
{
	return call(IPC_WAIT, fd, mask, deadline, 0, bits);
}

int hc_try_wait(int fd, uint64_t mask, uint64_t *bits)
{
	return call(IPC_TRY_WAIT, fd, mask, 0, 0, bits);
}

int hc_bind(int fd, uint64_t bits, int target, unsigned events)
{
	if (!bits)
		return result(-EINVAL);
	return call(IPC_BIND, fd, bits, (uint64_t)target, events, NULL);
}

int hc_unbind(int fd, int target)
{
	return call(IPC_BIND, fd, 0, (uint64_t)target, 0, NULL);
}

int hc_attach(int endpoint, int notification)
{
	return call(IPC_ATTACH, endpoint, (uint64_t)notification, 0, 0, NULL);
}

int hc_port(unsigned capacity)
{
	return call(IPC_PORT, 0, capacity, 0, 0, NULL);
}

int hc_channel(unsigned capacity, int ends[2])
{
	struct hc_message m = {.tag = capacity};
	int status = transfer(IPC_CHANNEL, 0, &m);
	for (unsigned i = 0; i < 2 && status >= 0; i++)
		ends[i] = (int)m.words[i];
	return status;
}

int hc_port_send(int fd, const struct hc_message *m)
{
	return transfer_const(IPC_PORT_SEND, fd, m);
}

int hc_port_try_send(int fd, const struct hc_message *m)
{
	return transfer_const(IPC_PORT_TRY_SEND, fd, m);
}

int hc_port_recv(int fd, struct hc_message *m)
{
	return transfer(IPC_PORT_RECV, fd, m);
}

int hc_port_try_recv(int fd, struct hc_message *m)
{
	return transfer(IPC_PORT_TRY_RECV, fd, m);
}

int hc_port_send_with(int fd, struct hc_message *m, struct ipc_block *block)
{
	return transfer_with(IPC_PORT_SEND, fd, m, block);
}

int hc_port_recv_with(int fd, struct hc_message *m, struct ipc_block *block)
{
	return transfer_with(IPC_PORT_RECV, fd, m, block);
}

int hc_region(size_t bytes)
{
	return call(IPC_REGION, 0, bytes, 0, 0, NULL);
}

int hc_region_size(int fd, size_t *bytes)
{
	uint64_t size;
	int status = call(IPC_REGION_SIZE, fd, 0, 0, 0, &size);
	if (status >= 0)
		*bytes = size;
	return status;
}

int hc_region_move(int fd)
{
	return call(IPC_REGION_MOVE, fd, 0, 0, 0, NULL);
}

int hc_device(int root, unsigned vendor, unsigned device, unsigned n)
{
	return call(IPC_DEVICE, root, IPC_DEVICE_OPEN, IPC_DEVICE_ID(vendor, device), n, NULL);
}

int hc_device_bar(int device, unsigned n)
{
	return call(IPC_DEVICE, device, IPC_DEVICE_BAR, n, 0, NULL);
}

int hc_device_dma(int device, size_t bytes, uint64_t *address)
{
	return call(IPC_DEVICE, device, IPC_DEVICE_DMA, bytes, 0, address);
}

int hc_device_irq(int device, int notification, uint64_t bits)
{
	return call(IPC_DEVICE, device, IPC_DEVICE_IRQ, (uint64_t)notification, bits, NULL);
}

int hc_irq_ack(int device)
{
	return call(IPC_IRQ_ACK, device, 0, 0, 0, NULL);
}
