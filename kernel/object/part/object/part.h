// SPDX-License-Identifier: MIT
// kernel/object's part of a thread.
#pragma once

#include <lib/types.h>

struct fdtable;
struct cred;

struct object_part {
	struct fdtable *fds; // NULL for kernel threads. Holds a reference.
	struct cred *cred; // immutable, counted; NULL = kernel (all rights)
};
