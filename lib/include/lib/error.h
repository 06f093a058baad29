// SPDX-License-Identifier: MIT
// Names of error codes, for logs.
#pragma once

#include <lib/types.h>

/** "ENOMEM" for ENOMEM or -ENOMEM, "OK" for 0, "E?" for a number without a name. */
const char *err_name(err_t err);
