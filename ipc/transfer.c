// SPDX-License-Identifier: MIT
// What a message carries beside its registers: a long message, copied once, and descriptors. The
// thread that runs does the work, whichever side it is; the other is blocked and claimed.
//
// All that can fail comes first, and what it did is undone: slots are reserved, bytes copied, the
// numbers of the slots written. ipc_cargo_commit() cannot fail. A message's descriptors stay in the
// sender's table until then, so messages in endpoint queues hold no grants and can form no cycles.
#include "internal.h"

#include <mm/space.h>
#include <mm/ucopy.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

static bool fits(const struct ipc_block *from, const struct ipc_args *to)
{
	if (!to)
		return !from->send_bytes && !from->send_fd_count;
	return from->send_bytes <= to->block.recv_bytes && from->send_fd_count <= to->block.recv_fd_count;
}

/** May @grant be handed on? Files always; other objects with IPC_RIGHT_GRANT; a reply right is one of
 *  a kind, it can only be moved. */
static err_t check_grant(struct grant *grant, bool is_move)
{
	uint32_t rights = load_relaxed(&grant->rights);
	switch (rights & OBJECT_TYPE_MASK) {
	case 0:
		return -EBADF; // revoked
	case OBJECT_FILE:
		return 0;
	case OBJECT_REPLY:
		return is_move ? 0 : -EPERM;
	default:
		return rights & IPC_RIGHT_GRANT ? 0 : -EPERM;
	}
}

static err_t take_grants(struct fdtable *fds, const struct ipc_block *block, struct ipc_cargo *cargo)
{
	for (unsigned i = 0; i < block->send_fd_count; i++) {
		uint32_t fd = block->send_fds[i] & ~IPC_FD_MOVE;
		struct grant *grant = fd_lookup_get(fds, fd);
		if (!grant)
			return -EBADF;
		cargo->grants[cargo->grant_count++] = grant;
		err_t err = check_grant(grant, block->send_fds[i] & IPC_FD_MOVE);
		if (err)
			return err;
	}
	return 0;
}

err_t ipc_cargo_check(const struct thread *self)
{
	if (!ipc_has_cargo(self))
		return 0;
	struct ipc_cargo cargo = {0};
	err_t err = take_grants(self->object.fds, &self->ipc.args->block, &cargo);
	for (unsigned i = 0; i < cargo.grant_count; i++)
		grant_put(cargo.grants[i]);
	return err;
}

static err_t reserve_slots(struct fdtable *fds, unsigned count, struct ipc_cargo *cargo)
{
	while (cargo->slot_count < count) {
		int fd = fd_reserve(fds, FD_CLOEXEC);
		if (fd < 0)
			return fd;
		cargo->slots[cargo->slot_count++] = fd;
	}
	return 0;
}

/** The bytes, in whichever direction current has to copy them. */
static err_t copy_bytes(struct thread *from, struct thread *to, bool *is_receivers)
{
	const struct ipc_block *source = &from->ipc.args->block;
	bool is_theirs;
	err_t err;
	if (!source->send_bytes)
		return 0;
	uaddr_t at = to->ipc.args->block.recv_at;
	if (from == current_thread()) {
		err = mm_copy_to_space(to->mm.space, at, source->send_at, source->send_bytes, &is_theirs);
		*is_receivers = is_theirs;
	} else {
		err = mm_copy_from_space(from->mm.space, source->send_at, at, source->send_bytes, &is_theirs);
		*is_receivers = !is_theirs;
	}
	return err;
}

static err_t write_numbers(struct thread *to, const struct ipc_cargo *cargo)
{
	uaddr_t at = to->ipc.args->at + offsetof(struct ipc_block, recv_fds);
	size_t size = cargo->slot_count * sizeof(cargo->slots[0]);
	if (!size)
		return 0;
	if (to == current_thread())
		return mm_copy_out(at, cargo->slots, size);
	err_t err = mm_space_write(to->mm.space, at, cargo->slots, size);
	return !err || err == -ENOMEM ? err : -EFAULT;
}

err_t ipc_cargo_prepare(struct thread *from, struct thread *to, struct ipc_cargo *cargo,
			bool *is_receivers)
{
	const struct ipc_block *block = &from->ipc.args->block;
	*cargo = (struct ipc_cargo){.from = from, .to = to};
	*is_receivers = true;
	if (!fits(block, to->ipc.args))
		return -EMSGSIZE;
	err_t err = take_grants(from->object.fds, block, cargo);
	if (err)
		*is_receivers = false;
	if (!err)
		err = reserve_slots(to->object.fds, block->send_fd_count, cargo);
	if (!err)
		err = copy_bytes(from, to, is_receivers);
	if (!err) {
		*is_receivers = true;
		err = write_numbers(to, cargo);
	}
	if (err)
		ipc_cargo_cancel(cargo);
	return err;
}

void ipc_cargo_cancel(struct ipc_cargo *cargo)
{
	for (unsigned i = 0; i < cargo->slot_count; i++)
		fd_unreserve(cargo->to->object.fds, (uint32_t)cargo->slots[i]);
	for (unsigned i = 0; i < cargo->grant_count; i++)
		grant_put(cargo->grants[i]);
}

void ipc_cargo_commit(struct ipc_cargo *cargo)
{
	struct ipc_args *args = cargo->from->ipc.args;
	const struct ipc_block *block = &args->block;
	for (unsigned i = 0; i < cargo->grant_count; i++) {
		fd_fill(cargo->to->object.fds, (uint32_t)cargo->slots[i], cargo->grants[i]);
		if (block->send_fds[i] & IPC_FD_MOVE)
			fd_close_moved(cargo->from->object.fds, block->send_fds[i] & ~IPC_FD_MOVE,
				       cargo->grants[i]);
	}
	args->carried = (uint64_t)cargo->grant_count << IPC_TAG_FDS_SHIFT |
			(uint64_t)block->send_bytes << IPC_TAG_BYTES_SHIFT;
}
