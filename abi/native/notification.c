// SPDX-License-Identifier: MIT
// Native calls on notifications.
#include "native.h"

#include <ipc/notification.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>
#include <uapi/poll.h>

#define EVENTS_DEFAULT (POLLIN | POLLPRI)
#define EVENTS_MAX 0xffffu

void native_notification(struct trapframe *tf)
{
	struct grant *grant;
	err_t err = ipc_notification_create(&grant);
	hal_tf_set_result(tf, err ? err : native_install(grant));
}

static void wait(struct trapframe *tf, bool is_try)
{
	struct object *object;
	uint64_t mask = hal_tf_ipc_tag(tf), taken = 0;
	err_t err = native_get_object(hal_tf_ipc_fd(tf), OBJECT_NOTIFICATION, IPC_RIGHT_RECV, &object);
	if (!err) {
		struct notification *n = ipc_notification_of(object);
		err = !mask  ? -EINVAL :
		      is_try ? ipc_try_wait(n, mask, &taken) :
			       ipc_wait(n, mask, hal_tf_ipc_word(tf, 0), &taken);
		object_put(object);
	}
	hal_tf_set_result(tf, err);
	if (!err)
		hal_tf_set_ipc_tag(tf, taken);
}

void native_wait(struct trapframe *tf)
{
	if (hal_tf_ipc_word(tf, 0) == IPC_NEVER && hal_tf_ipc_tag(tf))
		ipc_wait_call(tf);
	else
		wait(tf, false);
}

void native_try_wait(struct trapframe *tf)
{
	wait(tf, true);
}

static err_t bind(struct notification *n, uint64_t bits, uint64_t fd, uint64_t events)
{
	if (fd > UINT32_MAX)
		return -EBADF;
	if (events > EVENTS_MAX)
		return -EINVAL;
	struct object *target = fd_lookup_object(current_thread()->object.fds, (uint32_t)fd);
	if (!target)
		return -EBADF;
	err_t err = bits ? ipc_bind(n, bits, target, events ? (uint32_t)events : EVENTS_DEFAULT)
			 : ipc_unbind(n, target);
	object_put(target);
	return err;
}

void native_bind(struct trapframe *tf)
{
	struct object *object;
	err_t err = native_get_object(hal_tf_ipc_fd(tf), OBJECT_NOTIFICATION, IPC_RIGHT_RECV, &object);
	if (!err) {
		err = bind(ipc_notification_of(object), hal_tf_ipc_tag(tf), hal_tf_ipc_word(tf, 0),
			   hal_tf_ipc_word(tf, 1));
		object_put(object);
	}
	hal_tf_set_result(tf, err);
}

void native_attach(struct trapframe *tf)
{
	struct object *endpoint, *notification;
	err_t err = native_get_object(hal_tf_ipc_fd(tf), OBJECT_ENDPOINT, IPC_RIGHT_RECV, &endpoint);
	if (!err) {
		err = native_get_object(hal_tf_ipc_tag(tf), OBJECT_NOTIFICATION, IPC_RIGHT_RECV,
					&notification);
		if (!err) {
			err = ipc_attach(endpoint, ipc_notification_of(notification));
			object_put(notification);
		}
		object_put(endpoint);
	}
	hal_tf_set_result(tf, err);
}
