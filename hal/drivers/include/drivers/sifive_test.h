// SPDX-License-Identifier: MIT
// QEMU's way out of the virt machine with an exit status.
#pragma once

#include <lib/types.h>

/** Leave with @status; returns where there is no such device. */
void sifive_test_exit(unsigned status);
