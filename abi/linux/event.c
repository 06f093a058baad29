// SPDX-License-Identifier: MIT
// System calls of eventfd, inotify, timerfd and signalfd.
#include "syscall.h"

#include <fs/fs.h>
#include <object/file.h>
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

// Partly: IN_DELETE_SELF comes with the end of the last name, not of the last open file; no IN_UNMOUNT.
SYSCALL3(inotify_add_watch, uint32_t, fd, uaddr_t, path_at, uint32_t, mask)
{
	struct file_ref ref;
	struct abi_path path;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	int64_t result = abi_get_path(path_at, &path);
	if (!result) {
		result = fs_inotify_add(ref.file, path.text, mask);
		abi_put_path(&path);
	}
	file_ref_drop(&ref);
	return result;
}

SYSCALL2(inotify_rm_watch, uint32_t, fd, int32_t, wd)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	err = fs_inotify_remove(ref.file, wd);
	file_ref_drop(&ref);
	return err;
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
	struct file_ref ref;
	err_t err = abi_get_itimerspec(new_at, &wanted.value, &wanted.interval);
	if (err)
		return err;
	if (flags & ~(uint32_t)(FS_TIMER_ABSOLUTE | FS_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	err = fs_timerfd_set(ref.file, flags, &wanted, &old);
	file_ref_drop(&ref);
	return err || !old_at ? err : abi_put_itimerspec(old_at, old.value, old.interval);
}

SYSCALL2(timerfd_gettime, uint32_t, fd, uaddr_t, at)
{
	struct fs_timer_setting setting;
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	err = fs_timerfd_get(ref.file, &setting);
	file_ref_drop(&ref);
	return err ? err : abi_put_itimerspec(at, setting.value, setting.interval);
}

// ---- signalfd -------------------------------------------------------------------------------------

static int64_t signalfd(int32_t fd, uaddr_t mask_at, uint64_t size, uint32_t flags)
{
	uint64_t mask;
	struct file *file;
	struct file_ref ref;
	if (size != sizeof(mask) || (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK)))
		return -EINVAL;
	if (mm_copy_in(&mask, mask_at, sizeof(mask)))
		return -EFAULT;
	if (fd == -1) {
		err_t err = signalfd_create(mask, flags & O_NONBLOCK, &file);
		return err ? err : file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	}
	err_t err = file_ref_take((uint32_t)fd, 0, &ref);
	if (err)
		return err;
	err = signalfd_set_mask(ref.file, mask);
	file_ref_drop(&ref);
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
