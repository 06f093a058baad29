// SPDX-License-Identifier: MIT
// The memory devices among themselves.
#pragma once

#include <object/file.h>

#define MINOR_KMSG 11

/** /dev/kmsg. */
must_check err_t kmsg_open(uint32_t open_flags, struct file **file);
/** mmap of /dev/zero: every mapping has fresh memory, shared with the children by MAP_SHARED. */
must_check err_t zero_mmap_object(struct file *file, bool is_shared, struct mm_object **object);
