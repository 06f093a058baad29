// SPDX-License-Identifier: MIT
// Slab caches of this room.
#include <object/init.h>

void object_init_caches(void)
{
	grant_init_cache();
	file_init_cache();
}
