// SPDX-License-Identifier: MIT
// Fuzz target: read any bytes as an archive; every entry must lie within them.
#include <lib/cpio.h>
#include <lib/string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const uint8_t *data, size_t size, const struct cpio_entry *e)
{
	const uint8_t *name = (const uint8_t *)e->name, *end = data + size;

	if (name < data || name + strlen(e->name) >= end)
		__builtin_trap();
	if (e->data < data || e->data > end || e->size > (size_t)(end - e->data))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio_cursor c;
	struct cpio_entry e;
	size_t pos = 0;
	int got;

	cpio_open(&c, data, size);
	while ((got = cpio_next(&c, &e)) == 1) {
		check_entry(data, size, &e);
		if (c.pos <= pos) // no progress: it would never end
			__builtin_trap();
		pos = c.pos;
	}
	if (got < 0 && c.pos >= size)
		__builtin_trap();
	return 0;
}
