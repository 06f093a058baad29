// SPDX-License-Identifier: MIT
// Devices as programs see them: the console's terminal, /dev/null and its kin, pseudo terminals.
#pragma once

#include <lib/types.h>

struct file;

/** Boot, once, thread context, after the root was unpacked: register the devices and mount
 *  their nodes at /dev. */
void dev_init(void);
/** /dev/console for reading and writing: init's descriptors 0 to 2. NULL = no memory. */
must_check struct file *dev_console_open(void);
