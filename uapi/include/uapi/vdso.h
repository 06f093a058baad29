// SPDX-License-Identifier: MIT
// What the kernel keeps for programs' clocks, in a page of its own just below the image of the vDSO.
#pragma once

#include <stdint.h>

struct vdso_clock {
	uint64_t boot_ticks; // the counter at boot
	uint64_t ns_per_tick; // << VDSO_FACTOR_SHIFT
	uint64_t realtime_offset; // nanoseconds from boot time to the time since 1970; changes
	uint32_t is_usable; // else programs ask the kernel
};
#define VDSO_FACTOR_SHIFT 32
