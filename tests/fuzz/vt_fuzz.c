// SPDX-License-Identifier: MIT
// Fuzz target: any bytes on a small screen; the cursor and the scrolling region stay inside.
#include <lib/vt.h>

#define COLUMNS 7
#define ROWS 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vt_cell cells[COLUMNS * ROWS];
	struct vt vt;

	vt_init(&vt, cells, COLUMNS, ROWS);
	for (size_t i = 0; i < size; i++) {
		vt_write(&vt, (const char *)data + i, 1);
		if (vt.x >= COLUMNS || vt.y >= ROWS || vt.top >= vt.bottom || vt.bottom >= ROWS ||
		    vt.reply_len > VT_REPLY_MAX || vt.dirty_end > ROWS)
			__builtin_trap();
	}
	return 0;
}
