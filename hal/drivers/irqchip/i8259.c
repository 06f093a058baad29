// SPDX-License-Identifier: MIT
// The legacy interrupt controllers: moved away from the exception vectors and masked for good.
// (Intel 8259A data sheet, initialisation command words.)
#include <drivers/pc.h>

#include <arch/layout.h>
#include <hal/mmio.h>

enum { PIC1_COMMAND = 0x20, PIC1_DATA = 0x21, PIC2_COMMAND = 0xa0, PIC2_DATA = 0xa1 };

void i8259_mask_all(void)
{
	hal_port_write8(PIC1_COMMAND, 0x11); // ICW1: ICW4 follows
	hal_port_write8(PIC2_COMMAND, 0x11);
	// ICW2: a spurious interrupt can still come; let it look like one of the APIC's.
	hal_port_write8(PIC1_DATA, X86_VECTOR_SPURIOUS & 0xf8);
	hal_port_write8(PIC2_DATA, X86_VECTOR_SPURIOUS & 0xf8);
	hal_port_write8(PIC1_DATA, 0x04); // ICW3: the second one at input 2
	hal_port_write8(PIC2_DATA, 0x02);
	hal_port_write8(PIC1_DATA, 0x01); // ICW4: 8086 mode
	hal_port_write8(PIC2_DATA, 0x01);
	hal_port_write8(PIC1_DATA, 0xff);
	hal_port_write8(PIC2_DATA, 0xff);
}
