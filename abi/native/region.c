// SPDX-License-Identifier: MIT
// Native calls on regions.
#include "native.h"

#include <ipc/region.h>
#include <uapi/errno.h>

void native_region(struct trapframe *tf)
{
	struct grant *grant;
	err_t err = ipc_region_create(hal_tf_ipc_tag(tf), &grant);
	hal_tf_set_result(tf, err ? err : native_install(grant));
}

void native_region_size(struct trapframe *tf)
{
	struct object *object;
	err_t err = native_get_object(hal_tf_ipc_fd(tf), OBJECT_REGION, 0, &object);
	hal_tf_set_result(tf, err);
	if (err)
		return;
	hal_tf_set_ipc_tag(tf, ipc_region_size(container_of(object, struct region, object)));
	object_put(object);
}

/** A descriptor is there before the pages move: without one they stay. */
static int64_t move(struct grant *from)
{
	struct fdtable *fds = current_thread()->object.fds;
	struct grant *moved;
	int fd = fd_reserve(fds, FD_CLOEXEC);
	if (fd < 0)
		return fd;
	err_t err = ipc_region_move(from, &moved);
	if (err) {
		fd_unreserve(fds, (uint32_t)fd);
		return err;
	}
	fd_fill(fds, (uint32_t)fd, moved);
	return fd;
}

void native_region_move(struct trapframe *tf)
{
	struct grant *grant = fd_lookup_get(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	int64_t result = -EBADF;
	if (grant) {
		result = grant_check(grant, OBJECT_REGION, 0);
		if (!result)
			result = move(grant);
		grant_put(grant);
	}
	hal_tf_set_result(tf, result);
}
