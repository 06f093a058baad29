// SPDX-License-Identifier: MIT
// Timers that send signals. A timer fires in interrupt context, where no signal can be sent: it goes on
// the list of due ones, and the thread of itimer.c sends.
//
// A timer's signal is queued once. The next period begins when that signal is taken, and the periods
// passed until then are its overrun; so the shortest period costs no more than the program takes.
// A timer of CPU time fires when that much time would have passed if all threads ran, at most every
// CPU_STEP; the thread looks at the clock and sets it off again if it is too early.
//
// Locks: process->lock (who has which timers), then `lock` (their state; taken by interrupts).
#include <proc/posix_timer.h>

#include "internal.h"

#include <mm/slab.h>

#define TIMERS_MAX 1024 // of a process; Linux counts them against RLIMIT_SIGPENDING
#define CPU_STEP (4 * NSEC_PER_MSEC)
#define OVERRUN_MAX INT32_MAX
enum { ID_CPU_LIMIT = -1, ID_ITIMER = -10 }; // ID_ITIMER - which

struct posix_timer {
	struct list node; // process->timers (process lock)
	_Atomic uint32_t refs; // that list, the list of due ones, users
	struct process *process; // holds a reference
	int id; // negative: the kernel's own
	struct proc_timer_spec spec;
	struct timer timer;
	// `lock`:
	struct list due, wall; // lists
	bool is_armed, is_wall, is_queued, is_deleted;
	nsec_t deadline, interval; // of its clock
	uint64_t overrun; // since the signal that is queued
	int32_t last_overrun;
};

static struct spinlock lock = SPINLOCK_INIT;
static struct list due_timers = LIST_INIT(due_timers); // lock
static struct list wall_timers = LIST_INIT(wall_timers); // lock

static bool is_cpu_clock(const struct posix_timer *t)
{
	return t->spec.clock >= PROC_CLOCK_PROCESS_CPU;
}

static void timer_drop(struct posix_timer *t)
{
	if (fetch_sub_acq_rel(&t->refs, 1) != 1)
		return;
	timer_cancel_sync(&t->timer);
	process_put(t->process);
	kfree(t);
}

/** Now, by the clock of @t. Takes the process's lock for clocks of CPU time. */
static nsec_t now_of(struct posix_timer *t)
{
	if (t->spec.clock == PROC_CLOCK_PROCESS_CPU)
		return process_cpu_time(t->process);
	if (t->spec.clock == PROC_CLOCK_PROCESS_USER) {
		struct proc_usage usage, children;
		proc_get_usage(t->process, &usage, &children);
		return usage.times.user;
	}
	if (t->spec.clock == PROC_CLOCK_THREAD_CPU) {
		struct thread *thread = thread_find(t->spec.tid);
		nsec_t now = thread ? sched_cpu_time(thread) : 0;
		if (thread)
			thread_put(thread);
		return now;
	}
	return time_now() + (t->is_wall ? time_realtime_offset() : 0);
}

// ---- `lock` held ----------------------------------------------------------------------------------

/** Wait for t->deadline. @now: by its clock. */
static void arm(struct posix_timer *t, nsec_t now)
{
	nsec_t offset = t->is_wall ? time_realtime_offset() : 0, at = t->deadline;
	(void)timer_cancel(&t->timer);
	t->is_armed = true;
	if (is_cpu_clock(t)) {
		nsec_t left = at > now ? at - now : 0, threads = max(t->process->thread_count, 1u);
		at = time_now() + max(left / threads, (nsec_t)CPU_STEP);
	} else {
		at = at > offset ? at - offset : 0;
	}
	timer_set(&t->timer, at);
}

/** Count the periods that passed and wait for the next. */
static void forward(struct posix_timer *t, nsec_t now)
{
	if (!t->interval || now < t->deadline)
		return;
	uint64_t more = (now - t->deadline) / t->interval;
	t->overrun += more;
	t->deadline += (more + 1) * t->interval;
	arm(t, now);
}

static void make_due(struct posix_timer *t)
{
	if (list_is_linked(&t->due) || t->is_deleted)
		return;
	fetch_add_relaxed(&t->refs, 1);
	list_push_back(&due_timers, &t->due);
}

static void disarm(struct posix_timer *t)
{
	(void)timer_cancel(&t->timer);
	t->is_armed = false;
	list_remove(&t->wall);
}

// ---- firing ---------------------------------------------------------------------------------------

static void posix_timer_fires(struct timer *timer)
{
	struct posix_timer *t = container_of(timer, struct posix_timer, timer);
	spin_lock(&lock);
	bool is_due = t->is_armed && (is_cpu_clock(t) || now_of(t) >= t->deadline);
	if (is_due)
		make_due(t);
	spin_unlock(&lock);
	if (is_due)
		itimer_wake_sender();
}

/** What becomes of a timer that is due, decided under the lock. */
enum outcome { NOTHING, SEND };

static enum outcome expire(struct posix_timer *t)
{
	nsec_t now = now_of(t);
	irqflags_t flags = spin_lock_irqsave(&lock);
	bool is_due = t->is_armed && !t->is_deleted && now >= t->deadline;
	if (!is_due && t->is_armed && !t->is_deleted)
		arm(t, now); // CPU time: too early
	bool sends = is_due && t->spec.notify != PROC_TIMER_NONE && !t->is_queued;
	if (is_due)
		t->is_armed = false;
	if (sends)
		t->is_queued = true;
	spin_unlock_irqrestore(&lock, flags);
	return sends ? SEND : NOTHING;
}

static err_t send_signal(struct posix_timer *t)
{
	struct siginfo info = {.signo = t->spec.signo, .code = t->id < 0 ? SI_KERNEL : SI_TIMER,
			       .timer_id = (uint32_t)t->id, .value = t->spec.value};
	if (t->spec.notify != PROC_TIMER_THREAD)
		return signal_send_process(t->process, &info);
	struct thread *thread = thread_find(t->spec.tid);
	err_t err = thread ? signal_send_thread(t->process, thread, &info) : -ESRCH;
	if (thread)
		thread_put(thread);
	return err;
}

/** No signal is queued: it was ignored, or is one that does not come back (the kernel's own). */
static void go_on(struct posix_timer *t)
{
	nsec_t now = now_of(t);
	irqflags_t flags = spin_lock_irqsave(&lock);
	t->is_queued = false;
	t->overrun = 0;
	if (!t->is_armed && t->interval && !t->is_deleted) {
		forward(t, now);
		nsec_t soon = time_now() + CPU_STEP; // nobody looks: no hurry
		if (t->is_armed && t->id >= 0 && !is_cpu_clock(t) && t->timer.deadline < soon) {
			(void)timer_cancel(&t->timer);
			timer_set(&t->timer, soon);
		}
	}
	spin_unlock_irqrestore(&lock, flags);
}

/** RLIMIT_CPU: SIGXCPU each second above the soft limit, SIGKILL at the hard one. */
static void choose_limit_signal(struct posix_timer *t)
{
	uint64_t used = process_cpu_time(t->process) / NSEC_PER_SEC;
	spin_lock(&t->process->lock);
	t->spec.signo = used >= t->process->limits[RLIMIT_CPU].max ? SIGKILL : SIGXCPU;
	spin_unlock(&t->process->lock);
}

static void send_due(struct posix_timer *t)
{
	if (expire(t) == NOTHING)
		return;
	if (t->id == ID_CPU_LIMIT)
		choose_limit_signal(t);
	err_t err = send_signal(t);
	spin_lock(&t->process->lock);
	bool is_ignored = signal_is_ignored_locked(t->process, t->spec.signo);
	spin_unlock(&t->process->lock);
	if (err || is_ignored || t->id < 0)
		go_on(t);
}

bool posix_timers_are_due(void)
{
	return !list_is_empty(&due_timers);
}

void posix_timers_send_due(void)
{
	for (;;) {
		irqflags_t flags = spin_lock_irqsave(&lock);
		struct posix_timer *t = list_pop_front_entry(&due_timers, struct posix_timer, due);
		spin_unlock_irqrestore(&lock, flags);
		if (!t)
			return;
		send_due(t);
		timer_drop(t);
	}
}

static struct posix_timer *find_locked(struct process *process, int id)
{
	struct posix_timer *t;
	list_for_each_entry(t, &process->timers, node) {
		if (t->id == id)
			return t;
	}
	return NULL;
}

void posix_timer_taken_locked(struct process *process, struct siginfo *info)
{
	struct posix_timer *t = find_locked(process, (int)info->timer_id);
	if (!t)
		return;
	// The clocks of CPU time need the lock that is held: their next period begins in the thread.
	nsec_t now = is_cpu_clock(t) ? t->deadline : now_of(t);
	irqflags_t flags = spin_lock_irqsave(&lock);
	if (t->is_queued && !t->is_armed)
		forward(t, now);
	t->is_queued = false;
	t->last_overrun = (int32_t)min(t->overrun, (uint64_t)OVERRUN_MAX);
	t->overrun = 0;
	info->overrun = (uint32_t)t->last_overrun;
	spin_unlock_irqrestore(&lock, flags);
}

void proc_timers_clock_was_set(void)
{
	struct posix_timer *t;
	irqflags_t flags = spin_lock_irqsave(&lock);
	list_for_each_entry(t, &wall_timers, wall) {
		if (t->is_armed)
			arm(t, 0);
	}
	spin_unlock_irqrestore(&lock, flags);
}

// ---- calls ----------------------------------------------------------------------------------------

static struct posix_timer *timer_make(struct process *process, const struct proc_timer_spec *spec)
{
	struct posix_timer *t = kzalloc(sizeof(*t));
	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	t->process = process;
	process_get(process);
	t->spec = *spec;
	timer_init(&t->timer, posix_timer_fires);
	list_init(&t->node);
	list_init(&t->due);
	list_init(&t->wall);
	return t;
}

/** The lowest free number; -EAGAIN. Process locked. */
static int free_id_locked(struct process *process)
{
	int id = 0;
	while (id < TIMERS_MAX && find_locked(process, id))
		id++;
	return id < TIMERS_MAX ? id : -EAGAIN;
}

err_t proc_timer_create(const struct proc_timer_spec *spec, uint32_t *id)
{
	struct process *process = current_process();
	struct posix_timer *t = timer_make(process, spec);
	if (!t)
		return -EAGAIN;
	spin_lock(&process->lock);
	int number = free_id_locked(process);
	if (number >= 0) {
		t->id = number;
		if (spec->is_value_id)
			t->spec.value = (uint64_t)number;
		list_push_front(&process->timers, &t->node);
	}
	spin_unlock(&process->lock);
	if (number < 0) {
		timer_drop(t);
		return number;
	}
	*id = (uint32_t)number;
	return 0;
}

/** With a reference, or NULL. */
static struct posix_timer *find(struct process *process, int id)
{
	spin_lock(&process->lock);
	struct posix_timer *t = find_locked(process, id);
	if (t)
		fetch_add_relaxed(&t->refs, 1);
	spin_unlock(&process->lock);
	return t;
}

static void get_setting(struct posix_timer *t, struct proc_timer_setting *setting)
{
	nsec_t now = now_of(t);
	irqflags_t flags = spin_lock_irqsave(&lock);
	if (t->spec.notify == PROC_TIMER_NONE && t->is_armed)
		forward(t, now);
	setting->interval = t->interval;
	bool is_on = t->is_armed || (t->interval && t->is_queued);
	nsec_t deadline = t->deadline;
	if (is_on && t->interval && deadline <= now) // its signal was not taken yet
		deadline += ((now - deadline) / t->interval + 1) * t->interval;
	setting->value = !is_on ? 0 : deadline > now ? deadline - now : 1;
	if (t->spec.notify == PROC_TIMER_NONE && is_on && deadline <= now)
		setting->value = 0; // it has expired, and nobody is told
	spin_unlock_irqrestore(&lock, flags);
}

static void set_timer(struct posix_timer *t, bool is_absolute, const struct proc_timer_setting *wanted,
		      struct proc_timer_setting *old)
{
	get_setting(t, old);
	nsec_t now = is_cpu_clock(t) ? now_of(t) : 0;
	irqflags_t flags = spin_lock_irqsave(&lock);
	disarm(t);
	t->is_wall = is_absolute && t->spec.clock == PROC_CLOCK_REALTIME;
	t->interval = wanted->interval;
	t->deadline = wanted->value;
	t->overrun = 0;
	t->last_overrun = 0;
	if (!is_absolute)
		t->deadline = min(wanted->value, NSEC_NEVER / 2) + (is_cpu_clock(t) ? now : time_now());
	if (t->is_wall)
		list_push_back(&wall_timers, &t->wall);
	if (wanted->value && !t->is_deleted)
		arm(t, now);
	spin_unlock_irqrestore(&lock, flags);
}

err_t proc_timer_set(uint32_t id, bool is_absolute, const struct proc_timer_setting *wanted,
		     struct proc_timer_setting *old)
{
	struct posix_timer *t = (int)id < 0 ? NULL : find(current_process(), (int)id);
	if (!t)
		return -EINVAL;
	set_timer(t, is_absolute, wanted, old);
	timer_drop(t);
	return 0;
}

err_t proc_timer_get(uint32_t id, struct proc_timer_setting *setting)
{
	struct posix_timer *t = (int)id < 0 ? NULL : find(current_process(), (int)id);
	if (!t)
		return -EINVAL;
	get_setting(t, setting);
	timer_drop(t);
	return 0;
}

int64_t proc_timer_overrun(uint32_t id)
{
	struct posix_timer *t = (int)id < 0 ? NULL : find(current_process(), (int)id);
	if (!t)
		return -EINVAL;
	int64_t overrun = t->last_overrun;
	timer_drop(t);
	return overrun;
}

/** @t is on no process's list any more: stop it and drop the list's reference. */
static void discard(struct posix_timer *t)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	t->is_deleted = true;
	disarm(t);
	spin_unlock_irqrestore(&lock, flags);
	timer_drop(t);
}

err_t proc_timer_delete(uint32_t id)
{
	struct process *process = current_process();
	spin_lock(&process->lock);
	struct posix_timer *t = (int)id < 0 ? NULL : find_locked(process, (int)id);
	if (t)
		list_remove(&t->node);
	spin_unlock(&process->lock);
	if (t)
		discard(t);
	return t ? 0 : -EINVAL;
}

/** All timers of @process with numbers from @lowest on go. */
static void drop_from(struct process *process, int lowest)
{
	struct posix_timer *t, *next;
	struct list gone;
	list_init(&gone);
	spin_lock(&process->lock);
	list_for_each_entry_safe(t, next, &process->timers, node) {
		if (t->id < lowest)
			continue;
		list_remove(&t->node);
		list_push_back(&gone, &t->node);
	}
	process->has_no_timers |= lowest == INT_MIN;
	spin_unlock(&process->lock);
	while ((t = list_pop_front_entry(&gone, struct posix_timer, node)))
		discard(t);
}

void proc_drop_posix_timers(struct process *process)
{
	drop_from(process, 0);
}

void proc_drop_all_timers(struct process *process)
{
	drop_from(process, INT_MIN);
}

// ---- the kernel's own -----------------------------------------------------------------------------

/** The timer @id of @process, made if it is not there; with a reference. NULL: no memory, or it ends. */
static struct posix_timer *own_timer(struct process *process, int id, int signo)
{
	const struct proc_timer_spec spec = {
		.clock = signo == SIGVTALRM ? PROC_CLOCK_PROCESS_USER : PROC_CLOCK_PROCESS_CPU,
		.signo = signo,
	};
	struct posix_timer *fresh = timer_make(process, &spec);
	if (!fresh)
		return NULL;
	fresh->id = id;
	spin_lock(&process->lock);
	struct posix_timer *t = find_locked(process, id);
	if (!t && !process->has_no_timers) {
		t = fresh;
		fresh = NULL;
		list_push_back(&process->timers, &t->node);
	}
	if (t)
		fetch_add_relaxed(&t->refs, 1);
	spin_unlock(&process->lock);
	if (fresh)
		timer_drop(fresh);
	return t;
}

err_t proc_set_cpu_itimer(int which, const struct proc_timer_setting *wanted, struct proc_timer_setting *old)
{
	struct posix_timer *t = own_timer(current_process(), ID_ITIMER - which, which == 1 ? SIGVTALRM : SIGPROF);
	if (!t)
		return -ENOMEM;
	set_timer(t, false, wanted, old);
	timer_drop(t);
	return 0;
}

void proc_get_cpu_itimer(int which, struct proc_timer_setting *setting)
{
	struct posix_timer *t = find(current_process(), ID_ITIMER - which);
	*setting = (struct proc_timer_setting){0, 0};
	if (!t)
		return;
	get_setting(t, setting);
	timer_drop(t);
}

err_t proc_watch_cpu_limit(struct process *process)
{
	spin_lock(&process->lock);
	uint64_t seconds = process->limits[RLIMIT_CPU].current;
	bool is_watched = find_locked(process, ID_CPU_LIMIT) != NULL;
	spin_unlock(&process->lock);
	bool is_limited = seconds < NSEC_NEVER / 2 / NSEC_PER_SEC;
	if (!is_limited && !is_watched)
		return 0;
	struct posix_timer *t = own_timer(process, ID_CPU_LIMIT, SIGXCPU);
	struct proc_timer_setting old, wanted = {0, NSEC_PER_SEC};
	if (!t)
		return -ENOMEM;
	if (is_limited)
		wanted.value = max(seconds, (uint64_t)1) * NSEC_PER_SEC;
	set_timer(t, true, &wanted, &old);
	timer_drop(t);
	return 0;
}
