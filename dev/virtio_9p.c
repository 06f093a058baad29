// SPDX-License-Identifier: MIT
// 9P transport devices (Virtio 1.2, section 5: device 9): each is a channel named by its mount tag.
#include <fs/ninep.h>
#include <kernel/log.h>
#include <lib/error.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#include "virtio.h"

#define VENDOR 0x1af4
#define DEVICE 0x1049
#define DEVICE_TRANSITIONAL 0x1009
#define FEATURE_MOUNT_TAG 1u
#define TAG_MAX 31

struct share {
	struct virtio virtio;
	struct ninep_channel channel;
	char tag[TAG_MAX + 1];
};

static int64_t request(struct ninep_channel *channel, const void *out, uint32_t out_len, void *in,
		       uint32_t in_size)
{
	struct share *share = container_of(channel, struct share, channel);
	return virtio_request(&share->virtio, out, out_len, in, in_size);
}

/** The device's configuration: length (two bytes) and text. False: none, or longer than we take. */
static bool read_tag(struct share *share)
{
	unsigned len = virtio_config(&share->virtio, 0) | (unsigned)virtio_config(&share->virtio, 1) << 8;
	if (!len || len > TAG_MAX)
		return false;
	for (unsigned i = 0; i < len; i++)
		share->tag[i] = (char)virtio_config(&share->virtio, 2 + i);
	return true;
}

static void add(const struct pci_function *function)
{
	struct share *share = kzalloc(sizeof(*share));
	err_t err = share ? virtio_init(&share->virtio, function, FEATURE_MOUNT_TAG, "virtio-9p") : -ENOMEM;
	if (!err && read_tag(share)) {
		share->channel.tag = share->tag;
		share->channel.request = request;
		ninep_channel_register(&share->channel);
		log_info("virtio: shared folder \"%s\", interrupt %u", share->tag, share->virtio.irq.irq);
		return;
	}
	log_warn("virtio: the shared folder at %02x:%02x.%x is not used: %s", function->address >> 8,
		 function->address >> 3 & 31u, function->address & 7u,
		 err ? err_name(err) : "its name is too long or missing");
	if (err)
		kfree(share); // else the device is running: its interrupt refers to it
}

void virtio_9p_init(void)
{
	const struct pci_function *function = hal_pci_first();
	for (; function; function = function->next) {
		if (function->vendor == VENDOR &&
		    (function->device == DEVICE || function->device == DEVICE_TRANSITIONAL))
			add(function);
	}
}
