// SPDX-License-Identifier: MIT
// Memory before the page-frame allocator: taken from the upper ends of bootinfo's free ranges, at
// first only where the boot map reaches, from the final map on anywhere in RAM. Boot CPU only.
#pragma once

#include <hal/bootinfo.h>
#include <lib/types.h>

/** Zeroed memory in the direct map, never freed; panics with a clear line when there is too little
 *  memory. @align is a power of two. Only until frames are up. */
void *bootmem_alloc(size_t size, size_t align);
/** From now on all RAM may be handed out: the final map is active. */
void bootmem_use_all_ram(void);
/** What bootmem has handed out, as at most @max ranges; returns how many. */
unsigned bootmem_taken(struct boot_range *ranges, unsigned max);
