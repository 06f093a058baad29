// SPDX-License-Identifier: MIT
// Heap sort: in place, no recursion, n log n in the worst case; equal elements may change order.
#pragma once

#include <lib/types.h>

/** < 0, 0, > 0 as *@a is before, equal to, after *@b. */
typedef int (*sort_cmp_fn)(const void *a, const void *b, void *arg);

/** Sort @n elements of @size bytes. */
void sort(void *base, size_t n, size_t size, sort_cmp_fn cmp, void *arg);
