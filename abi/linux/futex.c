// SPDX-License-Identifier: MIT
// futex(2).
#include "syscall.h"

#include <ipc/futex.h>

enum { FUTEX_WAIT, FUTEX_WAKE, FUTEX_FD, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP,
       FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET,
       FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI, FUTEX_LOCK_PI2 };
#define FUTEX_PRIVATE 128u
#define FUTEX_CLOCK_REALTIME 256u

/** The deadline: relative for FUTEX_WAIT, absolute by one of two clocks for the bitset form. */
static err_t get_deadline(uaddr_t at, bool is_absolute, bool is_realtime, nsec_t *deadline)
{
	nsec_t time;
	*deadline = NSEC_NEVER;
	if (!at)
		return 0;
	err_t err = abi_get_timespec(at, &time);
	if (err)
		return err;
	nsec_t offset = is_realtime ? time_realtime_offset() : 0;
	*deadline = !is_absolute ? abi_deadline(time) : time > offset ? time - offset : 0;
	return 0;
}

static int64_t wait(uaddr_t addr, bool is_private, uint32_t value, uint32_t bitset, uaddr_t timeout_at,
		    bool is_absolute, bool is_realtime)
{
	struct proc_part *part = &current_thread()->proc;
	nsec_t deadline;
	err_t err = get_deadline(timeout_at, is_absolute, is_realtime, &deadline);
	if (err)
		return err;
	if (part->restart_deadline && !is_absolute)
		deadline = part->restart_deadline;
	part->restart_deadline = 0;
	err = futex_wait(addr, is_private, value, bitset, deadline);
	if (err != -EINTR)
		return err;
	if (timeout_at && !is_absolute) {
		part->restart_deadline = deadline;
		return -ERESTART_RESTARTBLOCK;
	}
	return -ERESTARTSYS;
}

static int64_t lock_pi(uaddr_t addr, bool is_private, uaddr_t timeout_at, bool is_realtime)
{
	nsec_t deadline;
	err_t err = get_deadline(timeout_at, true, is_realtime, &deadline);
	if (!err)
		err = futex_lock_pi(addr, is_private, deadline);
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

static int64_t wait_requeue_pi(uaddr_t addr, bool is_private, uint32_t value, uaddr_t timeout_at,
			       bool is_realtime, uaddr_t target)
{
	nsec_t deadline;
	err_t err = get_deadline(timeout_at, true, is_realtime, &deadline);
	if (!err)
		err = futex_wait_requeue_pi(addr, is_private, value, FUTEX_BITSET_ANY, deadline, target);
	return err == -EINTR ? -ERESTARTNOINTR : err;
}

/** Only absolute deadlines have a choice of clocks. */
static bool takes_a_clock(uint32_t op)
{
	return op == FUTEX_WAIT_BITSET || op == FUTEX_WAIT_REQUEUE_PI || op == FUTEX_LOCK_PI2;
}

SYSCALL6(futex, uaddr_t, addr, uint32_t, op, uint32_t, value, uint64_t, arg, uaddr_t, addr2, uint32_t, value3)
{
	bool is_private = op & FUTEX_PRIVATE, is_realtime = op & FUTEX_CLOCK_REALTIME;
	op &= ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
	if (is_realtime && !takes_a_clock(op))
		return -ENOSYS;
	switch (op) {
	case FUTEX_WAIT:
		return wait(addr, is_private, value, FUTEX_BITSET_ANY, arg, false, false);
	case FUTEX_WAIT_BITSET:
		return wait(addr, is_private, value, value3, arg, true, is_realtime);
	case FUTEX_WAKE:
		return futex_wake(addr, is_private, value, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(addr, is_private, value, value3);
	case FUTEX_REQUEUE:
		return futex_requeue(addr, addr2, is_private, value, (uint32_t)arg, NULL, true);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(addr, addr2, is_private, value, (uint32_t)arg, &value3, true);
	case FUTEX_WAKE_OP:
		return futex_wake_op(addr, addr2, is_private, value, (uint32_t)arg, value3);
	case FUTEX_LOCK_PI:
		return lock_pi(addr, is_private, arg, true);
	case FUTEX_LOCK_PI2:
		return lock_pi(addr, is_private, arg, is_realtime);
	case FUTEX_TRYLOCK_PI:
		return futex_trylock_pi(addr, is_private);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(addr, is_private);
	case FUTEX_WAIT_REQUEUE_PI:
		return wait_requeue_pi(addr, is_private, value, arg, is_realtime, addr2);
	case FUTEX_CMP_REQUEUE_PI:
		return value != 1 ? -EINVAL :
			futex_cmp_requeue_pi(addr, addr2, is_private, (uint32_t)arg, value3);
	default:
		return -ENOSYS;
	}
}
