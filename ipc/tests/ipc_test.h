// SPDX-License-Identifier: MIT
// What the unit tests of ipc share.
#pragma once

#include <lib/test.h>
#include <object/init.h>

/** Tests may run before the rooms are initialised. */
static inline void ipc_test_init(void)
{
	object_init_caches();
}
