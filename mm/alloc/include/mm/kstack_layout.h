// SPDX-License-Identifier: MIT
// Where kernel stacks are: slots of twice a stack's size at the start of HAL_KMAP.
#pragma once

#include <hal/context.h>
#include <hal/mmu.h>

#define KSTACK_SLOT_SIZE (2 * HAL_KSTACK_SIZE)
#define KSTACK_AREA_SIZE (CONFIG_HOST ? GIB(8) : MIB(512)) // every port's HAL_KMAP_SIZE is at least that
#define KSTACK_SLOTS (KSTACK_AREA_SIZE / KSTACK_SLOT_SIZE)
_Static_assert(HAL_KMAP_SIZE >= KSTACK_AREA_SIZE, "the kernel stacks fit HAL_KMAP");
