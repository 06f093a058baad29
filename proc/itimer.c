// SPDX-License-Identifier: MIT
// Alarms. The timer fires in interrupt context, where no signal can be sent: it puts the alarm on a list
// and wakes a kernel thread that sends it.
//
// An alarm lives as long as its process has one set up; the list and its flags are under one lock, so
// that dropping it waits for nobody.
#include <proc/itimer.h>

#include "internal.h"

#include <kernel/panic.h>
#include <mm/slab.h>

struct alarm {
	struct timer timer;
	struct process *process; // holds a reference
	nsec_t interval; // lock
	struct list due; // on due_alarms (lock)
};

static struct spinlock lock = SPINLOCK_INIT; // taken by interrupts
static struct list due_alarms = LIST_INIT(due_alarms); // lock
static struct sched_waitq due_wait = SCHED_WAITQ_INIT(due_wait);

static void alarm_fires(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);
	spin_lock(&lock);
	if (!list_is_linked(&alarm->due))
		list_push_back(&due_alarms, &alarm->due);
	if (alarm->interval)
		timer_set(timer, timer->deadline + alarm->interval);
	spin_unlock(&lock);
	sched_waitq_wake_one(&due_wait);
}

void itimer_wake_sender(void)
{
	sched_waitq_wake_one(&due_wait);
}

/** The process of the next alarm that is due, with a reference. */
static struct process *next_due(void)
{
	struct process *process = NULL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	struct alarm *alarm = list_first_entry(&due_alarms, struct alarm, due);
	if (alarm) {
		process = alarm->process;
		process_get(process);
	}
	spin_unlock_irqrestore(&lock, flags);
	return process;
}

static bool take_due(struct alarm *alarm)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	bool is_due = list_is_linked(&alarm->due);
	if (is_due)
		list_remove(&alarm->due);
	spin_unlock_irqrestore(&lock, flags);
	return is_due;
}

/** Send the alarm if it is due. Lock: alarm_lock of its process, so that none is on its way once stopped. */
static void send_due(struct alarm *alarm)
{
	struct siginfo info = {.signo = SIGALRM, .code = SI_KERNEL};
	if (take_due(alarm))
		(void)signal_send_process(alarm->process, &info);
}

static void alarm_thread(void *unused)
{
	struct process *process;
	(void)unused;
	for (;;) {
		(void)sched_wait_event(&due_wait, !list_is_empty(&due_alarms) || posix_timers_are_due(),
				       NSEC_NEVER, 0);
		posix_timers_send_due();
		while ((process = next_due())) {
			sched_mutex_lock(&process->alarm_lock);
			if (process->alarm)
				send_due(process->alarm);
			sched_mutex_unlock(&process->alarm_lock);
			process_put(process);
		}
	}
}

void itimer_init(void)
{
	struct thread *thread = thread_create_kernel("alarms", alarm_thread, NULL);
	if (!thread)
		panic("no memory for the thread that sends alarms");
	sched_set_system(thread);
	sched_start(thread);
}

static struct alarm *alarm_create(struct process *process)
{
	struct alarm *alarm = kzalloc(sizeof(*alarm));
	if (!alarm)
		return NULL;
	timer_init(&alarm->timer, alarm_fires);
	list_init(&alarm->due);
	alarm->process = process;
	process_get(process);
	return alarm;
}

/** Take the timer off every queue and send what it left: afterwards only the caller sets it off. Lock: alarm_lock. */
static nsec_t stop(struct alarm *alarm, nsec_t *interval)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	*interval = alarm->interval;
	alarm->interval = 0; // a running alarm_fires() does not set it again
	spin_unlock_irqrestore(&lock, flags);
	nsec_t now = time_now(), deadline = alarm->timer.deadline;
	bool was_queued = timer_cancel_sync(&alarm->timer);
	send_due(alarm);
	return !was_queued ? 0 : deadline > now ? deadline - now : 1;
}

err_t proc_set_alarm(nsec_t delay, nsec_t interval, nsec_t *left, nsec_t *old_interval)
{
	struct process *process = current_process();
	sched_mutex_lock(&process->alarm_lock);
	if (!process->alarm)
		process->alarm = alarm_create(process);
	struct alarm *alarm = process->alarm;
	if (alarm) {
		*left = stop(alarm, old_interval);
		alarm->interval = interval;
		if (delay)
			timer_set(&alarm->timer, time_now() + delay);
	}
	sched_mutex_unlock(&process->alarm_lock);
	return alarm ? 0 : -ENOMEM;
}

void proc_get_alarm(nsec_t *left, nsec_t *interval)
{
	struct process *process = current_process();
	sched_mutex_lock(&process->alarm_lock);
	struct alarm *alarm = process->alarm;
	nsec_t now = time_now();
	bool is_set = alarm && timer_is_queued(&alarm->timer);
	*left = is_set && alarm->timer.deadline > now ? alarm->timer.deadline - now : 0;
	*interval = alarm ? alarm->interval : 0;
	sched_mutex_unlock(&process->alarm_lock);
}

void proc_drop_alarm(struct process *process)
{
	nsec_t interval;
	sched_mutex_lock(&process->alarm_lock);
	struct alarm *alarm = process->alarm;
	process->alarm = NULL;
	if (alarm)
		(void)stop(alarm, &interval);
	sched_mutex_unlock(&process->alarm_lock);
	if (!alarm)
		return;
	process_put(alarm->process);
	kfree(alarm);
}
