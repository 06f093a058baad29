// SPDX-License-Identifier: MIT
// Slab caches of this room.
#include <lib/types.h>
#include <object/init.h>

void object_init_caches(void)
{
	static bool is_up; // tests of several rooms come here, one after the other
	if (is_up)
		return;
	is_up = true;
	grant_init_cache();
	file_init_cache();
}
