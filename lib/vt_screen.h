// SPDX-License-Identifier: MIT
// Operations on the screen, for the parser (vt.c). Counts of 0 mean 1; all stay inside the screen.
#pragma once

#include <lib/vt.h>

void vt_screen_reset(struct vt *vt);
void vt_put(struct vt *vt, uint16_t ch);
void vt_line_feed(struct vt *vt);
void vt_reverse_feed(struct vt *vt);
void vt_move_to(struct vt *vt, unsigned x, unsigned y);
/** Scroll rows [@top, bottom of the region] by @count: up, or down. */
void vt_scroll_up(struct vt *vt, unsigned top, unsigned count);
void vt_scroll_down(struct vt *vt, unsigned top, unsigned count);
/** Shift the rest of the cursor's line by @count: apart, or together. */
void vt_insert_cells(struct vt *vt, unsigned count);
void vt_delete_cells(struct vt *vt, unsigned count);
/** Blank [@from, @end) of row @y. */
void vt_erase(struct vt *vt, unsigned y, unsigned from, unsigned end);
/** Blank rows [@from, @end). */
void vt_erase_rows(struct vt *vt, unsigned from, unsigned end);
