// SPDX-License-Identifier: MIT
// The property mailbox of the Raspberry Pi's firmware (raspberrypi/firmware wiki: "Mailbox property
// interface"), asked once: for a framebuffer of the display's own size, 32 bits a pixel. A message is a
// buffer in memory whose address, as the firmware sees it (dma-ranges of the bus), goes through the mailbox.
#include <drivers/bcm2835_fb.h>

#include <arch/boot.h>
#include <hal/bootinfo.h>
#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <uapi/errno.h>

#define MBOX_READ 0x00
#define MBOX_READ_STATUS 0x18
#define MBOX_WRITE 0x20
#define MBOX_WRITE_STATUS 0x38
#define MBOX_SIZE 0x40
#define STATUS_EMPTY (1u << 30)
#define STATUS_FULL (1u << 31)
#define CHANNEL_PROPERTY 8u
#define CHANNEL_MASK 0xfu
#define POLLS_MAX 10000000u // a firmware that does not answer must not hold the boot up for long

#define RESPONSE_OK 0x80000000u
#define TAG_GET_SIZE 0x00040003u
#define TAG_SET_PHYSICAL_SIZE 0x00048003u
#define TAG_SET_VIRTUAL_SIZE 0x00048004u
#define TAG_SET_DEPTH 0x00048005u
#define TAG_SET_PIXEL_ORDER 0x00048006u
#define TAG_ALLOCATE 0x00040001u
#define TAG_GET_PITCH 0x00040008u
#define ORDER_RGB 1u // red at bit 0
#define BUS_ADDRESS_MASK 0x3fffffffu // the firmware's aliases of its first GiB

static _Alignas(64) volatile uint32_t message[64];
static vaddr_t base;
static uint64_t bus_offset; // the firmware's address of physical 0

static bool wait_while(vaddr_t status, uint32_t bit)
{
	for (unsigned i = 0; i < POLLS_MAX; i++) {
		if (!(hal_mmio_read32(status) & bit))
			return true;
		hal_cpu_relax();
	}
	return false;
}

/** Send `message`, whose words from 2 to @words - 1 are tags; false: no answer, or not a good one. */
static bool call(unsigned words)
{
	message[words] = 0; // the end of the tags
	message[0] = (words + 1) * (uint32_t)sizeof(message[0]);
	message[1] = 0;
	arch_cache_flush((const void *)message, sizeof(message));
	uint32_t addr = (uint32_t)(hal_image_paddr((const void *)message) + bus_offset);
	if (!wait_while(base + MBOX_WRITE_STATUS, STATUS_FULL))
		return false;
	hal_mmio_write32(base + MBOX_WRITE, addr | CHANNEL_PROPERTY);
	do {
		if (!wait_while(base + MBOX_READ_STATUS, STATUS_EMPTY))
			return false;
	} while ((hal_mmio_read32(base + MBOX_READ) & CHANNEL_MASK) != CHANNEL_PROPERTY);
	arch_cache_flush((const void *)message, sizeof(message)); // what was read ahead meanwhile
	return message[1] == RESPONSE_OK;
}

/** Put a tag with @count words of value at word @at; returns the next free one. */
static unsigned put_tag(unsigned at, uint32_t tag, unsigned count, uint32_t a, uint32_t b)
{
	message[at] = tag;
	message[at + 1] = count * (uint32_t)sizeof(message[0]);
	message[at + 2] = 0;
	message[at + 3] = a;
	if (count > 1)
		message[at + 4] = b;
	return at + 3 + count;
}

/** By the first of the bus's dma-ranges, of 1 + 2 + 1 cells. */
static uint64_t read_bus_offset(int node)
{
	size_t len;
	const void *ranges = fdt_property(&hal_fdt, fdt_parent(&hal_fdt, node), "dma-ranges", &len);
	if (!ranges || len < 4 * sizeof(uint32_t) || fdt_cell(ranges, 1) || fdt_cell(ranges, 2))
		return 0;
	return fdt_cell(ranges, 0);
}

static err_t init(int node)
{
	paddr_t addr;
	uint64_t size;
	if (base)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || size < MBOX_SIZE)
		return -EINVAL;
	bus_offset = read_bus_offset(node);
	base = hal_mmio_map(addr, size);
	return base ? 0 : -ENOMEM;
}

DT_DRIVER(video, "brcm,bcm2835-mbox", init);

void bcm2835_fb_init(void)
{
	if (dt_probe(DT_CLASS_video) == 0 || !call(put_tag(2, TAG_GET_SIZE, 2, 0, 0)))
		return;
	uint32_t width = message[5], height = message[6];
	if (width == 0 || height == 0)
		return;
	unsigned at = put_tag(2, TAG_SET_PHYSICAL_SIZE, 2, width, height);
	at = put_tag(at, TAG_SET_VIRTUAL_SIZE, 2, width, height);
	at = put_tag(at, TAG_SET_DEPTH, 1, 32, 0);
	at = put_tag(at, TAG_SET_PIXEL_ORDER, 1, ORDER_RGB, 0);
	unsigned address = at + 3;
	at = put_tag(at, TAG_ALLOCATE, 2, HAL_PAGE_SIZE, 0);
	unsigned pitch = at + 3;
	at = put_tag(at, TAG_GET_PITCH, 1, 0, 0);
	if (!call(at)) {
		bootinfo_warn("the firmware gives no framebuffer of %ux%u", width, height);
		return;
	}
	struct framebuffer fb = {
		.addr = message[address] & BUS_ADDRESS_MASK,
		.width = width,
		.height = height,
		.pitch = message[pitch],
		.bytes_per_pixel = 4,
		.red = {0, 8},
		.green = {8, 8},
		.blue = {16, 8},
	};
	bootinfo_set_framebuffer(&fb);
}
