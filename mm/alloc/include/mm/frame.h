// SPDX-License-Identifier: MIT
// Page frames: a buddy allocator with per-CPU caches of single frames, and one descriptor of 32
// bytes for each frame of RAM.
#pragma once

#include <hal/atomic.h>
#include <hal/mmu.h>
#include <lib/list.h>
#include <lib/types.h>

#define FRAME_ORDER_MAX 10 // 4 MiB
#define FRAME_ORDER_MASK 0xffu

enum frame_flags {
	FRAME_FREE = 1 << 8, // head of a free block in the buddy lists; its order in the low byte
	FRAME_RESERVED = 1 << 9, // RAM that the allocator was never given, or a hole
	FRAME_SLAB = 1 << 10, // head of a slab; its cache's number in the upper half
	FRAME_SLAB_TAIL = 1 << 11, // further frame of a slab; owner = the head
	FRAME_LARGE = 1 << 12, // kmalloc'ed block of whole frames; its order in the low byte
	FRAME_CODE_SYNCED = 1 << 13, // instruction caches are in step (frame_written() clears it)
};

struct frame {
	/** Mappings and other holders; free at 0. Of a slab's head: see slab.c. */
	_Atomic uint32_t refs;
	_Atomic uint32_t flags; // FRAME_*
	paddr_t pa;
	union {
		struct list node; // while on a list: free, or the holder's
		struct { // of a page cache
			void *owner;
			uint64_t index;
		};
	};
};
_Static_assert(sizeof(struct frame) == 32, "a page-frame descriptor is 32 bytes");

// Descriptors come in sections of 16 MiB of address space; a section without RAM has none.
#define FRAME_SECTION_SHIFT 24
#define FRAME_SECTION_FRAMES (1ul << (FRAME_SECTION_SHIFT - HAL_PAGE_SHIFT))
extern struct frame **frame_sections;
extern size_t frame_section_count;

/** 2^@order frames with refs 1, not zeroed; NULL when out of memory. Any context. With interrupts on
 *  it may ask other CPUs for their cached frames before it fails, so no spinning lock is held then. */
must_check struct frame *frame_alloc(unsigned order);
must_check struct frame *frame_alloc_zeroed(void); // one frame
/** Return a block as it was allocated, whatever its refs. */
void frame_free(struct frame *frame, unsigned order);

/** The descriptor of RAM address @pa (frame_is_ram() or just allocated). */
static inline struct frame *frame_of(paddr_t pa)
{
	return frame_sections[pa >> FRAME_SECTION_SHIFT] +
	       ((pa >> HAL_PAGE_SHIFT) & (FRAME_SECTION_FRAMES - 1));
}

static inline paddr_t frame_paddr(const struct frame *frame)
{
	return frame->pa;
}

/** Direct-map address of the frame. */
static inline void *frame_direct(const struct frame *frame)
{
	return hal_direct(frame->pa);
}

/** One more holder of a single frame that the caller already has a hold of. */
static inline void frame_get(struct frame *frame)
{
	fetch_add_relaxed(&frame->refs, 1);
}

/** One fewer; the last one frees the frame. */
static inline void frame_put(struct frame *frame)
{
	// The only holder needs no locked operation: nobody else can become one.
	if (load_acquire(&frame->refs) == 1 || fetch_sub_acq_rel(&frame->refs, 1) == 1)
		frame_free(frame, 0);
}

/** The kernel wrote to a frame that user space may map executable (a page cache's): call it after
 *  the write, so that the next executable mapping synchronises the instruction caches. */
static inline void frame_written(struct frame *frame)
{
	if (unlikely(load_relaxed(&frame->flags) & FRAME_CODE_SYNCED))
		fetch_and_acq_rel(&frame->flags, ~(uint32_t)FRAME_CODE_SYNCED);
}

/** RAM that the allocator manages? (device memory, holes and reserved RAM are not) */
bool frame_is_ram(paddr_t pa);
/** Give reserved RAM that nobody needs any more (the initrd) to the allocator: whole pages inside
 *  [@base, @base+@size). */
void frame_release_reserved(paddr_t base, uint64_t size);

/** What current may take of the last free frames, the least first. A part is a 64th of RAM, but 1 MiB to
 *  8 MiB. A call of a user without CAP_SYS_ADMIN leaves three parts, a page fault that found nothing two, one
 *  that holds locks one and a half, root a quarter; the kernel's threads, interrupts and who ends leave nothing. */
enum frame_claim {
	FRAME_CLAIM_CALL, FRAME_CLAIM_FAULT, FRAME_CLAIM_HOLDER, FRAME_CLAIM_ROOT, FRAME_CLAIM_KERNEL,
	FRAME_CLAIMS
};
/** From now on. Before, everybody may have all. */
void frame_keep_reserve(void);
/** Is there no frame that current may have? */
bool frame_is_short(void);

struct frame_stats {
	uint64_t total, free; // frames
	uint64_t reserved; // RAM that was never given to the allocator: image, descriptors, firmware
};
void frame_get_stats(struct frame_stats *stats);
/** Return what this CPU's caches (frames, tables, slabs) hold to the common lists. */
void frame_drain_this_cpu(void);
/** The same on every CPU; thread context, interrupts on. Tests balance their books after it. */
void frame_drain_all(void);
