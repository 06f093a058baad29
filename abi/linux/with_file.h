// SPDX-License-Identifier: MIT
// A file for as long as a system call uses it.
#pragma once

#include <object/file.h>

/** Call @body with `file`, which @take puts into `ref_`, and let go of it. The result is an error of @take, or
 *  that of @body. */
#define WITH_REF(take, body)                                                                       \
	({                                                                                         \
		struct file_ref ref_;                                                              \
		int64_t result_ = (take);                                                          \
		if (!result_) {                                                                    \
			struct file *file = ref_.file;                                             \
			result_ = (body);                                                          \
			file_ref_drop(&ref_);                                                      \
		}                                                                                  \
		result_;                                                                           \
	})

/** The same for descriptor @fd with @rights. */
#define WITH_FILE(fd, rights, body) WITH_REF(file_ref_take((fd), (rights), &ref_), body)
