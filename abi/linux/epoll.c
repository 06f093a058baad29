// SPDX-License-Identifier: MIT
// System calls of epoll.
#include "syscall.h"
#include "with_file.h"

#include <fs/fs.h>
#include <mm/slab.h>
#include <proc/signal.h>

#define EVENTS_MAX (INT_MAX / 16)
#define ON_STACK 8
#define EVENTS_AT_ONCE 256 // more are for the next call
#define SET_BYTES 8

static int64_t create(uint32_t fd_flags)
{
	struct file *file;
	err_t err = fs_epoll_create(&file);
	return err ? err : file_install(file, fd_flags);
}

SYSCALL1(epoll_create, int, size)
{
	return size <= 0 ? -EINVAL : create(0);
}

SYSCALL1(epoll_create1, uint32_t, flags)
{
	return flags & ~(uint32_t)O_CLOEXEC ? -EINVAL : create(flags ? FD_CLOEXEC : 0);
}

SYSCALL4(epoll_ctl, uint32_t, epfd, int, op, uint32_t, fd, uaddr_t, at)
{
	struct abi_epoll_event in = {0};
	struct file_ref epoll;
	if (op != FS_EPOLL_DEL && mm_copy_in(&in, at, sizeof(in)))
		return -EFAULT;
	if (op < FS_EPOLL_ADD || op > FS_EPOLL_MOD)
		return -EINVAL;
	err_t err = file_ref_take(epfd, 0, &epoll);
	if (err)
		return err;
	struct fs_epoll_event event = {in.events, in.data};
	struct object *target = fd_lookup_object(current_thread()->object.fds, fd);
	err = -EBADF;
	if (target) {
		err = fs_epoll_ctl(epoll.file, (enum fs_epoll_op)op, fd, target, &event);
		object_put(target);
	}
	file_ref_drop(&epoll);
	return err;
}

static err_t put_events(uaddr_t at, const struct fs_epoll_event *events, int64_t count)
{
	err_t err = 0;
	for (int64_t i = 0; i < count && !err; i++) {
		struct abi_epoll_event out = {.events = events[i].events, .data = events[i].data};
		err = mm_copy_out(at + (uint64_t)i * sizeof(out), &out, sizeof(out));
	}
	return err;
}

static int64_t wait_file(struct file *file, uaddr_t at, unsigned max, nsec_t deadline)
{
	struct fs_epoll_event few[ON_STACK], *events = few;
	if (max > ON_STACK && !(events = kmalloc(max * sizeof(*events))))
		return -ENOMEM;
	int64_t count = fs_epoll_wait(file, events, max, deadline);
	if (count > 0 && put_events(at, events, count))
		count = -EFAULT;
	if (events != few)
		kfree(events);
	return count;
}

/** -EINTR is never restarted; with a temporary mask, that comes back after the handler. */
static int64_t wait(uint32_t epfd, uaddr_t at, int max, nsec_t deadline)
{
	if (max <= 0 || max > EVENTS_MAX)
		return -EINVAL;
	return WITH_FILE(epfd, 0, wait_file(file, at, min((unsigned)max, (unsigned)EVENTS_AT_ONCE), deadline));
}

static nsec_t deadline_of(int timeout_ms)
{
	return timeout_ms < 0	 ? NSEC_NEVER
	       : timeout_ms == 0 ? 0
				 : abi_deadline((nsec_t)timeout_ms * NSEC_PER_MSEC);
}

SYSCALL4(epoll_wait, uint32_t, epfd, uaddr_t, at, int, max, int, timeout_ms)
{
	return wait(epfd, at, max, deadline_of(timeout_ms));
}

static int64_t wait_masked(uint32_t epfd, uaddr_t at, int max, nsec_t deadline, uaddr_t mask_at, uint64_t size)
{
	uint64_t mask;
	if (!mask_at)
		return wait(epfd, at, max, deadline);
	if (size != SET_BYTES)
		return -EINVAL;
	if (mm_copy_in(&mask, mask_at, sizeof(mask)))
		return -EFAULT;
	signal_set_temporary_mask(mask);
	int64_t result = wait(epfd, at, max, deadline);
	if (result == -EINTR)
		proc_restart_call(); // the old mask comes back even if another thread takes the signal
	else
		signal_restore_mask();
	return result;
}

SYSCALL6(epoll_pwait, uint32_t, epfd, uaddr_t, at, int, max, int, timeout_ms, uaddr_t, mask_at, uint64_t, size)
{
	return wait_masked(epfd, at, max, deadline_of(timeout_ms), mask_at, size);
}

SYSCALL6(epoll_pwait2, uint32_t, epfd, uaddr_t, at, int, max, uaddr_t, timeout_at, uaddr_t, mask_at, uint64_t, size)
{
	nsec_t timeout, deadline = NSEC_NEVER;
	err_t err = timeout_at ? abi_get_timespec(timeout_at, &timeout) : 0;
	if (err)
		return err;
	if (timeout_at)
		deadline = timeout ? abi_deadline(timeout) : 0;
	return wait_masked(epfd, at, max, deadline, mask_at, size);
}
