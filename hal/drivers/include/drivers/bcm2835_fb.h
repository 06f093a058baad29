// SPDX-License-Identifier: MIT
// The Raspberry Pi's screen: its firmware sets the mode and lends the memory.
#pragma once

/** Ask the firmware for a framebuffer, if the device tree has its mailbox, and put it into bootinfo. Boot
 *  CPU, after bootinfo. Without a display there is none. */
void bcm2835_fb_init(void);
