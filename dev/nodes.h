// SPDX-License-Identifier: MIT
// Which device nodes there are.
#pragma once

#include <lib/types.h>

struct dev_node {
	const char *name; // below /dev
	uint32_t mode; // permissions
	uint64_t rdev;
};

void dev_for_each_node(void (*visit)(void *arg, const struct dev_node *node), void *arg);
