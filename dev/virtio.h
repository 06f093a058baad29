// SPDX-License-Identifier: MIT
// A virtio device on PCI (Virtio 1.2, 4.1: modern only) with one queue that holds one request at a time.
#pragma once

#include <hal/pci.h>
#include <kernel/irq.h>
#include <sched/waitq.h>

struct virtio {
	vaddr_t common, isr, config, notify; // mapped registers; notify: of the queue
	uint64_t config_bytes;
	void *queue; // one page: descriptors, available ring, used ring
	uint16_t last_used;
	struct irq_handler irq;
	struct sched_waitq done;
};

/** Bring up @function's device with the features that @features (of the low 32) and the device share.
 *  -ENODEV: not modern, or it lies; -ENOMEM; errors of interrupts. On error the device is off. */
must_check err_t virtio_init(struct virtio *virtio, const struct pci_function *function, uint32_t features,
			     const char *name);
/** Byte @offset of the device's own configuration, 0 behind its end. */
uint8_t virtio_config(const struct virtio *virtio, unsigned offset);
/** Give the device @out_len bytes to read and @in_len bytes to write, both in the direct map, and sleep
 *  until it has used them. One caller at a time. Returns how many bytes it wrote. */
uint32_t virtio_request(struct virtio *virtio, const void *out, uint32_t out_len, void *in, uint32_t in_len);

/** Offer every shared folder of the machine as a channel (virtio_9p.c). */
void virtio_9p_init(void);
