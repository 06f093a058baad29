// SPDX-License-Identifier: MIT
// signalfd(2). A read takes a pending signal of the reader, whoever made the file, as sigtimedwait does.
//
// What is ready depends on who asks, so no file can be told of it: pollers link themselves to a source
// chosen by their process, and look again when a signal is queued for a process of that source.
#include <proc/signalfd.h>

#include "internal.h"

#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <uapi/poll.h>

#define SOURCES 32

struct signalfd {
	_Atomic uint64_t mask;
};

/** Linux's struct signalfd_siginfo. */
struct linux_signalfd_siginfo {
	uint32_t signo;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trapno;
	int32_t status, value_int;
	uint64_t value_ptr, utime, stime, addr;
	uint16_t addr_lsb, pad2;
	int32_t syscall;
	uint64_t call_addr;
	uint32_t arch;
	uint8_t pad[28];
};
static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "Linux's struct signalfd_siginfo");

static struct poll_source sources[SOURCES];

void signalfd_init(void)
{
	for (unsigned i = 0; i < SOURCES; i++)
		poll_source_init(&sources[i]);
}

static struct poll_source *source_of(const struct process *process)
{
	return &sources[process->pid % SOURCES];
}

void signalfd_notify(struct process *process)
{
	poll_notify(source_of(process), POLLIN | POLLRDNORM);
}

static void encode(const struct siginfo *info, struct linux_signalfd_siginfo *out)
{
	*out = (struct linux_signalfd_siginfo){.signo = (uint32_t)info->signo, .error = info->error,
					       .code = info->code};
	bool is_fault = SIGBIT(info->signo) & (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) |
					       SIGBIT(SIGFPE) | SIGBIT(SIGTRAP));
	if (is_fault && info->code > 0 && info->code != SI_KERNEL) {
		out->addr = info->value;
		return;
	}
	out->pid = info->pid;
	out->uid = info->uid;
	if (info->signo == SIGCHLD && info->code > 0) {
		out->status = (int32_t)info->value;
		out->utime = (uint64_t)info->utime;
		out->stime = (uint64_t)info->stime;
		return;
	}
	out->value_int = (int32_t)info->value;
	out->value_ptr = info->value;
	if (info->code == SI_TIMER) {
		out->pid = out->uid = 0;
		out->tid = info->timer_id;
		out->overrun = info->overrun;
	}
}

static int64_t signalfd_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct signalfd *sfd = file->data;
	struct linux_signalfd_siginfo out;
	struct siginfo info;
	int64_t done = 0;
	nsec_t deadline = load_relaxed(&file->flags) & O_NONBLOCK ? 0 : NSEC_NEVER;
	(void)pos;
	if (io->left < sizeof(out))
		return -EINVAL;
	while (io->left >= sizeof(out)) {
		int64_t signo = signal_wait(load_relaxed(&sfd->mask), done ? 0 : deadline, &info);
		if (signo < 0)
			return done ? done : signo == -EINTR ? -ERESTARTSYS : signo;
		encode(&info, &out);
		if (io_vec_put(io, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (int64_t)sizeof(out);
	}
	return done;
}

static uint32_t signalfd_poll(struct file *file, struct poll_entry *entry)
{
	struct signalfd *sfd = file->data;
	struct proc_part *self = &current_thread()->proc;
	struct process *process = self->process;
	poll_link(source_of(process), entry);
	spin_lock(&process->lock);
	uint64_t pending = self->sigpending | process->sigpending;
	spin_unlock(&process->lock);
	return pending & load_relaxed(&sfd->mask) ? POLLIN | POLLRDNORM : 0;
}

static void signalfd_release(struct file *file)
{
	kfree(file->data);
}

static const struct file_ops signalfd_ops = {
	.name = "signalfd",
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

err_t signalfd_set_mask(struct file *file, uint64_t mask)
{
	struct signalfd *sfd = file->data;
	if (file->ops != &signalfd_ops)
		return -EINVAL;
	store_relaxed(&sfd->mask, mask & ~SIGNALS_FORCED);
	signalfd_notify(current_process());
	return 0;
}

err_t signalfd_create(uint64_t mask, uint32_t open_flags, struct file **file)
{
	struct signalfd *sfd = kmalloc(sizeof(*sfd));
	if (!sfd)
		return -ENOMEM;
	atomic_init(&sfd->mask, mask & ~SIGNALS_FORCED);
	*file = file_create(&signalfd_ops, O_RDWR | (open_flags & O_NONBLOCK), sfd);
	if (!*file) {
		kfree(sfd);
		return -ENOMEM;
	}
	(*file)->is_stream = 1;
	return 0;
}
