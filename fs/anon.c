// SPDX-License-Identifier: MIT
// How files without a name are shown.
#include <lib/format.h>

#include "private.h"

static bool describe(const char *kind, uint64_t ino, char *buf, size_t size)
{
	return ino && fmt_snprintf(buf, size, "%s:[%llu]", kind, (unsigned long long)ino) > 0;
}

bool anon_describe(struct file *file, char *buf, size_t size)
{
	if (describe("pipe", pipe_ino(file), buf, size) ||
	    describe("socket", socket_ino(file), buf, size))
		return true;
	return fmt_snprintf(buf, size, "anon_inode:[%s]", file->ops->name) < size;
}
