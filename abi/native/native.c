// SPDX-License-Identifier: MIT
// Native calls that are not on the fast path: decode registers, call the core, write the result.
#include <ipc/endpoint.h>
#include <kernel/upcall.h>
#include <object/fdtable.h>
#include <sched/thread.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

/** A descriptor for @grant in current's table, close-on-exec as all that native calls make. */
static int64_t install(struct grant *grant)
{
	int fd = fd_install(current_thread()->object.fds, grant, 0, FD_CLOEXEC);
	if (fd < 0)
		grant_put(grant);
	return fd;
}

static int64_t make_endpoint(void)
{
	struct grant *grant;
	err_t err = ipc_endpoint_create(&grant);
	return err ? err : install(grant);
}

/** The grant in slot @fd with a reference; NULL = -EBADF. Interrupts are off from look-up to get. */
static struct grant *get_grant(uint64_t fd)
{
	irqflags_t flags = hal_irq_save();
	struct grant *grant = fd <= UINT32_MAX
				      ? fd_lookup(current_thread()->object.fds, (uint32_t)fd)
				      : NULL;
	if (grant && !grant_allows(grant, OBJECT_ENDPOINT))
		grant = NULL;
	if (grant)
		grant_get(grant);
	hal_irq_restore(flags);
	return grant;
}

static int64_t derive(uint64_t fd, uint64_t rights, const uint64_t *badge)
{
	struct grant *parent = get_grant(fd), *child;
	if (!parent)
		return -EBADF;
	err_t err = rights & ~(uint64_t)IPC_RIGHTS_ALL || !rights ? -EINVAL : 0;
	if (!err && !grant_allows(parent, OBJECT_ENDPOINT | IPC_RIGHT_GRANT))
		err = -EPERM;
	if (!err)
		err = ipc_grant_derive(parent, (uint32_t)rights, badge ? *badge : parent->badge, &child);
	grant_put(parent);
	return err ? err : install(child);
}

static int64_t revoke(uint64_t fd)
{
	struct grant *grant = get_grant(fd);
	if (!grant)
		return -EBADF;
	err_t err = grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_GRANT) ? 0 : -EPERM;
	if (!err)
		grant_revoke_descendants(grant);
	grant_put(grant);
	return err;
}

/** Calls that only return a number. */
static int64_t simple_call(struct trapframe *tf)
{
	uint64_t fd = hal_tf_ipc_fd(tf), rights = hal_tf_ipc_tag(tf), badge = hal_tf_ipc_word(tf, 0);
	switch (hal_tf_syscall_nr(tf)) {
	case IPC_NULL:
		return 0;
	case IPC_ENDPOINT:
		return make_endpoint();
	case IPC_RESTRICT:
		return derive(fd, rights, NULL);
	case IPC_MINT:
		return derive(fd, rights, &badge);
	case IPC_REVOKE:
		return revoke(fd);
	default:
		return -ENOSYS;
	}
}

void upcall_native_syscall(struct trapframe *tf)
{
	switch (hal_tf_syscall_nr(tf)) {
	case IPC_CALL:
		ipc_call(tf, IPC_BLOCKING);
		break;
	case IPC_TRY_CALL:
		ipc_call(tf, IPC_TRY);
		break;
	case IPC_SEND:
		ipc_send(tf, IPC_BLOCKING);
		break;
	case IPC_TRY_SEND:
		ipc_send(tf, IPC_TRY);
		break;
	case IPC_RECV:
		ipc_recv(tf, IPC_BLOCKING);
		break;
	case IPC_TRY_RECV:
		ipc_recv(tf, IPC_TRY);
		break;
	case IPC_REPLY:
		ipc_reply(tf);
		break;
	case IPC_REPLY_RECV:
		ipc_reply_recv(tf);
		break;
	default:
		hal_tf_set_result(tf, simple_call(tf));
	}
}
