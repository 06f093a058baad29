// SPDX-License-Identifier: MIT
// System calls of time.
#include "clocks.h"

#include <abi/init.h>
#include <fs/fs.h>
#include <object/cred.h>
#include <proc/posix_timer.h>
#include <sched/sched.h>

static struct sched_waitq wall_sleepers = SCHED_WAITQ_INIT(wall_sleepers); // of CLOCK_REALTIME, absolute

/** Clocks of other threads' and processes' CPU time: a number and its kind in one (clock_getcpuclockid). */
static err_t read_cpu_clock(int id, nsec_t *now)
{
	enum { IS_THREAD = 4, KIND_MASK = 3, KIND_FD = 3 };
	uint32_t number = ~(uint32_t)(id >> 3);
	if ((id & KIND_MASK) == KIND_FD)
		return -EINVAL;
	if (!(id & IS_THREAD)) {
		struct process *process = process_find(number ? number : current_process()->pid);
		if (!process)
			return -EINVAL;
		*now = process_cpu_time(process);
		process_put(process);
		return 0;
	}
	struct thread *thread = thread_find(number ? number : current_thread()->proc.tid);
	bool is_own = thread && thread->proc.pid == current_process()->pid;
	if (is_own)
		*now = sched_cpu_time(thread);
	if (thread)
		thread_put(thread);
	return is_own ? 0 : -EINVAL;
}

err_t abi_read_clock(int id, nsec_t *now)
{
	if (id < 0)
		return read_cpu_clock(id, now);
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
	if (likely(id == CLOCK_MONOTONIC))
		return abi_put_timespec(at, time_now());
	err_t err = abi_read_clock(id, &now);
	return err ? err : abi_put_timespec(at, now);
}

SYSCALL2(clock_getres, int, id, uaddr_t, at)
{
	nsec_t now;
	err_t err = abi_read_clock(id, &now);
	return err || !at ? err : abi_put_timespec(at, 1);
}

/** Who waits for a point of wall-clock time looks again. */
static void set_realtime(nsec_t now)
{
	time_set_realtime_offset(now - time_now());
	fs_timerfd_clock_was_set();
	proc_timers_clock_was_set();
	sched_waitq_wake_all(&wall_sleepers);
}

// Partly: CLOCK_REALTIME only; no absolute sleep is moved by it.
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

/** struct timex, of 64 bits everywhere. No hidden padding, which would show the kernel's stack. */
struct timex {
	uint32_t modes, pad_a;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad_b;
	int64_t constant, precision, tolerance;
	int64_t sec, usec;
	int64_t tick, pps[2];
	int32_t shift, pad_c;
	int64_t more_pps[5];
	int32_t tai, pad_d[11];
};
_Static_assert(sizeof(struct timex) == 208, "Linux's");
#define ADJ_OFFSET_SS_READ 0xa001u
#define STA_UNSYNC 0x40
#define TIME_ERROR 5 // not in step with any other clock

/** The clock of the machine runs as it does: nobody adjusts it. */
static int64_t read_adjustment(uaddr_t at)
{
	struct timex timex;
	if (mm_copy_in(&timex, at, sizeof(timex)))
		return -EFAULT;
	if (timex.modes && timex.modes != ADJ_OFFSET_SS_READ)
		return cred_has_cap(cred_current(), CAP_SYS_TIME) ? -EINVAL : -EPERM;
	nsec_t now = time_now() + time_realtime_offset();
	timex = (struct timex){
		.modes = timex.modes,
		.maxerror = 16000000, // microseconds: as large as Linux counts
		.esterror = 16000000,
		.status = STA_UNSYNC,
		.constant = 2,
		.precision = 1,
		.tolerance = 32768000, // 500 ppm
		.sec = now / 1000000000,
		.usec = now % 1000000000 / 1000,
		.tick = 10000,
	};
	return mm_copy_out(at, &timex, sizeof(timex)) ? -EFAULT : TIME_ERROR;
}

// Partly: reading only; the rate of the clock cannot be changed: EINVAL.
SYSCALL1(adjtimex, uaddr_t, at)
{
	return read_adjustment(at);
}

// Partly: as adjtimex.
SYSCALL2(clock_adjtime, int, id, uaddr_t, at)
{
	return id == CLOCK_REALTIME ? read_adjustment(at) : -EINVAL;
}

// Partly: the time zone is always UTC.
SYSCALL2(gettimeofday, uaddr_t, tv_at, uaddr_t, tz_at)
{
	uint32_t zone[2] = {0, 0};
	if (tv_at && abi_put_timeval(tv_at, time_now() + time_realtime_offset()))
		return -EFAULT;
	return tz_at ? mm_copy_out(tz_at, zone, sizeof(zone)) : 0;
}

// Partly: the time zone is ignored.
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
		err = abi_read_clock(id, &now);
	if (err)
		return err;
	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(abi_deadline(time), left_at);
	err = id == CLOCK_REALTIME ? sleep_until_wall(time) : sched_sleep_until(time, true);
	return err == -EINTR ? -ERESTARTNOHAND : 0;
}
