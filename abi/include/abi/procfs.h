// SPDX-License-Identifier: MIT
// The file systems "proc" and "sysfs": what the kernel tells of itself as text, in Linux's forms.
#pragma once

/** Register them; fs_mount() makes them visible. Boot. */
void procfs_init(void);
void sysfs_init(void);
