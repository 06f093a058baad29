// SPDX-License-Identifier: MIT
// The two readers of loader information, for boot.c.
#pragma once

#include <lib/types.h>

/** [@addr, @addr+@len) through the boot map; NULL when it does not reach there. */
const void *loader_phys(paddr_t addr, size_t len);
/** One entry of a memory map with E820's types. */
void loader_add_memory(paddr_t base, uint64_t size, uint32_t type);
/** The same entry once more, after bootinfo_finish(): what a map calls RAM and also something else is kept
 *  out of use, with a warning. */
void loader_keep_memory(paddr_t base, uint64_t size, uint32_t type);
/** The NUL-terminated text at @addr, at most @max bytes with its NUL; "" when there is none. */
const char *loader_string(paddr_t addr, size_t max);

/** Take [@start, @end) as the initrd, moved into RAM if it is not. After bootinfo_finish(). */
void loader_set_initrd(paddr_t start, paddr_t end);

/** Fill bootinfo from the information at @info: ranges first, then, after bootinfo_finish(), what
 *  lies in them. False: it is not what it says. */
bool pvh_read(paddr_t info);
bool multiboot2_read(paddr_t info);
