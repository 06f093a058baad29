// SPDX-License-Identifier: MIT
// POSIX timers, the itimers of CPU time, and RLIMIT_CPU: signals at a point of some clock.
#pragma once

#include <lib/types.h>

struct process;

enum proc_clock { PROC_CLOCK_MONOTONIC, PROC_CLOCK_REALTIME, PROC_CLOCK_PROCESS_CPU,
		  PROC_CLOCK_PROCESS_USER, PROC_CLOCK_THREAD_CPU };
enum proc_timer_notify { PROC_TIMER_SIGNAL, PROC_TIMER_NONE, PROC_TIMER_THREAD };

struct proc_timer_spec {
	enum proc_clock clock;
	enum proc_timer_notify notify;
	int signo;
	uint64_t value; // sigval
	uint32_t tid; // PROC_TIMER_THREAD: who gets it; PROC_CLOCK_THREAD_CPU: the caller's clock
	bool is_value_id; // sigval is the timer's number
};
/** Times in ns; value 0 = off, interval 0 = once. */
struct proc_timer_setting {
	nsec_t value, interval;
};

// All for timers of the current process; -EINVAL: there is no such timer.
must_check err_t proc_timer_create(const struct proc_timer_spec *spec, uint32_t *id);
must_check err_t proc_timer_set(uint32_t id, bool is_absolute, const struct proc_timer_setting *wanted,
				struct proc_timer_setting *old);
must_check err_t proc_timer_get(uint32_t id, struct proc_timer_setting *setting);
must_check int64_t proc_timer_overrun(uint32_t id);
must_check err_t proc_timer_delete(uint32_t id);

/** setitimer's ITIMER_VIRTUAL 1, of user time, and ITIMER_PROF 2. -ENOMEM. */
must_check err_t proc_set_cpu_itimer(int which, const struct proc_timer_setting *wanted,
				     struct proc_timer_setting *old);
void proc_get_cpu_itimer(int which, struct proc_timer_setting *setting);

/** RLIMIT_CPU of @process was set or inherited. -ENOMEM. */
must_check err_t proc_watch_cpu_limit(struct process *process);

/** exec: POSIX timers go, itimers stay; exit: all go. */
void proc_drop_posix_timers(struct process *process);
void proc_drop_all_timers(struct process *process);
/** The wall clock was set. */
void proc_timers_clock_was_set(void);
