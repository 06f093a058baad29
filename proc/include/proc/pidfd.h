// SPDX-License-Identifier: MIT
// Files that stand for processes: a number that cannot come to mean another one.
#pragma once

#include <object/file.h>

struct process;
struct siginfo;

/** @open_flags of O_NONBLOCK. -ENOMEM. */
must_check err_t pidfd_create(struct process *process, uint32_t open_flags, struct file **file);
/** The process behind @file, as long as the file lives; NULL: no pidfd. */
struct process *pidfd_process(struct file *file);
/** The grant in slot @fd of @process, with a reference. -EBADF, -ESRCH, -EPERM. */
must_check err_t pidfd_get_grant(struct process *process, uint32_t fd, struct grant **grant);
void pidfd_init(void);
