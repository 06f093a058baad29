// SPDX-License-Identifier: MIT
// Calls that have little to do but must answer as Linux does: extended attributes where there are none,
// sync_file_range, personality.
#include <sys/personality.h>
#include <sys/xattr.h>

#include "check.h"

static void check_attributes(void)
{
	char text[8];
	enter_scratch_folder();
	int fd = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_IS(symlink("nowhere", "link"), 0);
	CHECK_ERRNO(getxattr("file", "user.x", text, sizeof(text)), EOPNOTSUPP);
	CHECK_ERRNO(lgetxattr("link", "trusted.x", text, sizeof(text)), EOPNOTSUPP);
	CHECK_ERRNO(fgetxattr(fd, "user.x", text, sizeof(text)), EOPNOTSUPP);
	CHECK_ERRNO(setxattr("file", "user.x", "y", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(lsetxattr("file", "user.x", "y", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(fsetxattr(fd, "user.x", "y", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(removexattr("file", "user.x"), EOPNOTSUPP);
	CHECK_ERRNO(lremovexattr("file", "user.x"), EOPNOTSUPP);
	CHECK_ERRNO(fremovexattr(fd, "user.x"), EOPNOTSUPP);
	CHECK_IS(listxattr("file", text, sizeof(text)), 0);
	CHECK_IS(llistxattr("link", text, sizeof(text)), 0);
	CHECK_IS(flistxattr(fd, text, sizeof(text)), 0);
	CHECK_ERRNO(getxattr("link", "user.x", text, sizeof(text)), ENOENT);
	CHECK_ERRNO(listxattr("file/x", text, sizeof(text)), ENOTDIR);
	CHECK_ERRNO(listxattr(address(8), text, sizeof(text)), EFAULT);
	CHECK_ERRNO(flistxattr(-1, text, sizeof(text)), EBADF);
	CHECK_IS(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_ERRNO(sync_file_range(fd, 0, 0, 8), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, -1, 0, 0), EINVAL);
	CHECK_ERRNO(sync_file_range(-1, 0, 0, 0), EBADF);
}

int main(void)
{
	if (!is_halcyon())
		return SKIPPED; // others' file systems may have attributes
	check_attributes();
	CHECK_IS(personality(0xffffffff), PER_LINUX);
	CHECK_IS(personality(PER_LINUX | ADDR_NO_RANDOMIZE), PER_LINUX);
	CHECK_ERRNO(personality(PER_BSD), EINVAL);
	return 0;
}
