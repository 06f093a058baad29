// SPDX-License-Identifier: MIT
// System calls of timers that send signals.
#include "clocks.h"

#include <proc/itimer.h>
#include <proc/posix_timer.h>
#include <proc/signal.h>
#include <sched/sched.h>

enum { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

// ---- interval timers ------------------------------------------------------------------------------

static nsec_t from_timeval(const struct linux_timeval *tv)
{
	return (nsec_t)min(tv->sec, (int64_t)1 << 32) * NSEC_PER_SEC + (nsec_t)tv->usec * 1000;
}

static struct linux_timeval to_timeval(nsec_t ns)
{
	return (struct linux_timeval){(int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC / 1000)};
}

static err_t put_itimer(uaddr_t at, nsec_t left, nsec_t interval)
{
	struct linux_timeval out[2] = {to_timeval(interval), to_timeval(left)};
	return mm_copy_out(at, out, sizeof(out));
}

SYSCALL2(getitimer, uint32_t, which, uaddr_t, at)
{
	struct proc_timer_setting setting;
	if (which > ITIMER_PROF)
		return -EINVAL;
	if (which == ITIMER_REAL)
		proc_get_alarm(&setting.value, &setting.interval);
	else
		proc_get_cpu_itimer((int)which, &setting);
	return put_itimer(at, setting.value, setting.interval);
}

SYSCALL3(setitimer, uint32_t, which, uaddr_t, new_at, uaddr_t, old_at)
{
	struct linux_timeval in[2] = {{0, 0}, {0, 0}};
	struct proc_timer_setting old;
	if (new_at && mm_copy_in(in, new_at, sizeof(in)))
		return -EFAULT;
	if (in[0].sec < 0 || in[0].usec < 0 || in[1].sec < 0 || in[1].usec < 0 ||
	    in[0].usec >= 1000000 || in[1].usec >= 1000000 || which > ITIMER_PROF)
		return -EINVAL;
	struct proc_timer_setting wanted = {from_timeval(&in[1]), from_timeval(&in[0])};
	err_t err = which == ITIMER_REAL
			    ? proc_set_alarm(wanted.value, wanted.interval, &old.value, &old.interval)
			    : proc_set_cpu_itimer((int)which, &wanted, &old);
	return err || !old_at ? err : put_itimer(old_at, old.value, old.interval);
}

SYSCALL1(alarm, uint32_t, seconds)
{
	nsec_t left, interval;
	err_t err = proc_set_alarm(seconds * NSEC_PER_SEC, 0, &left, &interval);
	return err ? err : (int64_t)((left + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
}

// ---- POSIX timers ---------------------------------------------------------------------------------

enum { SIGEV_SIGNAL = 0, SIGEV_NONE = 1, SIGEV_THREAD = 2, SIGEV_THREAD_ID = 4 };

/** Linux's struct sigevent. */
struct linux_sigevent {
	uint64_t value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};

static err_t get_timer_clock(int id, struct proc_timer_spec *spec)
{
	nsec_t now;
	switch (id) {
	case CLOCK_REALTIME:
		spec->clock = PROC_CLOCK_REALTIME;
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
		spec->clock = PROC_CLOCK_MONOTONIC;
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		spec->clock = PROC_CLOCK_PROCESS_CPU;
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		spec->clock = PROC_CLOCK_THREAD_CPU;
		spec->tid = current_thread()->proc.tid;
		return 0;
	default:
		return abi_read_clock(id, &now) ? -EINVAL : -EOPNOTSUPP;
	}
}

static err_t get_notification(const struct linux_sigevent *event, struct proc_timer_spec *spec)
{
	spec->signo = event->signo;
	spec->value = event->value;
	if (event->notify == SIGEV_NONE) {
		spec->notify = PROC_TIMER_NONE;
		return 0;
	}
	if (event->signo < 1 || event->signo > NSIG)
		return -EINVAL;
	if (event->notify == SIGEV_SIGNAL || event->notify == SIGEV_THREAD)
		return 0;
	struct thread *thread = event->notify == SIGEV_THREAD_ID && event->tid > 0
					? thread_find((uint32_t)event->tid)
					: NULL;
	bool is_own = thread && thread->proc.pid == current_process()->pid;
	if (thread)
		thread_put(thread);
	if (!is_own || (spec->clock == PROC_CLOCK_THREAD_CPU && spec->tid != (uint32_t)event->tid))
		return -EINVAL;
	spec->notify = PROC_TIMER_THREAD;
	spec->tid = (uint32_t)event->tid;
	return 0;
}

// Partly: no alarm clocks; of clocks of CPU time only the caller's own.
SYSCALL3(timer_create, int, clock, uaddr_t, event_at, uaddr_t, id_at)
{
	struct proc_timer_spec spec = {.signo = SIGALRM, .is_value_id = !event_at};
	struct linux_sigevent event;
	uint32_t id;
	err_t err = get_timer_clock(clock, &spec);
	if (!err && event_at && mm_copy_in(&event, event_at, sizeof(event)))
		err = -EFAULT;
	if (!err && event_at)
		err = get_notification(&event, &spec);
	if (!err)
		err = proc_timer_create(&spec, &id);
	if (!err && abi_put32(id_at, id)) {
		(void)!proc_timer_delete(id);
		err = -EFAULT;
	}
	return err;
}

SYSCALL4(timer_settime, uint32_t, id, uint32_t, flags, uaddr_t, new_at, uaddr_t, old_at)
{
	struct proc_timer_setting wanted, old;
	if (!new_at)
		return -EINVAL;
	err_t err = abi_get_itimerspec(new_at, &wanted.value, &wanted.interval);
	if (!err)
		err = proc_timer_set(id, flags & TIMER_ABSTIME, &wanted, &old);
	return err || !old_at ? err : abi_put_itimerspec(old_at, old.value, old.interval);
}

SYSCALL2(timer_gettime, uint32_t, id, uaddr_t, at)
{
	struct proc_timer_setting setting;
	err_t err = proc_timer_get(id, &setting);
	return err ? err : abi_put_itimerspec(at, setting.value, setting.interval);
}

SYSCALL1(timer_getoverrun, uint32_t, id)
{
	return proc_timer_overrun(id);
}

SYSCALL1(timer_delete, uint32_t, id)
{
	return proc_timer_delete(id);
}
