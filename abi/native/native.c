// SPDX-License-Identifier: MIT
// Native calls that are not on the fast path: decode registers, call the core, write the result.
#include "native.h"

#include <ipc/endpoint.h>
#include <ipc/notification.h>
#include <ipc/port.h>
#include <kernel/syscall.h>
#include <kernel/upcall.h>
#include <object/fdtable.h>
#include <sched/thread.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

int64_t native_install(struct grant *grant)
{
	int fd = fd_install(current_thread()->object.fds, grant, 0, FD_CLOEXEC);
	if (fd < 0)
		grant_put(grant);
	return fd;
}

err_t native_get_object(uint64_t fd, uint32_t type, uint32_t rights, struct object **object)
{
	irqflags_t flags = hal_irq_save(); // no switch between the look-up and the reference
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, fd);
	err_t err = grant ? grant_check(grant, type, rights) : -EBADF;
	if (!err && !object_try_get(grant->object))
		err = -EBADF;
	if (!err)
		*object = grant->object;
	hal_irq_restore(flags);
	return err;
}

static int64_t make_endpoint(void)
{
	struct grant *grant;
	err_t err = ipc_endpoint_create(&grant);
	return err ? err : native_install(grant);
}

/** The grant in slot @fd with a reference, if it is of a kind that restrict, mint and revoke know:
 *  a file's is part of the file. NULL = -EBADF. */
static struct grant *get_grant(uint64_t fd, uint32_t *type)
{
	struct grant *grant = fd_lookup_get(current_thread()->object.fds, fd);
	if (!grant)
		return NULL;
	*type = load_relaxed(&grant->rights) & OBJECT_TYPE_MASK & ~GRANT_LIMITED;
	if (*type >= OBJECT_ENDPOINT && *type != OBJECT_REPLY)
		return grant;
	grant_put(grant);
	return NULL;
}

/** The terms that a mint asks for by @flags and the words of @tf; *@terms NULL: none. */
static err_t make_terms(const struct trapframe *tf, uint64_t flags, struct grant_terms **terms)
{
	struct object *told;
	*terms = NULL;
	if (!flags)
		return 0;
	*terms = grant_terms_create();
	if (!*terms)
		return -ENOMEM;
	err_t err = 0;
	if (flags & IPC_MINT_LIMIT)
		err = grant_terms_limit(*terms, hal_tf_ipc_word(tf, 3), hal_tf_ipc_word(tf, 4));
	if (!err && (flags & IPC_MINT_TELL)) {
		err = native_get_object(hal_tf_ipc_word(tf, 1), OBJECT_NOTIFICATION, IPC_RIGHT_SEND, &told);
		if (!err) {
			grant_terms_tell(*terms, told, hal_tf_ipc_word(tf, 2));
			object_put(told);
		}
	}
	if (err)
		grant_terms_put(*terms);
	return err;
}

/** May a child of @parent have @badge? Who has a badge cannot give another one: it says who he is. Of a
 *  notification it is the bits that may be set. */
static err_t check_badge(struct grant *parent, uint32_t type, uint64_t *badge)
{
	if (type == OBJECT_NOTIFICATION)
		*badge &= parent->badge;
	else if (parent->badge && *badge != parent->badge)
		return -EPERM;
	return 0;
}

static int64_t derive_from(struct grant *parent, uint32_t type, const struct trapframe *tf, uint64_t badge,
			   uint64_t flags)
{
	uint64_t rights = hal_tf_ipc_tag(tf) & ~flags;
	struct grant_terms *terms;
	struct grant *child;
	if (rights & ~(uint64_t)IPC_RIGHTS_ALL || !rights)
		return -EINVAL;
	if ((flags & IPC_MINT_LIMIT) && type != OBJECT_ENDPOINT)
		return -EINVAL;
	err_t err = grant_check(parent, type, IPC_RIGHT_GRANT);
	if (!err)
		err = check_badge(parent, type, &badge);
	if (!err)
		err = make_terms(tf, flags, &terms);
	if (!err)
		err = grant_derive_on(parent, (uint32_t)rights, badge, terms, &child);
	return err ? err : native_install(child);
}

static int64_t restrict_grant(const struct trapframe *tf)
{
	uint32_t type;
	struct grant *parent = get_grant(hal_tf_ipc_fd(tf), &type);
	if (!parent)
		return -EBADF;
	int64_t result = derive_from(parent, type, tf, parent->badge, 0);
	grant_put(parent);
	return result;
}

static int64_t mint(const struct trapframe *tf)
{
	uint32_t type;
	struct grant *parent = get_grant(hal_tf_ipc_fd(tf), &type);
	if (!parent)
		return -EBADF;
	uint64_t flags = hal_tf_ipc_tag(tf) & (IPC_MINT_TELL | IPC_MINT_LIMIT);
	int64_t result = derive_from(parent, type, tf, hal_tf_ipc_word(tf, 0), flags);
	grant_put(parent);
	return result;
}

static err_t revoke(const struct trapframe *tf)
{
	uint64_t by_badge = hal_tf_ipc_tag(tf);
	uint32_t type;
	struct grant *grant = get_grant(hal_tf_ipc_fd(tf), &type);
	if (!grant)
		return -EBADF;
	err_t err = by_badge & ~(uint64_t)IPC_REVOKE_BADGE ? -EINVAL : 0;
	if (!err)
		err = grant_check(grant, type, by_badge ? IPC_RIGHT_RECV : IPC_RIGHT_GRANT);
	if (!err && by_badge)
		grant_revoke_badge(grant, hal_tf_ipc_word(tf, 0));
	else if (!err)
		grant_revoke_descendants(grant);
	grant_put(grant);
	return err;
}

static void native_null(struct trapframe *tf)
{
	hal_tf_set_result(tf, 0);
}

static void native_endpoint(struct trapframe *tf)
{
	hal_tf_set_result(tf, make_endpoint());
}

static void native_restrict(struct trapframe *tf)
{
	hal_tf_set_result(tf, restrict_grant(tf));
}

static void native_mint(struct trapframe *tf)
{
	hal_tf_set_result(tf, mint(tf));
}

static void native_revoke(struct trapframe *tf)
{
	hal_tf_set_result(tf, revoke(tf));
}

static void native_reply_save(struct trapframe *tf)
{
	hal_tf_set_result(tf, ipc_reply_save());
}

static void native_call(struct trapframe *tf)
{
	ipc_call(tf, IPC_BLOCKING);
}

static void native_try_call(struct trapframe *tf)
{
	ipc_call(tf, IPC_TRY);
}

static void native_send(struct trapframe *tf)
{
	ipc_send(tf, IPC_BLOCKING);
}

static void native_try_send(struct trapframe *tf)
{
	ipc_send(tf, IPC_TRY);
}

static void native_recv(struct trapframe *tf)
{
	ipc_recv(tf, IPC_BLOCKING);
}

static void native_try_recv(struct trapframe *tf)
{
	ipc_recv(tf, IPC_TRY);
}

const native_syscall_fn native_syscalls[] = {
	[IPC_CALL - IPC_NR_FIRST] = native_call,
	[IPC_REPLY_RECV - IPC_NR_FIRST] = ipc_reply_recv,
	[IPC_RECV - IPC_NR_FIRST] = native_recv,
	[IPC_REPLY - IPC_NR_FIRST] = ipc_reply,
	[IPC_SEND - IPC_NR_FIRST] = native_send,
	[IPC_NULL - IPC_NR_FIRST] = native_null,
	[IPC_ENDPOINT - IPC_NR_FIRST] = native_endpoint,
	[IPC_RESTRICT - IPC_NR_FIRST] = native_restrict,
	[IPC_MINT - IPC_NR_FIRST] = native_mint,
	[IPC_REVOKE - IPC_NR_FIRST] = native_revoke,
	[IPC_REPLY_SAVE - IPC_NR_FIRST] = native_reply_save,
	[IPC_TRY_CALL - IPC_NR_FIRST] = native_try_call,
	[IPC_TRY_RECV - IPC_NR_FIRST] = native_try_recv,
	[IPC_TRY_SEND - IPC_NR_FIRST] = native_try_send,
	[IPC_NOTIFICATION - IPC_NR_FIRST] = native_notification,
	[IPC_SIGNAL - IPC_NR_FIRST] = ipc_signal_call,
	[IPC_WAIT - IPC_NR_FIRST] = native_wait,
	[IPC_TRY_WAIT - IPC_NR_FIRST] = native_try_wait,
	[IPC_BIND - IPC_NR_FIRST] = native_bind,
	[IPC_PORT - IPC_NR_FIRST] = native_port,
	[IPC_CHANNEL - IPC_NR_FIRST] = native_channel,
	[IPC_PORT_SEND - IPC_NR_FIRST] = ipc_port_send,
	[IPC_PORT_TRY_SEND - IPC_NR_FIRST] = ipc_port_try_send,
	[IPC_PORT_RECV - IPC_NR_FIRST] = ipc_port_recv,
	[IPC_PORT_TRY_RECV - IPC_NR_FIRST] = ipc_port_try_recv,
	[IPC_REGION - IPC_NR_FIRST] = native_region,
	[IPC_REGION_SIZE - IPC_NR_FIRST] = native_region_size,
	[IPC_REGION_MOVE - IPC_NR_FIRST] = native_region_move,
	[IPC_PUBLISH - IPC_NR_FIRST] = native_publish,
	[IPC_ATTACH - IPC_NR_FIRST] = native_attach,
	[IPC_DEVICE - IPC_NR_FIRST] = native_device,
	[IPC_IRQ_ACK - IPC_NR_FIRST] = native_irq_ack,
};
_Static_assert(array_len(native_syscalls) == IPC_NR_LAST - IPC_NR_FIRST + 1, "all are there");
