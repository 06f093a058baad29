// SPDX-License-Identifier: MIT
// What the files of mm/alloc call in one another.
#pragma once

#include <lib/types.h>

struct frame;

/** Build and activate the final kernel map. Boot memory only. */
void kmap_init(void);
/** Put the frames of all RAM that is free into the buddy lists; bootmem ends. */
void frame_init(void);
bool frame_is_up(void);
/** frame_init's second half: fill the buddy lists. */
void frame_lists_init(void);
/** Call @give for each range of RAM that is free at boot. */
void frame_for_each_free(void (*give)(paddr_t base, paddr_t end));
/** Frames of RAM that bootinfo lists. */
uint64_t frame_ram_count(void);
/** The caches and the kmalloc classes. */
void slab_init(void);

/** Return what this CPU caches to the common lists. Interrupts off. */
void pagetable_drain_this_cpu(void);
void slab_drain_this_cpu(void);
void kstack_drain_this_cpu(void);
/** Slots of stacks that are gone may be used again, the lowest first; page tables that map none any more
 *  go to this CPU's kept ones. As frame_drain_all(). */
void kstack_reuse_slots(void);
