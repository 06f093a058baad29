// SPDX-License-Identifier: MIT
// What the boot sequence calls once, before the first process.
#pragma once

void object_init_caches(void);
void grant_init_cache(void);
void file_init_cache(void);
