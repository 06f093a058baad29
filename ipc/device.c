// SPDX-License-Identifier: MIT
// Device rights.
//
// What is known of a function outlives its owners, as a slot: its interrupt, which is found once, and the
// memory that it was told of. A device that is stopped in the middle of something may write there when
// it is started again, and not every device can be reset: so that memory is never put to another use but
// by the function's next owner.
//
// The device holds its regions, whose grants stand below the device's: revocation takes them through the
// tree, the device's end takes their memory away.
//
// An interrupt is handed over once and then masked until it is acknowledged. A line is masked at the
// device, so others on it go on. A message cannot be masked everywhere: one that comes meanwhile is
// kept and handed over by the acknowledgement.
//
// Locks: slots_lock; device->lock, then a region's; irq_lock from interrupts too, then the notification's.
#include <hal/pci.h>
#include <ipc/device.h>
#include <ipc/notification.h>
#include <ipc/region.h>
#include <kernel/irq.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)
#define CLASS_BRIDGE 0x06
#define DMA_REGIONS 8
#define MEMORIES (PCI_BARS + DMA_REGIONS)

/** Memory of a function: registers, or frames that it was told of. For ever. */
struct device_memory {
	struct mm_object object;
	paddr_t base;
	uint64_t pages; // 0: none yet
};

struct slot {
	const struct pci_function *function;
	struct slot *next;
	bool has_irq;
	uint32_t irq;
	enum hal_irq_trigger trigger;
	struct device_memory memories[MEMORIES]; // BARs first. The owner's device->lock
};

struct device {
	struct object object; // first: a grant's object pointer is the device's
	struct slot *slot; // NULL: the root
	_Atomic uint32_t users; // living grants with IPC_RIGHT_RECV; stopped at 0
	struct sched_mutex lock; // l
	bool is_stopped; // l
	struct region *regions[MEMORIES]; // each with a reference (l)
	struct notification *told; // holds a reference; NULL: the interrupt is not connected (l)
	uint64_t bits;
	struct irq_handler handler;
	struct spinlock irq_lock;
	bool is_masked, is_pending; // irq_lock
	struct quiesce quiesce;
};

static struct sched_mutex slots_lock;
static struct slot *slots; // slots_lock

static struct device *device_of(struct object *object)
{
	return container_of(object, struct device, object);
}

// ---- memory ---------------------------------------------------------------------------------------

static struct device_memory *memory_of(struct mm_object *object)
{
	return container_of(object, struct device_memory, object);
}

static err_t dma_get_page(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	struct device_memory *memory = memory_of(object);
	(void)for_write;
	if (index >= memory->pages)
		return -EIO;
	*frame = frame_of(memory->base + (index << HAL_PAGE_SHIFT));
	frame_get(*frame);
	return 0;
}

static unsigned dma_get_resident(struct mm_object *object, uint64_t first, unsigned count, struct frame **frames)
{
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		frames[i] = NULL;
		found += dma_get_page(object, first + i, false, &frames[i]) == 0;
	}
	return found;
}

/** Memory stays whether it is used or not. */
static void memory_keep(struct mm_object *object)
{
	(void)object;
}

static const struct mm_object_ops dma_ops = {
	.get_page = dma_get_page,
	.get_resident = dma_get_resident,
	.get = memory_keep,
	.put = memory_keep,
	.is_memory = true,
};

static err_t bar_get_page(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	(void)object, (void)index, (void)for_write, (void)frame;
	return -EIO;
}

static unsigned bar_get_resident(struct mm_object *object, uint64_t first, unsigned count, struct frame **frames)
{
	(void)object, (void)first;
	memset(frames, 0, count * sizeof(*frames));
	return 0;
}

static err_t bar_get_device(struct mm_object *object, uint64_t index, paddr_t *pa)
{
	struct device_memory *memory = memory_of(object);
	*pa = memory->base + (index << HAL_PAGE_SHIFT);
	return index < memory->pages ? 0 : -EIO;
}

static const struct mm_object_ops bar_ops = {
	.get_page = bar_get_page,
	.get_resident = bar_get_resident,
	.get_device = bar_get_device,
	.get = memory_keep,
	.put = memory_keep,
	.is_memory = true,
};

static void memory_init(struct device_memory *memory, const struct mm_object_ops *ops, paddr_t base,
			uint64_t pages)
{
	mm_object_init(&memory->object, ops);
	memory->base = base;
	memory->pages = pages;
}

/** Nobody holds a page of it but we: a copy into one may still be under way for its last user. */
static bool is_unused(const struct device_memory *memory)
{
	for (uint64_t i = 0; i < memory->pages; i++) {
		if (load_acquire(&frame_of(memory->base + (i << HAL_PAGE_SHIFT))->refs) != 1)
			return false;
	}
	return true;
}

/** Which memory of the slot is for @pages pages: one from earlier, or a new one (lock held). */
static err_t find_dma(struct device *device, uint64_t pages, unsigned *at)
{
	unsigned order = 0;
	while (1ul << order < pages)
		order++;
	struct device_memory *memory = device->slot->memories;
	for (unsigned i = PCI_BARS; i < MEMORIES; i++) {
		*at = i;
		if (!memory[i].pages) {
			struct frame *frames = frame_alloc(order);
			if (!frames)
				return -ENOMEM;
			for (size_t j = 0; j < 1ul << order; j++)
				atomic_init(&frames[j].refs, 1);
			memory_init(&memory[i], &dma_ops, frame_paddr(frames), 1ul << order);
		}
		if (!device->regions[i] && memory[i].pages >= pages && is_unused(&memory[i]))
			return 0;
	}
	return -ENOSPC;
}

/** The region of memory @i, with a reference that is the grant's below @parent (lock held). */
static err_t give_region(struct device *device, unsigned i, struct grant *parent, struct grant **grant)
{
	struct device_memory *memory = &device->slot->memories[i];
	struct region **region = &device->regions[i];
	if (device->is_stopped)
		return -EBADF;
	if (!*region)
		*region = ipc_region_of_device(&memory->object, memory->pages << HAL_PAGE_SHIFT);
	if (!*region)
		return -ENOMEM;
	object_get(&(*region)->object);
	err_t err = grant_create_below(parent, &(*region)->object, OBJECT_REGION | RIGHTS_ALL, 0, grant);
	if (err)
		object_put(&(*region)->object);
	return err;
}

err_t ipc_device_bar(struct grant *parent, uint64_t n, struct grant **grant)
{
	struct device *device = device_of(parent->object);
	if (n >= PCI_BARS)
		return -ENODEV;
	const struct pci_bar *bar = &device->slot->function->bars[n];
	if (bar->is_port || !bar->size)
		return -ENODEV;
	if ((bar->base | bar->size) % HAL_PAGE_SIZE)
		return -ENOTSUP;
	sched_mutex_lock(&device->lock);
	if (!device->slot->memories[n].pages)
		memory_init(&device->slot->memories[n], &bar_ops, bar->base, bar->size >> HAL_PAGE_SHIFT);
	err_t err = give_region(device, (unsigned)n, parent, grant);
	sched_mutex_unlock(&device->lock);
	return err;
}

err_t ipc_device_dma(struct grant *parent, uint64_t bytes, paddr_t *address, struct grant **grant)
{
	struct device *device = device_of(parent->object);
	unsigned i;
	if (!bytes || bytes > HAL_PAGE_SIZE << FRAME_ORDER_MAX)
		return -EINVAL;
	sched_mutex_lock(&device->lock);
	err_t err = find_dma(device, align_up(bytes, HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT, &i);
	if (!err) {
		struct device_memory *memory = &device->slot->memories[i];
		*address = memory->base;
		memset(hal_direct(memory->base), 0, memory->pages << HAL_PAGE_SHIFT);
		err = give_region(device, i, parent, grant);
	}
	sched_mutex_unlock(&device->lock);
	return err;
}

// ---- interrupt ------------------------------------------------------------------------------------

/** Runs with the lock of the table of interrupts held: after irq_disconnect() it runs no more. */
static bool on_interrupt(struct irq_handler *handler)
{
	struct device *device = container_of(handler, struct device, handler);
	const struct pci_function *function = device->slot->function;
	spin_lock(&device->irq_lock);
	bool is_ours = device->slot->trigger == HAL_IRQ_EDGE_RISING ||
		       (!device->is_masked && hal_pci_line_is_up(function));
	if (is_ours && device->is_masked) {
		device->is_pending = true;
	} else if (is_ours) {
		device->is_masked = true;
		hal_pci_mask_line(function);
		(void)!ipc_signal(device->told, device->bits);
	}
	spin_unlock(&device->irq_lock);
	return is_ours;
}

/** Lock held. */
static err_t connect(struct device *device, struct object *notification, uint64_t bits)
{
	struct slot *slot = device->slot;
	err_t err = 0;
	if (device->is_stopped)
		return -EBADF;
	if (device->told)
		return -EBUSY;
	if (!slot->has_irq)
		err = hal_pci_irq(slot->function, &slot->irq, &slot->trigger);
	if (err)
		return err;
	slot->has_irq = true;
	device->told = ipc_notification_of(notification);
	device->bits = bits;
	device->handler.fn = on_interrupt;
	err = irq_connect(&device->handler, slot->irq, slot->trigger, "device");
	if (err) {
		device->told = NULL;
		return err;
	}
	object_get(notification);
	// An interrupt that has come already masked it, and stays so.
	irqflags_t flags = spin_lock_irqsave(&device->irq_lock);
	if (!device->is_masked)
		hal_pci_unmask_line(slot->function);
	spin_unlock_irqrestore(&device->irq_lock, flags);
	return 0;
}

err_t ipc_device_irq(struct grant *grant, struct object *notification, uint64_t bits)
{
	struct device *device = device_of(grant->object);
	if (!bits)
		return -EINVAL;
	sched_mutex_lock(&device->lock);
	err_t err = connect(device, notification, bits);
	sched_mutex_unlock(&device->lock);
	return err;
}

err_t ipc_device_ack(struct object *object)
{
	struct device *device = device_of(object);
	sched_mutex_lock(&device->lock);
	err_t err = device->is_stopped ? -EBADF : !device->told ? -EINVAL : 0;
	irqflags_t flags = spin_lock_irqsave(&device->irq_lock);
	if (!err && device->is_pending) {
		device->is_pending = false;
		(void)!ipc_signal(device->told, device->bits);
	} else if (!err && device->is_masked) {
		device->is_masked = false;
		hal_pci_unmask_line(device->slot->function);
	}
	spin_unlock_irqrestore(&device->irq_lock, flags);
	sched_mutex_unlock(&device->lock);
	return err;
}

// ---- life -----------------------------------------------------------------------------------------

/** Nobody can use it any more: it is silent, all that was mapped of it is unmapped, then it may be opened
 *  again. */
static void stop(struct device *device)
{
	const struct pci_function *function = device->slot->function;
	sched_mutex_lock(&device->lock);
	device->is_stopped = true;
	if (device->told) {
		irqflags_t flags = spin_lock_irqsave(&device->irq_lock);
		device->is_masked = true;
		hal_pci_mask_line(function);
		spin_unlock_irqrestore(&device->irq_lock, flags);
		irq_disconnect(&device->handler);
		object_put(&device->told->object);
	}
	for (unsigned i = 0; i < MEMORIES; i++) {
		if (!device->regions[i])
			continue;
		ipc_region_end(device->regions[i]);
		object_put(&device->regions[i]->object);
	}
	hal_pci_disable(function);
	sched_mutex_unlock(&device->lock);
}

static void device_grant_new(struct object *object, uint32_t rights)
{
	if (rights & IPC_RIGHT_RECV)
		fetch_add_relaxed(&device_of(object)->users, 1);
}

static void device_grant_gone(struct object *object, uint32_t rights)
{
	struct device *device = device_of(object);
	if ((rights & IPC_RIGHT_RECV) && fetch_sub_acq_rel(&device->users, 1) == 1 && device->slot)
		stop(device);
}

static void free_device(struct quiesce *head)
{
	kfree(container_of(head, struct device, quiesce));
}

static void device_destroy(struct object *object)
{
	quiesce_defer(&device_of(object)->quiesce, free_device);
}

static const struct object_ops device_ops = {
	.name = "device",
	.destroy = device_destroy,
	.grant_new = device_grant_new,
	.grant_gone = device_grant_gone,
};

static struct device *new_device(struct slot *slot)
{
	struct device *device = kzalloc(sizeof(*device));
	if (!device)
		return NULL;
	object_init(&device->object, &device_ops);
	device->slot = slot;
	atomic_init(&device->users, 1);
	sched_mutex_init(&device->lock);
	spin_init(&device->irq_lock);
	return device;
}

err_t ipc_device_root(struct grant **grant)
{
	sched_mutex_init(&slots_lock);
	struct device *root = new_device(NULL);
	return root ? grant_create(&root->object, OBJECT_DEVICE_ROOT | RIGHTS_ALL, 0, sizeof(*root), grant) : -ENOMEM;
}

/** NULL = no memory. */
static struct slot *slot_of(const struct pci_function *function)
{
	sched_mutex_lock(&slots_lock);
	struct slot *slot = slots;
	while (slot && slot->function != function)
		slot = slot->next;
	if (!slot && (slot = kzalloc(sizeof(*slot)))) {
		slot->function = function;
		slot->next = slots;
		slots = slot;
	}
	sched_mutex_unlock(&slots_lock);
	return slot;
}

static const struct pci_function *find_function(uint64_t id, uint64_t n)
{
	const struct pci_function *function = hal_pci_first();
	while (function && (((uint64_t)function->device << 16 | function->vendor) != id || n--))
		function = function->next;
	return function;
}

err_t ipc_device_open(struct grant *root, uint64_t id, uint64_t n, struct grant **grant)
{
	const struct pci_function *function = find_function(id, n);
	if (!function)
		return -ENODEV;
	if (function->class >> 16 == CLASS_BRIDGE)
		return -EPERM; // what is behind it would stop with it
	struct slot *slot = slot_of(function);
	struct device *device = slot ? new_device(slot) : NULL;
	err_t err = device ? hal_pci_enable(function) : -ENOMEM;
	if (!err) {
		err = grant_create_below(root, &device->object, OBJECT_DEVICE | RIGHTS_ALL, sizeof(*device), grant);
		if (!err)
			return 0;
		hal_pci_disable(function);
	}
	kfree(device);
	return err;
}
