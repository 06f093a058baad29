// SPDX-License-Identifier: MIT
// System calls of eventfd, inotify, timerfd and signalfd.
#include "syscall.h"
#include "with_file.h"

#include <fs/fs.h>
#include <proc/signalfd.h>

static int64_t make_eventfd(uint32_t value, uint32_t flags)
{
	struct file *file;
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | 1)) // EFD_SEMAPHORE
		return -EINVAL;
	err_t err = fs_eventfd_create(value, flags & 1, flags & O_NONBLOCK, &file);
	return err ? err : file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

SYSCALL1(eventfd, uint32_t, value)
{
	return make_eventfd(value, 0);
}

SYSCALL2(eventfd2, uint32_t, value, uint32_t, flags)
{
	return make_eventfd(value, flags);
}

// ---- inotify --------------------------------------------------------------------------------------

static int64_t make_inotify(uint32_t flags)
{
	struct file *file;
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err_t err = fs_inotify_create(flags & O_NONBLOCK, &file);
	return err ? err : file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

SYSCALL0(inotify_init)
{
	return make_inotify(0);
}

SYSCALL1(inotify_init1, uint32_t, flags)
{
	return make_inotify(flags);
}

static int64_t add_watch(struct file *file, uaddr_t path_at, uint32_t mask)
{
	struct abi_path path;
	int64_t result = abi_get_path(path_at, &path);
	if (!result) {
		result = fs_inotify_add(file, path.text, mask);
		abi_put_path(&path);
	}
	return result;
}

// Partly: IN_DELETE_SELF comes with the end of the last name, not of the last open file; no IN_UNMOUNT.
SYSCALL3(inotify_add_watch, uint32_t, fd, uaddr_t, path_at, uint32_t, mask)
{
	return WITH_FILE(fd, 0, add_watch(file, path_at, mask));
}

SYSCALL2(inotify_rm_watch, uint32_t, fd, int32_t, wd)
{
	return WITH_FILE(fd, 0, fs_inotify_remove(file, wd));
}

// ---- timerfd --------------------------------------------------------------------------------------

enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7 };

SYSCALL2(timerfd_create, int, clock, uint32_t, flags)
{
	struct file *file;
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	err_t err = fs_timerfd_create(clock == CLOCK_REALTIME, flags & O_NONBLOCK, &file);
	return err ? err : file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

SYSCALL4(timerfd_settime, uint32_t, fd, uint32_t, flags, uaddr_t, new_at, uaddr_t, old_at)
{
	struct fs_timer_setting wanted, old;
	int64_t err = abi_get_itimerspec(new_at, &wanted.value, &wanted.interval);
	if (err)
		return err;
	if (flags & ~(uint32_t)(FS_TIMER_ABSOLUTE | FS_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	err = WITH_FILE(fd, 0, fs_timerfd_set(file, flags, &wanted, &old));
	return err || !old_at ? err : abi_put_itimerspec(old_at, old.value, old.interval);
}

SYSCALL2(timerfd_gettime, uint32_t, fd, uaddr_t, at)
{
	struct fs_timer_setting setting;
	int64_t err = WITH_FILE(fd, 0, fs_timerfd_get(file, &setting));
	return err ? err : abi_put_itimerspec(at, setting.value, setting.interval);
}

// ---- signalfd -------------------------------------------------------------------------------------

static int64_t signalfd(int32_t fd, uaddr_t mask_at, uint64_t size, uint32_t flags)
{
	uint64_t mask;
	if (size != sizeof(mask) || (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)))
		return -EINVAL;
	if (mm_copy_in(&mask, mask_at, sizeof(mask)))
		return -EFAULT;
	if (fd == -1) {
		struct file *file;
		err_t err = signalfd_create(mask, flags & O_NONBLOCK, &file);
		return err ? err : file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	}
	int64_t err = WITH_FILE((uint32_t)fd, 0, signalfd_set_mask(file, mask));
	return err ? err : fd;
}

SYSCALL3(signalfd, int32_t, fd, uaddr_t, mask_at, uint64_t, size)
{
	return signalfd(fd, mask_at, size, 0);
}

SYSCALL4(signalfd4, int32_t, fd, uaddr_t, mask_at, uint64_t, size, uint32_t, flags)
{
	return signalfd(fd, mask_at, size, flags);
}
