// SPDX-License-Identifier: MIT
// Heap sort.
#include <lib/sort.h>

static void swap_bytes(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/** Let element @i sink into the heap of the first @n elements. */
static void sift_down(uint8_t *base, size_t i, size_t n, size_t size, sort_cmp_fn cmp, void *arg)
{
	while (i < n / 2) {
		size_t child = 2 * i + 1;

		if (child + 1 < n && cmp(base + child * size, base + (child + 1) * size, arg) < 0)
			child++;
		if (cmp(base + i * size, base + child * size, arg) >= 0)
			return;
		swap_bytes(base + i * size, base + child * size, size);
		i = child;
	}
}

void sort(void *base, size_t n, size_t size, sort_cmp_fn cmp, void *arg)
{
	for (size_t i = n / 2; i-- > 0;)
		sift_down(base, i, n, size, cmp, arg);
	while (n > 1) {
		n--;
		swap_bytes(base, (uint8_t *)base + n * size, size);
		sift_down(base, 0, n, size, cmp, arg);
	}
}
