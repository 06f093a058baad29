// SPDX-License-Identifier: MIT
// Page frames: a buddy allocator with per-CPU caches of single frames, and one descriptor of at most
// 32 bytes for each frame of RAM.
#pragma once

#include <hal/atomic.h>
#include <hal/mmu.h>
#include <lib/list.h>
#include <lib/types.h>

#define FRAME_ORDER_MAX 10 // 4 MiB

struct frame {
	_Atomic uint32_t refs; // mappings and other holders; free at 0
	uint32_t flags; // FRAME_*, order of a free or allocated block in the low byte
	union {
		struct list node; // on a free list
		struct { // of a page cache
			void *owner;
			uint64_t index;
		};
		struct { // of a slab
			void *cache;
			void *freelist;
		};
	};
};
static_assert(sizeof(struct frame) <= 32, "a page-frame descriptor is at most 32 bytes");

/** 2^@order frames with refs 1, not zeroed; NULL when out of memory. Any context, interrupts on or
 *  off (irq-safe). */
must_check struct frame *frame_alloc(unsigned order);
must_check struct frame *frame_alloc_zeroed(void); // one frame
/** Return a block as it was allocated. */
void frame_free(struct frame *frame, unsigned order);
/** One more / one fewer holder of a single frame; the last one frees it. */
void frame_get(struct frame *frame);
void frame_put(struct frame *frame);

struct frame *frame_of(paddr_t pa);
paddr_t frame_paddr(const struct frame *frame);
void *frame_direct(const struct frame *frame); // direct-map address
/** RAM that the allocator manages? (device memory and holes are not) */
bool frame_is_ram(paddr_t pa);

struct frame_stats {
	uint64_t total, free; // frames
	uint64_t reserved; // RAM that was never given to the allocator: image, descriptors, firmware
};
void frame_get_stats(struct frame_stats *stats);
