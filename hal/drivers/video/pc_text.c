// SPDX-License-Identifier: MIT
// Characters in a PC's text buffer: a byte of code page 437 and one of colours each (IBM VGA, XGA Technical
// Reference, 2: video subsystem). It is what there is when the boot loader found no graphics mode.
#include <drivers/pc_text.h>

#include <hal/mmio.h>
#include <lib/vt.h>

#define CRTC_INDEX 0x3d4
#define CRTC_DATA 0x3d5
#define CRTC_CURSOR_START 0x0a
#define CURSOR_OFF 0x20
#define INPUT_STATUS 0x3da // reading makes the next write to ATTRIBUTE an index
#define ATTRIBUTE 0x3c0
#define ATTRIBUTE_READ 0x3c1
#define ATTRIBUTE_MODE 0x30 // register 0x10, and the screen stays on
#define MODE_BLINK 0x08

// Of the characters above 0x7f those that programs draw with.
static const struct {
	uint16_t ch;
	uint8_t code;
} known[] = {
	{0x00a0, 0x20}, {0x00b0, 0xf8}, {0x00b1, 0xf1}, {0x00b7, 0xfa}, {0x00c4, 0x8e}, {0x00d6, 0x99},
	{0x00dc, 0x9a}, {0x00df, 0xe1}, {0x00e4, 0x84}, {0x00e9, 0x82}, {0x00f6, 0x94}, {0x00fc, 0x81},
	{0x2500, 0xc4}, {0x2502, 0xb3}, {0x250c, 0xda}, {0x2510, 0xbf}, {0x2514, 0xc0}, {0x2518, 0xd9},
	{0x251c, 0xc3}, {0x2524, 0xb4}, {0x252c, 0xc2}, {0x2534, 0xc1}, {0x253c, 0xc5}, {0x2588, 0xdb},
	{0x2592, 0xb1}, {0x25a0, 0xfe}, {0x25c6, 0x04},
};

static uint8_t code_of(uint16_t ch)
{
	if (ch < 0x7f)
		return (uint8_t)ch;
	for (unsigned i = 0; i < array_len(known); i++) {
		if (known[i].ch == ch)
			return known[i].code;
	}
	return '?';
}

/** ANSI's colours have red in bit 0 and blue in bit 2, the adapter's the other way round. */
static unsigned swap_red_and_blue(unsigned colours)
{
	return (colours & 0xaa) | (colours & 0x11) << 2 | (colours & 0x44) >> 2;
}

static void put(vaddr_t at, struct vt_cell cell)
{
	*(volatile uint16_t *)at = (uint16_t)(swap_red_and_blue(cell.colours) << 8 | code_of(cell.ch));
}

screen_put_fn *pc_text_init(void)
{
	hal_port_write8(CRTC_INDEX, CRTC_CURSOR_START);
	hal_port_write8(CRTC_DATA, CURSOR_OFF);
	(void)hal_port_read8(INPUT_STATUS);
	hal_port_write8(ATTRIBUTE, ATTRIBUTE_MODE);
	uint8_t mode = hal_port_read8(ATTRIBUTE_READ);
	hal_port_write8(ATTRIBUTE, mode & (uint8_t)~MODE_BLINK);
	return put;
}
