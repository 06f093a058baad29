// SPDX-License-Identifier: MIT
// Device rights: a descriptor of a PCI function gives its registers, memory that it can reach, and its
// interrupt. A function has one such object at a time; when nobody can use it any more, it is stopped.
#pragma once

#include <object/grant.h>

struct device;

/** The object that devices are opened from; its grant (refs 1) has all rights. Once, at boot. -ENOMEM. */
must_check err_t ipc_device_root(struct grant **grant);

/** Open the @n-th (from 0) function with @id (device << 16 | vendor): it may reach memory from now on.
 *  *@grant (refs 1) has all rights and stands below @root, of type DEVICE_ROOT. -ENODEV, -EBUSY (driven by
 *  the kernel or another), -EPERM (a bridge), -ENOMEM, -EBADF. May sleep, as all here. */
must_check err_t ipc_device_open(struct grant *root, uint64_t id, uint64_t n, struct grant **grant);

/** The region of memory BAR @n, below @parent, a grant of type DEVICE. -ENODEV: there is none; -ENOTSUP: it
 *  shares a page with others; -ENOMEM, -EBADF. */
must_check err_t ipc_device_bar(struct grant *parent, uint64_t n, struct grant **grant);

/** A region of at least @bytes contiguous bytes, zeroed, that the device finds at *@address. It is there until
 *  the device ends. -EINVAL (0, or more than 4 MiB), -ENOSPC (8 are there), -ENOMEM, -EBADF. */
must_check err_t ipc_device_dma(struct grant *parent, uint64_t bytes, paddr_t *address, struct grant **grant);

/** From now on an interrupt of the device sets @bits at @notification (a reference is taken), then waits for
 *  ipc_device_ack() before there is another. -EBUSY: it is connected; -EINVAL: no bits; -ENODEV: it has
 *  none; -ENOSPC, -EBADF. */
must_check err_t ipc_device_irq(struct grant *grant, struct object *notification, uint64_t bits);
/** -EINVAL: not connected; -EBADF. */
must_check err_t ipc_device_ack(struct object *object);
