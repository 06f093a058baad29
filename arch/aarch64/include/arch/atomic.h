// SPDX-License-Identifier: MIT
#pragma once

#include <hal/atomic_c11.h>
