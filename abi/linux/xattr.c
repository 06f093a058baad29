// SPDX-License-Identifier: MIT
// System calls of extended attributes. No file system keeps any: a list is empty, and what names one is
// EOPNOTSUPP, as in Linux where a file system has none; ENOSYS would stop programs that copy files.
#include "path.h"
#include "with_file.h"

/** @result, if the file is there. */
static int64_t of_path(uaddr_t path, unsigned walk, int64_t result)
{
	int64_t err = WITH_PATH(FS_AT_CWD, path, fs_access(&at, walk, 0, false));
	return err ? err : result;
}

static int64_t of_fd(uint32_t fd, int64_t result)
{
	return WITH_FILE(fd, 0, ((void)file, result));
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(getxattr, uaddr_t, path)
{
	return of_path(path, 0, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(lgetxattr, uaddr_t, path)
{
	return of_path(path, FS_NOFOLLOW, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(fgetxattr, uint32_t, fd)
{
	return of_fd(fd, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(setxattr, uaddr_t, path)
{
	return of_path(path, 0, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(lsetxattr, uaddr_t, path)
{
	return of_path(path, FS_NOFOLLOW, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(fsetxattr, uint32_t, fd)
{
	return of_fd(fd, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(removexattr, uaddr_t, path)
{
	return of_path(path, 0, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(lremovexattr, uaddr_t, path)
{
	return of_path(path, FS_NOFOLLOW, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: EOPNOTSUPP.
SYSCALL1(fremovexattr, uint32_t, fd)
{
	return of_fd(fd, -EOPNOTSUPP);
}

// Partly: no file system keeps attributes: the list is empty.
SYSCALL1(listxattr, uaddr_t, path)
{
	return of_path(path, 0, 0);
}

// Partly: no file system keeps attributes: the list is empty.
SYSCALL1(llistxattr, uaddr_t, path)
{
	return of_path(path, FS_NOFOLLOW, 0);
}

// Partly: no file system keeps attributes: the list is empty.
SYSCALL1(flistxattr, uint32_t, fd)
{
	return of_fd(fd, 0);
}
