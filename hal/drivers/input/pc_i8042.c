// SPDX-License-Identifier: MIT
// The PS/2 keyboard behind the i8042 controller of PCs (IBM PS/2 Hardware Interface Technical
// Reference, keyboard and auxiliary device controller). The controller translates to scan codes of
// set 1. Its commands are polled, at boot; afterwards only the data port is read, by the terminal's
// input under that one's lock.
#include <drivers/pc_i8042.h>

#include <drivers/pc.h>
#include <hal/cpu.h>
#include <hal/mmio.h>
#include <lib/scancode.h>

#define PORT_DATA 0x60
#define PORT_STATUS 0x64 // read
#define PORT_COMMAND 0x64 // write
#define STATUS_OUTPUT 0x01
#define STATUS_INPUT 0x02
#define STATUS_AUX 0x20 // the byte is the mouse's
#define COMMAND_READ_CONFIG 0x20
#define COMMAND_WRITE_CONFIG 0x60
#define COMMAND_DISABLE_AUX 0xa7
#define COMMAND_DISABLE_KEYBOARD 0xad
#define COMMAND_ENABLE_KEYBOARD 0xae
#define CONFIG_KEYBOARD_IRQ 0x01
#define CONFIG_AUX_IRQ 0x02
#define CONFIG_KEYBOARD_OFF 0x10
#define CONFIG_TRANSLATE 0x40
#define KEYBOARD_ENABLE 0xf4
#define POLLS_MAX 100000u // of about a microsecond each
#define DRAIN_MAX 64
#define ISA_IRQ 1

static struct scancode state;
static char text[SCANCODE_TEXT_MAX]; // of the last key, from `next` to `end`
static size_t next, end;

static bool wait_status(uint8_t mask, uint8_t value)
{
	for (unsigned i = 0; i < POLLS_MAX; i++) {
		if ((hal_port_read8(PORT_STATUS) & mask) == value)
			return true;
		hal_cpu_relax();
	}
	return false;
}

static bool send(uint16_t port, uint8_t value)
{
	if (!wait_status(STATUS_INPUT, 0))
		return false;
	hal_port_write8(port, value);
	return true;
}

static void drain(void)
{
	for (unsigned i = 0; i < DRAIN_MAX && (hal_port_read8(PORT_STATUS) & STATUS_OUTPUT); i++)
		hal_port_read8(PORT_DATA);
}

static int keyboard_read(void)
{
	while (next == end) {
		uint8_t status = hal_port_read8(PORT_STATUS);
		if (!(status & STATUS_OUTPUT) || status == 0xff)
			return -1;
		uint8_t code = hal_port_read8(PORT_DATA);
		if (status & STATUS_AUX)
			continue;
		next = 0;
		end = scancode_feed(&state, code, text);
	}
	return (uint8_t)text[next++];
}

static uint32_t keyboard_irq(void)
{
	return pc_info.isa_gsi[ISA_IRQ];
}

static bool read_config(uint8_t *config)
{
	drain();
	if (!send(PORT_COMMAND, COMMAND_READ_CONFIG) || !wait_status(STATUS_OUTPUT, STATUS_OUTPUT))
		return false;
	*config = hal_port_read8(PORT_DATA);
	return true;
}

static void keyboard_enable(void)
{
	uint8_t config = 0;
	(void)read_config(&config);
	config |= CONFIG_KEYBOARD_IRQ | CONFIG_TRANSLATE;
	config &= (uint8_t)~(CONFIG_AUX_IRQ | CONFIG_KEYBOARD_OFF);
	(void)(send(PORT_COMMAND, COMMAND_WRITE_CONFIG) && send(PORT_DATA, config));
}

static const struct keyboard_ops ops = {
	.read = keyboard_read,
	.input_irq = keyboard_irq,
	.enable_input = keyboard_enable,
};

const struct keyboard_ops *pc_i8042_init(void)
{
	// Where there is no controller the bus reads as ones, or as zeros that never answer.
	uint8_t config;
	if (hal_port_read8(PORT_STATUS) == 0xff || !send(PORT_COMMAND, COMMAND_DISABLE_AUX) ||
	    !send(PORT_COMMAND, COMMAND_DISABLE_KEYBOARD) || !read_config(&config))
		return NULL;
	if (!send(PORT_COMMAND, COMMAND_ENABLE_KEYBOARD) || !send(PORT_DATA, KEYBOARD_ENABLE))
		return NULL;
	if (wait_status(STATUS_OUTPUT, STATUS_OUTPUT))
		hal_port_read8(PORT_DATA); // its acknowledgement
	return &ops;
}
