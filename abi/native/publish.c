// SPDX-License-Identifier: MIT
// The native call that gives a capability a name.
#include "native.h"

#include <fs/fs.h>
#include <mm/slab.h>
#include <mm/ucopy.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)

/** Clients get a child of the publisher's grant, so that it can be revoked, and closes no endpoint's
 *  life: the name does not receive. */
static err_t publish_as(struct grant *parent, uint32_t rights, const char *path, uint64_t mode)
{
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	struct grant *child;
	uint32_t type = load_relaxed(&parent->rights) & OBJECT_TYPE_MASK;
	if (type < OBJECT_ENDPOINT || type == OBJECT_REPLY)
		return -EBADF;
	err_t err = grant_check(parent, type, IPC_RIGHT_GRANT);
	if (!err)
		err = grant_derive(parent, rights, parent->badge, &child);
	if (err)
		return err;
	err = fs_publish(&at, (uint32_t)mode, child);
	grant_put(child);
	return err;
}

static err_t publish(uint64_t fd, uint64_t rights, uaddr_t path_at, uint64_t mode)
{
	if (!rights || (rights & ~(uint64_t)RIGHTS_ALL) || mode > 0777)
		return -EINVAL;
	struct grant *grant = fd_lookup_get(current_thread()->object.fds, fd);
	if (!grant)
		return -EBADF;
	char *path = kmalloc(FS_PATH_MAX);
	err_t err = path ? mm_copy_in_string(path, path_at, FS_PATH_MAX) : -ENOMEM;
	if (err >= 0)
		err = publish_as(grant, (uint32_t)rights, path, mode);
	kfree(path);
	grant_put(grant);
	return err;
}

void native_publish(struct trapframe *tf)
{
	hal_tf_set_result(tf, publish(hal_tf_ipc_fd(tf), hal_tf_ipc_tag(tf), hal_tf_ipc_word(tf, 0),
				      hal_tf_ipc_word(tf, 1)));
}
