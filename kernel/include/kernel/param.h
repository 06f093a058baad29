// SPDX-License-Identifier: MIT
// The kernel command line: "name=value" words; what stands after "--" belongs to init.
#pragma once

#include <lib/types.h>

/** The value of the last word "@name=..." ("" for a bare @name), or NULL. Valid for ever. */
const char *param_get(const char *name);
/** A number (decimal, 0x, K M G suffix) with a default; a bad one is warned about and ignored. */
uint64_t param_get_u64(const char *name, uint64_t fallback);
bool param_is_set(const char *name);

/** Words after "--" for init, at most @max; returns how many. They point into a static buffer. */
unsigned param_init_args(const char **argv, unsigned max);
/** Warn about each word that no param_*() asked for. Called once, when all rooms are up. */
void param_warn_unknown(void);
