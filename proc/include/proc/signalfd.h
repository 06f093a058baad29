// SPDX-License-Identifier: MIT
// signalfd(2): signals to whoever reads, taken from a file.
#pragma once

#include <object/file.h>

/** @mask: the signals to take. @open_flags of O_NONBLOCK. -ENOMEM. */
must_check err_t signalfd_create(uint64_t mask, uint32_t open_flags, struct file **file);
/** -EINVAL: no signalfd. */
must_check err_t signalfd_set_mask(struct file *file, uint64_t mask);
void signalfd_init(void);
