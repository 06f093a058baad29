// SPDX-License-Identifier: MIT
// The file systems "proc" and "sysfs": what the kernel tells of itself as text, in Linux's forms.
#pragma once

#include <lib/types.h>

struct file;
struct process;

/** Register them; fs_mount() makes them visible. Boot. */
void procfs_init(void);
void sysfs_init(void);
/** The process that the open folder @file is of (/proc/PID), with a reference. -EBADF: it is no such folder;
 *  -ESRCH: the process is gone. */
must_check err_t procfs_process_of(const struct file *file, struct process **process);

struct file;
/** The file that @file, opened by a name in /proc/PID/fd, hands everything on to; else @file itself. */
struct file *procfs_alias_target(struct file *file);
