// SPDX-License-Identifier: MIT
#pragma once

#define HALCYON_VERSION "0.1"
