// SPDX-License-Identifier: MIT
// timerfd_create(2): a timer that is a file.
//
// The timer fires once and is set again by who reads the file or its setting: however short the period,
// it costs an interrupt only as often as somebody looks. Settings for a point of wall-clock time are kept
// in that time and follow the clock when it is set.
//
// Setting it off anew does not wait for a timer interrupt that is under way on another CPU: that one
// finds a deadline in the future, and leaves.
#include <kernel/time.h>
#include <sched/waitq.h>
#include <uapi/poll.h>

#include "private.h"

struct timerfd {
	bool is_realtime; // clock of absolute settings
	struct sched_waitq wq; // readers; its lock protects all below
	struct timer timer;
	bool is_wall; // deadline is in time since 1970
	bool is_armed; // waits for deadline
	bool is_cancelled_by_set, was_set; // TFD_TIMER_CANCEL_ON_SET; the clock was set
	nsec_t deadline, interval; // 0 = none
	uint64_t ticks; // expirations not read yet
	struct poll_source poll;
	struct list wall_node; // wall_lock
};

static struct spinlock wall_lock = SPINLOCK_INIT; // before wq.lock
static struct list wall_timers = LIST_INIT(wall_timers); // of CLOCK_REALTIME

static const struct file_ops timerfd_ops;

/** Now, as deadlines of @tfd are measured. */
static nsec_t now_of(const struct timerfd *tfd)
{
	return time_now() + (tfd->is_wall ? time_realtime_offset() : 0);
}

// ---- wq.lock held ---------------------------------------------------------------------------------

static void arm(struct timerfd *tfd)
{
	nsec_t offset = tfd->is_wall ? time_realtime_offset() : 0;
	(void)timer_cancel(&tfd->timer);
	tfd->is_armed = true;
	timer_set(&tfd->timer, tfd->deadline > offset ? tfd->deadline - offset : 0);
}

/** A periodic timer that has fired: count what came since and wait for the next period. */
static void forward(struct timerfd *tfd)
{
	nsec_t now = now_of(tfd);
	if (tfd->is_armed || !tfd->interval || !tfd->deadline || now < tfd->deadline)
		return;
	uint64_t more = (now - tfd->deadline) / tfd->interval;
	tfd->ticks += more;
	tfd->deadline += (more + 1) * tfd->interval;
	arm(tfd);
}

static void tell(struct timerfd *tfd)
{
	sched_waitq_wake_n_locked(&tfd->wq, UINT_MAX);
}

static void get_setting(struct timerfd *tfd, struct fs_timer_setting *setting)
{
	forward(tfd);
	nsec_t now = now_of(tfd);
	setting->interval = tfd->interval;
	setting->value = !tfd->is_armed ? 0 : tfd->deadline > now ? tfd->deadline - now : 1;
}

// ---- the timer ------------------------------------------------------------------------------------

static void timerfd_fires(struct timer *timer)
{
	struct timerfd *tfd = container_of(timer, struct timerfd, timer);
	spin_lock(&tfd->wq.lock);
	bool is_due = tfd->is_armed && now_of(tfd) >= tfd->deadline;
	if (is_due) {
		tfd->is_armed = false;
		tfd->ticks++;
		tell(tfd);
	}
	spin_unlock(&tfd->wq.lock);
	if (is_due)
		poll_notify(&tfd->poll, POLLIN | POLLRDNORM);
}

void fs_timerfd_clock_was_set(void)
{
	struct timerfd *tfd;
	irqflags_t flags = spin_lock_irqsave(&wall_lock);
	list_for_each_entry(tfd, &wall_timers, wall_node) {
		spin_lock(&tfd->wq.lock);
		if (tfd->is_armed && tfd->is_wall)
			arm(tfd);
		bool is_cancelled = tfd->is_cancelled_by_set;
		if (is_cancelled) {
			tfd->was_set = true;
			tell(tfd);
		}
		spin_unlock(&tfd->wq.lock);
		if (is_cancelled)
			poll_notify(&tfd->poll, POLLIN | POLLRDNORM);
	}
	spin_unlock_irqrestore(&wall_lock, flags);
}

// ---- the file -------------------------------------------------------------------------------------

static bool is_readable(const struct timerfd *tfd)
{
	return tfd->ticks || tfd->was_set;
}

/** Ticks, or an error. wq.lock held. */
static int64_t take_ticks(struct timerfd *tfd, uint64_t *ticks)
{
	if (tfd->was_set) {
		tfd->was_set = false;
		return -ECANCELED;
	}
	forward(tfd);
	*ticks = tfd->ticks;
	tfd->ticks = 0;
	return 0;
}

static int64_t timerfd_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct timerfd *tfd = file->data;
	uint64_t ticks = 0;
	int64_t err = 0;
	(void)pos;
	if (io->left < sizeof(ticks))
		return -EINVAL;
	irqflags_t irq = spin_lock_irqsave(&tfd->wq.lock);
	while (!err && !is_readable(tfd)) {
		err = -EAGAIN;
		if (!(load_relaxed(&file->flags) & O_NONBLOCK))
			err = sched_waitq_wait(&tfd->wq, &irq, NSEC_NEVER,
					       SCHED_WAIT_INTERRUPTIBLE, 0);
	}
	if (!err)
		err = take_ticks(tfd, &ticks);
	spin_unlock_irqrestore(&tfd->wq.lock, irq);
	if (err)
		return err == -EINTR ? -ERESTARTSYS : err;
	return io_vec_put(io, &ticks, sizeof(ticks)) == sizeof(ticks) ? (int64_t)sizeof(ticks) : -EFAULT;
}

static uint32_t timerfd_poll(struct file *file, struct poll_entry *entry)
{
	struct timerfd *tfd = file->data;
	poll_link(&tfd->poll, entry);
	irqflags_t irq = spin_lock_irqsave(&tfd->wq.lock);
	uint32_t events = is_readable(tfd) ? POLLIN | POLLRDNORM : 0;
	spin_unlock_irqrestore(&tfd->wq.lock, irq);
	return events;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *tfd = file->data;
	irqflags_t irq = spin_lock_irqsave(&wall_lock);
	list_remove(&tfd->wall_node);
	spin_unlock_irqrestore(&wall_lock, irq);
	timer_cancel_sync(&tfd->timer);
	poll_source_destroy(&tfd->poll, POLLHUP);
	kfree(tfd);
}

static const struct file_ops timerfd_ops = {
	.name = "timerfd",
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

err_t fs_timerfd_set(struct file *file, unsigned flags, const struct fs_timer_setting *wanted,
		     struct fs_timer_setting *old)
{
	struct timerfd *tfd = file->data;
	if (file->ops != &timerfd_ops)
		return -EINVAL;
	bool is_absolute = flags & FS_TIMER_ABSOLUTE;
	irqflags_t irq = spin_lock_irqsave(&tfd->wq.lock);
	get_setting(tfd, old);
	(void)timer_cancel(&tfd->timer);
	tfd->is_armed = false;
	tfd->ticks = 0;
	tfd->was_set = false;
	tfd->is_wall = is_absolute && tfd->is_realtime;
	tfd->is_cancelled_by_set = tfd->is_wall && (flags & FS_TIMER_CANCEL_ON_SET);
	tfd->interval = wanted->interval;
	tfd->deadline = wanted->value;
	if (wanted->value && !is_absolute)
		tfd->deadline = min(wanted->value, NSEC_NEVER / 2) + time_now();
	if (wanted->value)
		arm(tfd);
	spin_unlock_irqrestore(&tfd->wq.lock, irq);
	return 0;
}

err_t fs_timerfd_get(struct file *file, struct fs_timer_setting *setting)
{
	struct timerfd *tfd = file->data;
	if (file->ops != &timerfd_ops)
		return -EINVAL;
	irqflags_t irq = spin_lock_irqsave(&tfd->wq.lock);
	get_setting(tfd, setting);
	spin_unlock_irqrestore(&tfd->wq.lock, irq);
	return 0;
}

err_t fs_timerfd_create(bool is_realtime, uint32_t open_flags, struct file **file)
{
	struct timerfd *tfd = kzalloc(sizeof(*tfd));
	if (!tfd)
		return -ENOMEM;
	tfd->is_realtime = is_realtime;
	sched_waitq_init(&tfd->wq);
	timer_init(&tfd->timer, timerfd_fires);
	poll_source_init(&tfd->poll);
	list_init(&tfd->wall_node);
	*file = file_create(&timerfd_ops, O_RDWR | (open_flags & O_NONBLOCK), tfd);
	if (!*file) {
		kfree(tfd);
		return -ENOMEM;
	}
	(*file)->is_stream = 1;
	if (is_realtime) {
		irqflags_t irq = spin_lock_irqsave(&wall_lock);
		list_push_back(&wall_timers, &tfd->wall_node);
		spin_unlock_irqrestore(&wall_lock, irq);
	}
	return 0;
}
