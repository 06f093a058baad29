// SPDX-License-Identifier: MIT
// What carries 9P messages to a server: a device offers channels by name, and mounting one takes it.
#pragma once

#include <lib/list.h>
#include <lib/types.h>

struct ninep_channel {
	const char *tag; // the source given to mount(2)
	/** Send the message at @out and wait for the answer at @in; both are of the direct map and in one
	 *  piece. One call at a time. Bytes of the answer, or a negative error. */
	int64_t (*request)(struct ninep_channel *channel, const void *out, uint32_t out_len, void *in,
			   uint32_t in_size);
	struct list node; // fs's
	_Atomic uint32_t is_mounted; // fs's
};

/** @channel lives for ever. */
void ninep_channel_register(struct ninep_channel *channel);
