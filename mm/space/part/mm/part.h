// SPDX-License-Identifier: MIT
// mm's part of a thread.
#pragma once

#include <lib/types.h>

struct mm_space;

struct mm_part {
	struct mm_space *space; // user address space; NULL for kernel threads. Holds a reference.
	uint32_t claim; // enum frame_claim, the least that it has now
};
