// SPDX-License-Identifier: MIT
// openat2: the limits of a walk (RESOLVE_*), and what is refused in struct open_how. Priorities of groups and
// users stand here, too: getpriority and setpriority.
// guest: CPUS 4
#include <sys/mount.h>
#include <sys/resource.h>

#include "check.h"

struct how {
	uint64_t flags, mode, resolve, later;
};
enum { NO_XDEV = 1, NO_MAGICLINKS = 2, NO_SYMLINKS = 4, BENEATH = 8, IN_ROOT = 16, CACHED = 32 };

static int root;

static int try(const char *path, uint64_t resolve)
{
	struct how how = { .flags = O_RDONLY, .resolve = resolve };
	return (int)syscall(SYS_openat2, root, path, &how, 24);
}

/** The file that opens has this letter in it. */
static void check_opens(const char *path, uint64_t resolve, char letter)
{
	char c = 0;
	int fd = try(path, resolve);
	CHECK(fd >= 0);
	CHECK_IS(read(fd, &c, 1), 1);
	CHECK_IS(c, letter);
	close(fd);
}

static void make(const char *path, char letter)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0644);
	CHECK(fd >= 0);
	CHECK_IS(write(fd, &letter, 1), 1);
	close(fd);
}

static void check_limits(void)
{
	CHECK_IS(mkdir("outside", 0755), 0);
	CHECK_IS(mkdir("top", 0755), 0);
	CHECK_IS(mkdir("top/in", 0755), 0);
	make("f", 'o');
	make("top/f", 't');
	make("top/in/f", 'i');
	CHECK_IS(symlink("../f", "top/up"), 0);
	CHECK_IS(symlink("in/../f", "top/round"), 0);
	CHECK_IS(symlink("/in/f", "top/abs"), 0);
	root = open("top", O_PATH | O_DIRECTORY);
	CHECK(root >= 0);

	check_opens("f", 0, 't');
	check_opens("../f", 0, 'o');
	check_opens("up", 0, 'o');
	check_opens("round", BENEATH, 't');
	check_opens("in/../in/f", BENEATH, 'i');
	CHECK_ERRNO(try("../f", BENEATH), EXDEV);
	CHECK_ERRNO(try("in/../../f", BENEATH), EXDEV);
	CHECK_ERRNO(try("up", BENEATH), EXDEV);
	CHECK_ERRNO(try("abs", BENEATH), EXDEV);
	CHECK_ERRNO(try("/f", BENEATH), EXDEV);
	CHECK_ERRNO(try("none", BENEATH), ENOENT);

	check_opens("../f", IN_ROOT, 't');
	check_opens("../../in/../../f", IN_ROOT, 't');
	check_opens("/in/f", IN_ROOT, 'i');
	check_opens("up", IN_ROOT, 't');
	check_opens("abs", IN_ROOT, 'i');

	check_opens("f", NO_SYMLINKS, 't');
	CHECK_ERRNO(try("round", NO_SYMLINKS), ELOOP);
	CHECK_ERRNO(try("/proc/self/fd/0/x", NO_SYMLINKS), ELOOP);
	check_opens("f", CACHED, 't');

	char magic[64];
	int fd = openat(root, "f", O_RDONLY);
	snprintf(magic, sizeof(magic), "/proc/self/fd/%d", fd);
	check_opens(magic, 0, 't');
	CHECK_ERRNO(try(magic, NO_MAGICLINKS), ELOOP);
	check_opens("round", NO_MAGICLINKS, 't'); // others are followed
	close(fd);

	check_opens("f", NO_XDEV, 't');
	check_opens("../top/f", NO_XDEV, 't');
	CHECK_ERRNO(try(magic, NO_XDEV | BENEATH), EXDEV);
	CHECK_IS(mkdir("top/mnt", 0755), 0);
	CHECK_IS(mount("none", "top/mnt", "tmpfs", 0, NULL), 0);
	make("top/mnt/f", 'm');
	check_opens("mnt/f", BENEATH, 'm');
	CHECK_ERRNO(try("mnt/f", NO_XDEV), EXDEV);
	int top = root;
	root = open("top/mnt", O_PATH);
	check_opens("../f", 0, 't');
	CHECK_ERRNO(try("../f", NO_XDEV), EXDEV);
	close(root);
	root = top;
	CHECK_IS(umount("top/mnt"), 0);
}

static long with(struct how how, size_t size)
{
	return syscall(SYS_openat2, root, "f", &how, size);
}

static void check_how(void)
{
	CHECK_ERRNO(with((struct how){ .flags = O_RDONLY }, 23), EINVAL);
	CHECK_ERRNO(with((struct how){ .flags = O_RDONLY, .later = 1 }, 32), E2BIG);
	CHECK_ERRNO(with((struct how){ .flags = O_RDONLY }, 5000), E2BIG);
	CHECK_ERRNO(with((struct how){ .flags = 1ull << 40 }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .flags = 1u << 30 }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .mode = 0644 }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .flags = O_CREAT | O_RDWR, .mode = 010000 }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .resolve = 64 }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .resolve = BENEATH | IN_ROOT }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .flags = O_PATH | O_RDWR }, 24), EINVAL);
	CHECK_ERRNO(with((struct how){ .flags = O_TRUNC | O_RDWR, .resolve = CACHED }, 24), EAGAIN);
	CHECK_ERRNO(syscall(SYS_openat2, root, "f", 16L, 24), EFAULT);
	long fd = with((struct how){ .flags = O_RDONLY }, 32);
	CHECK(fd >= 0);
	close((int)fd);
	struct how create = { .flags = O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, .mode = 0600 };
	fd = syscall(SYS_openat2, root, "new", &create, sizeof(create));
	CHECK(fd >= 0);
	CHECK_IS(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
	struct stat st;
	CHECK_IS(fstat((int)fd, &st), 0);
	CHECK_IS(st.st_mode & 0777, 0600);
	close((int)fd);
	create.resolve = BENEATH;
	CHECK_ERRNO(syscall(SYS_openat2, root, "../made", &create, 24), EXDEV);
	CHECK_ERRNO(access("made", F_OK), ENOENT);
	close(root);
}

static int priority(int which, int who)
{
	errno = 0;
	int value = getpriority(which, (id_t)who);
	CHECK_IS(errno, 0);
	return value;
}

static void check_priorities(void)
{
	int gates[2];
	CHECK_IS(pipe(gates), 0);
	pid_t group = 0, children[3];
	for (int i = 0; i < 3; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			char c;
			close(gates[1]);
			CHECK_IS(read(gates[0], &c, 1), 0);
			_exit(0);
		}
		group = group ? group : children[i];
		CHECK_IS(setpgid(children[i], group), 0);
	}
	int own = priority(PRIO_PROCESS, 0);
	CHECK_IS(setpriority(PRIO_PROCESS, (id_t)children[1], 3), 0);
	CHECK_IS(priority(PRIO_PGRP, group), own); // the highest of all
	CHECK_IS(setpriority(PRIO_PGRP, (id_t)group, 7), 0);
	for (int i = 0; i < 3; i++)
		CHECK_IS(priority(PRIO_PROCESS, children[i]), 7);
	CHECK_IS(priority(PRIO_PGRP, group), 7);
	CHECK_IS(priority(PRIO_PROCESS, 0), own); // not a member
	CHECK_ERRNO(setpriority(PRIO_PGRP, 999999, 1), ESRCH);
	CHECK_ERRNO(getpriority(PRIO_USER, 54321), ESRCH);
	CHECK_ERRNO(getpriority(3, 0), EINVAL);
	close(gates[0]), close(gates[1]);
	for (int i = 0; i < 3; i++)
		CHECK_CHILD(children[i]);
	// A user's, who may lower them only.
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setuid(54321), 0);
		CHECK_IS(setpriority(PRIO_USER, 0, 5), 0);
		CHECK_IS(priority(PRIO_USER, 54321), 5);
		CHECK_IS(priority(PRIO_PROCESS, 0), 5);
		CHECK_ERRNO(setpriority(PRIO_USER, 0, 4), EACCES);
		CHECK_ERRNO(setpriority(PRIO_PGRP, 1, 19), EPERM);
		_exit(0);
	}
	CHECK_CHILD(child);
}

int main(void)
{
	check_limits();
	check_how();
	check_priorities();
	return 0;
}
