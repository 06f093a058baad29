// SPDX-License-Identifier: MIT
// What system calls on names have in common.
#pragma once

#include "syscall.h"

#include <fs/fs.h>

enum { AT_SYMLINK_NOFOLLOW = 0x100, AT_EACCESS = 0x200, AT_REMOVEDIR = 0x200, AT_SYMLINK_FOLLOW = 0x400,
       AT_NO_AUTOMOUNT = 0x800, AT_EMPTY_PATH = 0x1000, AT_STATX_SYNC = 0x6000 };

/** Call @body with `at` for the path at user address @path_at below @dirfd. */
#define WITH_PATH(dirfd_, path_at_, body)                                                          \
	({                                                                                         \
		struct abi_path path_;                                                             \
		int64_t result_ = abi_get_path((path_at_), &path_);                                \
		if (!result_) {                                                                    \
			struct fs_at at = {.dirfd = (dirfd_), .path = path_.text};                 \
			result_ = (body);                                                          \
			abi_put_path(&path_);                                                      \
		}                                                                                  \
		result_;                                                                           \
	})

static inline unsigned walk_flags(uint32_t at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0) |
	       (at_flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0);
}
