// SPDX-License-Identifier: MIT
// Pseudo terminals, inside dev/.
#pragma once

#include "tty.h"

#define PTY_SLAVE_MAJOR 136

void pty_init(void);
/** /dev/ptmx. -ENOSPC: all in use. */
must_check err_t pty_open_master(uint32_t open_flags, struct file **file);
must_check err_t pty_open_slave(uint32_t index, uint32_t open_flags, struct file **file);
