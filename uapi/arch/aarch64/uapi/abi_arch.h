// SPDX-License-Identifier: MIT
// What Linux's interface on AArch64 has of its own.
#pragma once

#include <uapi/abi_generic.h>

#define ABI_SIGACTION_HAS_RESTORER 1

enum { ABI_O_DIRECTORY = 040000, ABI_O_NOFOLLOW = 0100000, ABI_O_DIRECT = 0200000, ABI_O_LARGEFILE = 0400000 };
