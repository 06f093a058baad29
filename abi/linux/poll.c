// SPDX-License-Identifier: MIT
// poll, ppoll, select, pselect6: one core over an array of descriptors.
#include "syscall.h"

#include <lib/bitmap.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/file.h>
#include <object/poll.h>
#include <proc/signal.h>
#include <uapi/poll.h>

#define ON_STACK 8
#define SET_BYTES 8
#define FDS_MAX 1024 // of select

struct pollfd {
	int32_t fd;
	int16_t events, revents;
};

/** One polled descriptor while the call waits. */
struct slot {
	struct poll_thread_entry entry;
	struct object *object; // holds a reference; NULL = not open or ignored
};

/** Ask descriptor @p; @entry != NULL also links it. */
static uint32_t ask(struct pollfd *p, struct slot *slot, struct poll_waiter *waiter)
{
	uint32_t wanted = (uint16_t)p->events | POLLERR | POLLHUP;
	struct poll_entry *entry = NULL;
	if (!slot->object)
		return p->fd < 0 ? 0 : POLLNVAL;
	if (waiter) {
		poll_thread_entry_init(&slot->entry, waiter, wanted);
		entry = &slot->entry.entry;
	}
	return poll_object(slot->object, entry) & wanted;
}

static unsigned ask_all(struct pollfd *p, struct slot *slots, unsigned n, struct poll_waiter *waiter)
{
	unsigned ready = 0;
	for (unsigned i = 0; i < n; i++) {
		p[i].revents = (int16_t)ask(&p[i], &slots[i], ready ? NULL : waiter);
		ready += p[i].revents != 0;
	}
	return ready;
}

static void take_objects(const struct pollfd *p, struct slot *slots, unsigned n)
{
	struct fdtable *fds = current_thread()->object.fds;
	for (unsigned i = 0; i < n; i++) {
		slots[i].entry.entry.source = NULL;
		slots[i].object = p[i].fd < 0 ? NULL : fd_lookup_object(fds, (uint32_t)p[i].fd);
	}
}

static void drop_objects(struct slot *slots, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		poll_unlink(&slots[i].entry.entry);
		if (slots[i].object)
			object_put(slots[i].object);
	}
}

/** Number of ready descriptors, 0 at @deadline, or an error. */
static int64_t wait_for_any(struct pollfd *p, struct slot *slots, unsigned n, nsec_t deadline)
{
	struct poll_waiter waiter;
	poll_waiter_init(&waiter);
	take_objects(p, slots, n);
	int64_t ready = ask_all(p, slots, n, deadline ? &waiter : NULL);
	while (!ready && deadline) {
		err_t err = poll_wait(&waiter, deadline);
		ready = ask_all(p, slots, n, NULL);
		if (!ready && err) {
			ready = err == -ETIMEDOUT ? 0 : err;
			break;
		}
	}
	drop_objects(slots, n);
	return ready;
}

static int64_t poll_kernel(struct pollfd *p, unsigned n, nsec_t deadline)
{
	struct slot few[ON_STACK], *slots = n <= ON_STACK ? few : kcalloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	int64_t result = wait_for_any(p, slots, n, deadline);
	if (slots != few)
		kfree(slots);
	return result;
}

static int64_t poll_user(uaddr_t at, uint64_t n, nsec_t deadline)
{
	struct pollfd few[ON_STACK], *p = few;
	if (n > proc_limit(RLIMIT_NOFILE))
		return -EINVAL;
	if (n > ON_STACK && !(p = kcalloc(n, sizeof(*p))))
		return -ENOMEM;
	int64_t result = mm_copy_in(p, at, n * sizeof(*p));
	if (!result)
		result = poll_kernel(p, (unsigned)n, deadline);
	if (result >= 0 && mm_copy_out(at, p, n * sizeof(*p)))
		result = -EFAULT;
	if (p != few)
		kfree(p);
	return result;
}

/** The call has ended: the signal mask comes back at once, or after the handler of what ended it. */
static int64_t finish(int64_t result)
{
	if (result != -EINTR)
		signal_restore_mask();
	return result == -EINTR ? -ERESTARTNOHAND : result;
}

SYSCALL3(poll, uaddr_t, at, uint64_t, n, int, timeout_ms)
{
	nsec_t deadline = timeout_ms < 0    ? NSEC_NEVER
			  : timeout_ms == 0 ? 0
					    : abi_deadline((nsec_t)timeout_ms * NSEC_PER_MSEC);
	return finish(poll_user(at, n, deadline));
}

static err_t set_mask_from(uaddr_t at, uint64_t size)
{
	uint64_t mask;
	if (!at)
		return 0;
	if (size != SET_BYTES)
		return -EINVAL;
	if (mm_copy_in(&mask, at, sizeof(mask)))
		return -EFAULT;
	signal_set_temporary_mask(mask);
	return 0;
}

/** A zero timeout means: do not wait. */
static err_t get_poll_deadline(uaddr_t at, nsec_t *deadline)
{
	nsec_t timeout;
	*deadline = NSEC_NEVER;
	err_t err = at ? abi_get_timespec(at, &timeout) : 0;
	if (at && !err)
		*deadline = timeout ? abi_deadline(timeout) : 0;
	return err;
}

static void put_time_left(uaddr_t at, nsec_t deadline)
{
	nsec_t now = time_now();
	if (at && deadline != NSEC_NEVER)
		(void)!abi_put_timespec(at, deadline > now ? deadline - now : 0);
}

SYSCALL5(ppoll, uaddr_t, at, uint64_t, n, uaddr_t, timeout_at, uaddr_t, mask_at, uint64_t, size)
{
	nsec_t deadline;
	err_t err = get_poll_deadline(timeout_at, &deadline);
	if (!err)
		err = set_mask_from(mask_at, size);
	if (err)
		return err;
	int64_t result = poll_user(at, n, deadline);
	put_time_left(timeout_at, deadline);
	return finish(result);
}

// ---- select ---------------------------------------------------------------------------------------

struct fd_sets {
	unsigned long in[FDS_MAX / 64], out[FDS_MAX / 64], except[FDS_MAX / 64];
};

static err_t get_set(unsigned long *set, uaddr_t at, unsigned n)
{
	return at ? mm_copy_in(set, at, align_up(n, 64u) / 8) : 0;
}

static err_t put_set(const unsigned long *set, uaddr_t at, unsigned n)
{
	return at ? mm_copy_out(at, set, align_up(n, 64u) / 8) : 0;
}

static unsigned sets_to_polls(const struct fd_sets *sets, struct pollfd *p, unsigned n)
{
	unsigned count = 0;
	for (unsigned fd = 0; fd < n; fd++) {
		int16_t events = (bitmap_test(sets->in, fd) ? POLLIN : 0) |
				 (bitmap_test(sets->out, fd) ? POLLOUT : 0) |
				 (bitmap_test(sets->except, fd) ? POLLPRI : 0);
		if (events)
			p[count++] = (struct pollfd){(int32_t)fd, events, 0};
	}
	return count;
}

static int64_t polls_to_sets(const struct pollfd *p, unsigned count, struct fd_sets *sets)
{
	int64_t bits = 0;
	memset(sets, 0, sizeof(*sets));
	for (unsigned i = 0; i < count; i++) {
		unsigned fd = (unsigned)p[i].fd, got = (uint16_t)p[i].revents;
		if (got & POLLNVAL)
			return -EBADF;
		if ((p[i].events & POLLIN) && (got & (POLLIN | POLLHUP | POLLERR)))
			bitmap_set(sets->in, fd), bits++;
		if ((p[i].events & POLLOUT) && (got & (POLLOUT | POLLERR)))
			bitmap_set(sets->out, fd), bits++;
		if ((p[i].events & POLLPRI) && (got & POLLPRI))
			bitmap_set(sets->except, fd), bits++;
	}
	return bits;
}

static int64_t select_sets(unsigned n, struct fd_sets *sets, nsec_t deadline)
{
	struct pollfd *p = kcalloc(max(n, 1u), sizeof(*p));
	if (!p)
		return -ENOMEM;
	unsigned count = sets_to_polls(sets, p, n);
	int64_t result = poll_kernel(p, count, deadline);
	if (result >= 0)
		result = polls_to_sets(p, count, sets);
	kfree(p);
	return result;
}

static int64_t select_user(int32_t n, uaddr_t in, uaddr_t out, uaddr_t except, nsec_t deadline)
{
	if (n < 0)
		return -EINVAL;
	unsigned count = min((unsigned)n, (unsigned)FDS_MAX);
	struct fd_sets *sets = kzalloc(sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	int64_t result = get_set(sets->in, in, count);
	if (!result)
		result = get_set(sets->out, out, count);
	if (!result)
		result = get_set(sets->except, except, count);
	if (!result)
		result = select_sets(count, sets, deadline);
	if (result >= 0 && (put_set(sets->in, in, count) || put_set(sets->out, out, count) ||
			    put_set(sets->except, except, count)))
		result = -EFAULT;
	kfree(sets);
	return result;
}

SYSCALL6(pselect6, int32_t, n, uaddr_t, in, uaddr_t, out, uaddr_t, except, uaddr_t, timeout_at, uaddr_t, sig_at)
{
	uint64_t sig[2] = {0, 0}; // pointer to the mask, its size
	nsec_t deadline;
	err_t err = get_poll_deadline(timeout_at, &deadline);
	if (!err && sig_at)
		err = mm_copy_in(sig, sig_at, sizeof(sig));
	if (!err)
		err = set_mask_from(sig[0], sig[1]);
	if (err)
		return err;
	int64_t result = select_user(n, in, out, except, deadline);
	put_time_left(timeout_at, deadline);
	return finish(result);
}

SYSCALL5(select, int32_t, n, uaddr_t, in, uaddr_t, out, uaddr_t, except, uaddr_t, timeout_at)
{
	struct linux_timeval tv;
	nsec_t deadline = NSEC_NEVER;
	if (timeout_at && mm_copy_in(&tv, timeout_at, sizeof(tv)))
		return -EFAULT;
	if (timeout_at && (tv.sec < 0 || tv.usec < 0))
		return -EINVAL;
	if (timeout_at)
		deadline = tv.sec || tv.usec ? abi_deadline((nsec_t)min(tv.sec, (int64_t)1 << 32) * NSEC_PER_SEC +
							    (nsec_t)tv.usec * 1000)
					     : 0;
	int64_t result = finish(select_user(n, in, out, except, deadline));
	nsec_t now = time_now();
	if (timeout_at && deadline)
		(void)!abi_put_timeval(timeout_at, deadline > now ? deadline - now : 0);
	return result;
}
