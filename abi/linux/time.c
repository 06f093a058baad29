// SPDX-License-Identifier: MIT
// System calls of time.
#include "syscall.h"

#include <abi/init.h>
#include <fs/fs.h>
#include <object/cred.h>
#include <proc/itimer.h>
#include <proc/signal.h>
#include <sched/sched.h>

enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
       CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
#define TIMER_ABSTIME 1

static struct sched_waitq wall_sleepers = SCHED_WAITQ_INIT(wall_sleepers); // of CLOCK_REALTIME, absolute

static err_t read_clock(int id, nsec_t *now)
{
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		*now = time_now() + time_realtime_offset();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		*now = time_now();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*now = process_cpu_time(current_process());
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*now = sched_cpu_time(current_thread());
		return 0;
	default:
		return -EINVAL;
	}
}

SYSCALL2(clock_gettime, int, id, uaddr_t, at)
{
	nsec_t now;
	err_t err = read_clock(id, &now);
	return err ? err : abi_put_timespec(at, now);
}

SYSCALL2(clock_getres, int, id, uaddr_t, at)
{
	nsec_t now;
	err_t err = read_clock(id, &now);
	return err || !at ? err : abi_put_timespec(at, 1);
}

/** Who waits for a point of wall-clock time looks again. */
static void set_realtime(nsec_t now)
{
	time_set_realtime_offset(now - time_now());
	fs_timerfd_clock_was_set();
	sched_waitq_wake_all(&wall_sleepers);
}

SYSCALL2(clock_settime, int, id, uaddr_t, at)
{
	nsec_t wanted;
	err_t err = abi_get_timespec(at, &wanted);
	if (err)
		return err;
	if (id != CLOCK_REALTIME)
		return -EINVAL;
	if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
		return -EPERM;
	set_realtime(wanted);
	return 0;
}

SYSCALL2(gettimeofday, uaddr_t, tv_at, uaddr_t, tz_at)
{
	uint32_t zone[2] = {0, 0};
	if (tv_at && abi_put_timeval(tv_at, time_now() + time_realtime_offset()))
		return -EFAULT;
	return tz_at ? mm_copy_out(tz_at, zone, sizeof(zone)) : 0;
}

SYSCALL2(settimeofday, uaddr_t, tv_at, uaddr_t, tz_at)
{
	struct linux_timeval tv;
	(void)tz_at;
	if (!cred_has_cap(cred_current(), CAP_SYS_TIME))
		return -EPERM;
	if (tv_at && mm_copy_in(&tv, tv_at, sizeof(tv)))
		return -EFAULT;
	if (tv_at && (tv.sec < 0 || tv.usec < 0 || tv.usec >= 1000000))
		return -EINVAL;
	if (tv_at)
		set_realtime((nsec_t)tv.sec * NSEC_PER_SEC + (nsec_t)tv.usec * 1000);
	return 0;
}

SYSCALL1(time, uaddr_t, at)
{
	int64_t now = (int64_t)((time_now() + time_realtime_offset()) / NSEC_PER_SEC);
	return at && mm_copy_out(at, &now, sizeof(now)) ? -EFAULT : now;
}

/** Sleep until @deadline (monotonic). A sleep that was only stopped or continued goes on to the same
 *  end: the deadline is kept in the thread while the call is made again. */
static int64_t sleep_until(nsec_t deadline, uaddr_t left_at)
{
	struct proc_part *part = &current_thread()->proc;
	if (part->restart_deadline)
		deadline = part->restart_deadline;
	part->restart_deadline = 0;
	if (sched_sleep_until(deadline, true) != -EINTR)
		return 0;
	nsec_t now = time_now();
	if (left_at && abi_put_timespec(left_at, deadline > now ? deadline - now : 0))
		return -EFAULT;
	part->restart_deadline = deadline;
	return -ERESTART_RESTARTBLOCK;
}

SYSCALL2(nanosleep, uaddr_t, at, uaddr_t, left_at)
{
	nsec_t timeout;
	err_t err = abi_get_timespec(at, &timeout);
	return err ? err : sleep_until(abi_deadline(timeout), left_at);
}

/** Sleep until the wall clock shows @time, also when it is set meanwhile. 0, -EINTR. */
static err_t sleep_until_wall(nsec_t time)
{
	err_t err = 0;
	irqflags_t irq = spin_lock_irqsave(&wall_sleepers.lock);
	for (;;) {
		nsec_t offset = time_realtime_offset();
		if (time_now() + offset >= time)
			break;
		err = sched_waitq_wait(&wall_sleepers, &irq, time - offset, SCHED_WAIT_INTERRUPTIBLE, 0);
		if (err == -EINTR)
			break;
	}
	spin_unlock_irqrestore(&wall_sleepers.lock, irq);
	return err == -EINTR ? err : 0;
}

SYSCALL4(clock_nanosleep, int, id, uint32_t, flags, uaddr_t, at, uaddr_t, left_at)
{
	nsec_t time, now;
	err_t err = abi_get_timespec(at, &time);
	if (!err)
		err = read_clock(id, &now);
	if (err)
		return err;
	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(abi_deadline(time), left_at);
	err = id == CLOCK_REALTIME ? sleep_until_wall(time) : sched_sleep_until(time, true);
	return err == -EINTR ? -ERESTARTNOHAND : 0;
}

// ---- interval timers ------------------------------------------------------------------------------

static nsec_t from_timeval(const struct linux_timeval *tv)
{
	return (nsec_t)min(tv->sec, (int64_t)1 << 32) * NSEC_PER_SEC + (nsec_t)tv->usec * 1000;
}

static struct linux_timeval to_timeval(nsec_t ns)
{
	return (struct linux_timeval){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC / 1000)};
}

SYSCALL2(getitimer, int, which, uaddr_t, at)
{
	nsec_t left, interval;
	if (which != 0)
		return which == 1 || which == 2 ? -EOPNOTSUPP : -EINVAL;
	proc_get_alarm(&left, &interval);
	struct linux_timeval out[2] = {to_timeval(interval), to_timeval(left)};
	return mm_copy_out(at, out, sizeof(out));
}

SYSCALL3(setitimer, int, which, uaddr_t, new_at, uaddr_t, old_at)
{
	struct linux_timeval in[2] = {{0, 0}, {0, 0}};
	nsec_t left, interval;
	if (new_at && mm_copy_in(in, new_at, sizeof(in)))
		return -EFAULT;
	if (in[0].sec < 0 || in[0].usec < 0 || in[1].sec < 0 || in[1].usec < 0 ||
	    in[0].usec >= 1000000 || in[1].usec >= 1000000)
		return -EINVAL;
	if (which != 0)
		return which == 1 || which == 2 ? -EOPNOTSUPP : -EINVAL;
	err_t err = proc_set_alarm(from_timeval(&in[1]), from_timeval(&in[0]), &left, &interval);
	if (err || !old_at)
		return err;
	struct linux_timeval out[2] = {to_timeval(interval), to_timeval(left)};
	return mm_copy_out(old_at, out, sizeof(out));
}

SYSCALL1(alarm, uint32_t, seconds)
{
	nsec_t left, interval;
	err_t err = proc_set_alarm(seconds * NSEC_PER_SEC, 0, &left, &interval);
	return err ? err : (int64_t)((left + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
}
