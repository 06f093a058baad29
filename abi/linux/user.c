// SPDX-License-Identifier: MIT
// Decoders of user structures that several families use.
#include "syscall.h"

#include <fs/fs.h>
#include <mm/slab.h>

err_t abi_get_timespec(uaddr_t at, nsec_t *ns)
{
	struct linux_timespec ts;
	err_t err = mm_copy_in(&ts, at, sizeof(ts));
	if (err)
		return err;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*ns = (uint64_t)ts.sec >= NSEC_NEVER / 2 / NSEC_PER_SEC
		      ? NSEC_NEVER / 2 // a time and a period after it: their sum does not wrap
		      : (uint64_t)ts.sec * NSEC_PER_SEC + (uint64_t)ts.nsec;
	return 0;
}

err_t abi_put_timespec(uaddr_t at, nsec_t ns)
{
	return mm_put_pair(at, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
}

err_t abi_put_timeval(uaddr_t at, nsec_t ns)
{
	return mm_put_pair(at, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_USEC);
}

err_t abi_get_itimerspec(uaddr_t at, nsec_t *value, nsec_t *interval)
{
	err_t err = abi_get_timespec(at, interval);
	return err ? err : abi_get_timespec(at + sizeof(struct linux_timespec), value);
}

err_t abi_put_itimerspec(uaddr_t at, nsec_t value, nsec_t interval)
{
	err_t err = abi_put_timespec(at, interval);
	return err ? err : abi_put_timespec(at + sizeof(struct linux_timespec), value);
}

err_t abi_get_timeout(uaddr_t at, nsec_t *deadline)
{
	nsec_t timeout;
	*deadline = NSEC_NEVER;
	if (!at)
		return 0;
	err_t err = abi_get_timespec(at, &timeout);
	if (!err)
		*deadline = abi_deadline(timeout);
	return err;
}

static no_inline err_t get_long_path(uaddr_t at, struct abi_path *path)
{
	path->text = kmalloc(FS_PATH_MAX);
	if (!path->text)
		return -ENOMEM;
	err_t len = mm_copy_in_string(path->text, at, FS_PATH_MAX);
	if (len < 0)
		kfree(path->text);
	return min(len, 0);
}

err_t abi_get_path(uaddr_t at, struct abi_path *path)
{
	err_t len = mm_copy_in_string(path->small, at, sizeof(path->small));
	path->text = path->small;
	if (unlikely(len == -ENAMETOOLONG))
		return get_long_path(at, path);
	return min(len, 0);
}

void abi_put_path(struct abi_path *path)
{
	if (unlikely(path->text != path->small))
		kfree(path->text);
}
