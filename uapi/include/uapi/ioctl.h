// SPDX-License-Identifier: MIT
// ioctl numbers that act on any descriptor, Linux's values on all three architectures.
#pragma once

#define FIONCLEX 0x5450u
#define FIOCLEX 0x5451u
#define FIONBIO 0x5421u
#define FIOASYNC 0x5452u
#define FIONREAD 0x541bu
