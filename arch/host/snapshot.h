// SPDX-License-Identifier: MIT
// Going back to the state in which runs begin (lab mode, without sanitizers).
#pragma once

#include "host.h"

/** Remember all memory of the machine as it is now. Once. */
void host_snapshot_take(void);
/** Make it so again. Not on a stack of the machine. */
void host_snapshot_restore(void);
/** @address belongs to what was remembered. */
bool host_snapshot_covers(uintptr_t address);
