// SPDX-License-Identifier: MIT
// Virtio over PCI (Virtio 1.2): finding the registers by capabilities (4.1.4), the start (3.1.1), and a split
// queue (2.7) of which two descriptors are used: what the device reads, and what it writes.
#include "virtio.h"

#include <hal/barrier.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <mm/frame.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define CAPABILITY_VENDOR 0x09
#define CAP_TYPE 3
#define CAP_BAR 4
#define CAP_OFFSET 8
#define CAP_LENGTH 12
#define CAP_NOTIFY_MULTIPLIER 16
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_KINDS };

enum { // common configuration, 4.1.4.3
	COMMON_DEVICE_FEATURE_SELECT = 0x00,
	COMMON_DEVICE_FEATURE = 0x04,
	COMMON_DRIVER_FEATURE_SELECT = 0x08,
	COMMON_DRIVER_FEATURE = 0x0c,
	COMMON_CONFIG_VECTOR = 0x10,
	COMMON_STATUS = 0x14,
	COMMON_QUEUE_SELECT = 0x16,
	COMMON_QUEUE_SIZE = 0x18,
	COMMON_QUEUE_VECTOR = 0x1a,
	COMMON_QUEUE_ENABLE = 0x1c,
	COMMON_QUEUE_NOTIFY_OFFSET = 0x1e,
	COMMON_QUEUE_DESCRIPTORS = 0x20,
	COMMON_QUEUE_AVAILABLE = 0x28,
	COMMON_QUEUE_USED = 0x30,
	COMMON_BYTES = 0x38,
};
#define FEATURE_VERSION_1 1u // of the high 32
#define STATUS_ACKNOWLEDGE 1u
#define STATUS_DRIVER 2u
#define STATUS_DRIVER_OK 4u
#define STATUS_FEATURES_OK 8u
#define STATUS_FAILED 128u
#define NO_VECTOR 0xffffu

#define QUEUE_SIZE 2u
struct descriptor {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
#define DESCRIPTOR_NEXT 1u
#define DESCRIPTOR_WRITE 2u
struct queue {
	struct descriptor descriptors[QUEUE_SIZE];
	uint16_t available_flags;
	uint16_t available_index;
	uint16_t available[QUEUE_SIZE];
	uint8_t pad[1024];
	uint16_t used_flags;
	uint16_t used_index;
	struct {
		uint32_t id, len;
	} used[QUEUE_SIZE];
};
_Static_assert(offsetof(struct queue, used_flags) % 4 == 0 && sizeof(struct queue) <= 4096, "2.7");

struct region {
	vaddr_t at;
	uint64_t len;
	unsigned capability;
};

/** Map what capability @at describes; nothing if it lies. */
static struct region map_region(const struct pci_function *function, unsigned at)
{
	struct region region = {.capability = at};
	unsigned n = hal_pci_read(function, at + CAP_BAR, 1);
	uint64_t offset = hal_pci_read(function, at + CAP_OFFSET, 4);
	uint64_t len = hal_pci_read(function, at + CAP_LENGTH, 4);
	if (n >= PCI_BARS || function->bars[n].is_port || !len || len > function->bars[n].size ||
	    offset > function->bars[n].size - len)
		return region;
	region.at = hal_mmio_map(function->bars[n].base + offset, len);
	region.len = len;
	return region;
}

static void find_regions(const struct pci_function *function, struct region *regions)
{
	unsigned at = 0;
	while ((at = hal_pci_capability(function, CAPABILITY_VENDOR, at))) {
		unsigned type = hal_pci_read(function, at + CAP_TYPE, 1);
		if (type < CAP_KINDS && !regions[type].at) // the first of a kind is the one to use
			regions[type] = map_region(function, at);
	}
}

static void set_status(struct virtio *virtio, unsigned bits)
{
	uint8_t status = bits ? hal_mmio_read8(virtio->common + COMMON_STATUS) : 0;
	hal_mmio_write8(virtio->common + COMMON_STATUS, (uint8_t)(status | bits));
}

static void reset(struct virtio *virtio)
{
	set_status(virtio, 0);
	while (hal_mmio_read8(virtio->common + COMMON_STATUS))
		hal_cpu_relax();
}

/** False: the device does not take them. */
static bool agree_on_features(struct virtio *virtio, uint32_t wanted)
{
	for (uint32_t half = 0; half < 2; half++) {
		hal_mmio_write32(virtio->common + COMMON_DEVICE_FEATURE_SELECT, half);
		uint32_t offered = hal_mmio_read32(virtio->common + COMMON_DEVICE_FEATURE);
		hal_mmio_write32(virtio->common + COMMON_DRIVER_FEATURE_SELECT, half);
		hal_mmio_write32(virtio->common + COMMON_DRIVER_FEATURE,
				 offered & (half ? FEATURE_VERSION_1 : wanted));
		if (half && !(offered & FEATURE_VERSION_1))
			return false;
	}
	set_status(virtio, STATUS_FEATURES_OK);
	return hal_mmio_read8(virtio->common + COMMON_STATUS) & STATUS_FEATURES_OK;
}

static uint16_t read_used(const struct virtio *virtio)
{
	const volatile struct queue *queue = virtio->queue;
	return queue->used_index;
}

static bool on_interrupt(struct irq_handler *handler)
{
	struct virtio *virtio = container_of(handler, struct virtio, irq);
	// Reading lowers the line; a message has none, and says all by itself.
	bool is_ours = hal_mmio_read8(virtio->isr) & 1u;
	hal_rmb_device();
	is_ours |= read_used(virtio) != virtio->last_used;
	if (is_ours)
		(void)sched_waitq_wake_all(&virtio->done);
	return is_ours;
}

static void write64(vaddr_t at, uint64_t value)
{
	hal_mmio_write32(at, (uint32_t)value);
	hal_mmio_write32(at + 4, (uint32_t)(value >> 32));
}

static err_t start_queue(struct virtio *virtio, const struct region *notify, uint32_t multiplier, bool by_message)
{
	vaddr_t common = virtio->common;
	struct queue *queue = virtio->queue;
	hal_mmio_write16(common + COMMON_CONFIG_VECTOR, NO_VECTOR);
	hal_mmio_write16(common + COMMON_QUEUE_SELECT, 0);
	if (hal_mmio_read16(common + COMMON_QUEUE_SIZE) < QUEUE_SIZE)
		return -ENODEV;
	hal_mmio_write16(common + COMMON_QUEUE_SIZE, QUEUE_SIZE);
	uint16_t vector = by_message ? 0 : NO_VECTOR;
	hal_mmio_write16(common + COMMON_QUEUE_VECTOR, vector);
	if (hal_mmio_read16(common + COMMON_QUEUE_VECTOR) != vector)
		return -ENODEV;
	uint64_t offset = (uint64_t)hal_mmio_read16(common + COMMON_QUEUE_NOTIFY_OFFSET) * multiplier;
	if (offset + sizeof(uint16_t) > notify->len)
		return -ENODEV;
	virtio->notify = notify->at + offset;
	write64(common + COMMON_QUEUE_DESCRIPTORS, hal_direct_paddr(queue->descriptors));
	write64(common + COMMON_QUEUE_AVAILABLE, hal_direct_paddr(&queue->available_flags));
	write64(common + COMMON_QUEUE_USED, hal_direct_paddr(&queue->used_flags));
	hal_mmio_write16(common + COMMON_QUEUE_ENABLE, 1);
	return 0;
}

static err_t start(struct virtio *virtio, const struct pci_function *function, uint32_t features,
		   const struct region *notify, const char *name)
{
	uint32_t irq;
	enum hal_irq_trigger trigger;
	reset(virtio);
	set_status(virtio, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	if (!agree_on_features(virtio, features))
		return -ENODEV;
	err_t err = hal_pci_irq(function, &irq, &trigger);
	if (!err)
		err = start_queue(virtio, notify,
				  hal_pci_read(function, notify->capability + CAP_NOTIFY_MULTIPLIER, 4),
				  trigger == HAL_IRQ_EDGE_RISING);
	if (err)
		return err;
	virtio->irq.fn = on_interrupt;
	err = irq_connect(&virtio->irq, irq, trigger, name);
	if (err)
		return err;
	hal_pci_unmask_line(function);
	set_status(virtio, STATUS_DRIVER_OK);
	return 0;
}

err_t virtio_init(struct virtio *virtio, const struct pci_function *function, uint32_t features,
		  const char *name)
{
	struct region regions[CAP_KINDS] = {{0}};
	find_regions(function, regions);
	if (!regions[CAP_COMMON].at || regions[CAP_COMMON].len < COMMON_BYTES || !regions[CAP_NOTIFY].at ||
	    !regions[CAP_ISR].at)
		return -ENODEV;
	virtio->common = regions[CAP_COMMON].at;
	virtio->isr = regions[CAP_ISR].at;
	virtio->config = regions[CAP_DEVICE].at;
	virtio->config_bytes = regions[CAP_DEVICE].len;
	virtio->last_used = 0;
	sched_waitq_init(&virtio->done);
	struct frame *frame = frame_alloc_zeroed();
	if (!frame)
		return -ENOMEM;
	virtio->queue = frame_direct(frame);
	err_t err = hal_pci_enable(function);
	if (err) {
		frame_put(frame);
		return err;
	}
	err = start(virtio, function, features, &regions[CAP_NOTIFY], name);
	if (err) {
		set_status(virtio, STATUS_FAILED);
		reset(virtio);
		hal_pci_disable(function);
		frame_put(frame);
	}
	return err;
}

uint8_t virtio_config(const struct virtio *virtio, unsigned offset)
{
	return offset < virtio->config_bytes ? hal_mmio_read8(virtio->config + offset) : 0;
}

uint32_t virtio_request(struct virtio *virtio, const void *out, uint32_t out_len, void *in, uint32_t in_len)
{
	volatile struct queue *queue = virtio->queue;
	queue->descriptors[0].addr = hal_direct_paddr(out);
	queue->descriptors[0].len = out_len;
	queue->descriptors[0].flags = DESCRIPTOR_NEXT;
	queue->descriptors[0].next = 1;
	queue->descriptors[1].addr = hal_direct_paddr(in);
	queue->descriptors[1].len = in_len;
	queue->descriptors[1].flags = DESCRIPTOR_WRITE;
	queue->available[queue->available_index % QUEUE_SIZE] = 0;
	hal_wmb_device();
	queue->available_index = (uint16_t)(queue->available_index + 1);
	hal_wmb_device();
	hal_mmio_write16(virtio->notify, 0);
	(void)sched_wait_event(&virtio->done, read_used(virtio) != virtio->last_used, NSEC_NEVER, 0);
	hal_rmb_device();
	uint32_t written = queue->used[virtio->last_used % QUEUE_SIZE].len;
	virtio->last_used++;
	return min(written, in_len);
}
