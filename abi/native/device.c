// SPDX-License-Identifier: MIT
// Native calls on devices.
#include "native.h"

#include <ipc/device.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

/** Of @from, which was looked up: IPC_DEVICE_OPEN, _BAR or _DMA, a grant. */
static err_t derive(struct grant *from, const struct trapframe *tf, paddr_t *address, struct grant **grant)
{
	uint64_t what = hal_tf_ipc_tag(tf), first = hal_tf_ipc_word(tf, 0);
	uint32_t type = what == IPC_DEVICE_OPEN ? OBJECT_DEVICE_ROOT : OBJECT_DEVICE;
	err_t err = grant_check(from, type, IPC_RIGHT_RECV);
	if (err)
		return err;
	switch (what) {
	case IPC_DEVICE_OPEN:
		return ipc_device_open(from, first, hal_tf_ipc_word(tf, 1), grant);
	case IPC_DEVICE_BAR:
		return ipc_device_bar(from, first, grant);
	case IPC_DEVICE_DMA:
		return ipc_device_dma(from, first, address, grant);
	}
	return -EINVAL;
}

static err_t connect(struct grant *device, const struct trapframe *tf)
{
	struct object *notification;
	err_t err = grant_check(device, OBJECT_DEVICE, IPC_RIGHT_RECV);
	if (!err)
		err = native_get_object(hal_tf_ipc_word(tf, 0), OBJECT_NOTIFICATION, IPC_RIGHT_RECV,
					&notification);
	if (err)
		return err;
	err = ipc_device_irq(device, notification, hal_tf_ipc_word(tf, 1));
	object_put(notification);
	return err;
}

void native_device(struct trapframe *tf)
{
	struct grant *from = fd_lookup_get(current_thread()->object.fds, hal_tf_ipc_fd(tf)), *grant;
	paddr_t address = 0;
	int64_t result = -EBADF;
	if (from && hal_tf_ipc_tag(tf) == IPC_DEVICE_IRQ) {
		result = connect(from, tf);
	} else if (from) {
		result = derive(from, tf, &address, &grant);
		if (!result)
			result = native_install(grant);
	}
	if (from)
		grant_put(from);
	hal_tf_set_result(tf, result);
	if (result >= 0 && address)
		hal_tf_set_ipc_tag(tf, address);
}

void native_irq_ack(struct trapframe *tf)
{
	struct object *device;
	err_t err = native_get_object(hal_tf_ipc_fd(tf), OBJECT_DEVICE, IPC_RIGHT_RECV, &device);
	if (!err) {
		err = ipc_device_ack(device);
		object_put(device);
	}
	hal_tf_set_result(tf, err);
}
