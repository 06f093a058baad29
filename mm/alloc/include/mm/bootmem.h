// SPDX-License-Identifier: MIT
// Memory before the page-frame allocator: taken from the ends of bootinfo's free ranges.
#pragma once

#include <lib/types.h>

/** Zeroed memory inside the mapped direct map, never freed; panics with a clear line when there is
 *  too little memory. Only until frames are up. */
void *bootmem_alloc(size_t size, size_t align);
