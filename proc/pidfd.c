// SPDX-License-Identifier: MIT
// pidfd_open(2). Readable when the process has ended. Pollers link themselves to a source chosen by the
// process's number, and look again when one of that source ends.
#include <proc/inspect.h>
#include <proc/pidfd.h>

#include "internal.h"

#include <object/cred.h>
#include <object/fdtable.h>
#include <uapi/poll.h>

#define SOURCES 32

static struct poll_source sources[SOURCES];

void pidfd_init(void)
{
	for (unsigned i = 0; i < SOURCES; i++)
		poll_source_init(&sources[i]);
}

static struct poll_source *source_of(const struct process *process)
{
	return &sources[process->pid % SOURCES];
}

void pidfd_notify(struct process *process)
{
	poll_notify(source_of(process), POLLIN | POLLRDNORM | POLLHUP);
}

static uint32_t pidfd_poll(struct file *file, struct poll_entry *entry)
{
	struct process *process = file->data;
	poll_link(source_of(process), entry);
	uint32_t state = load_acquire(&process->state);
	return state == PROCESS_ALIVE ? 0 : POLLIN | POLLRDNORM | (state == PROCESS_DEAD ? POLLHUP : 0);
}

static void pidfd_release(struct file *file)
{
	process_put(file->data);
}

static const struct file_ops pidfd_ops = {
	.name = "pidfd",
	.poll = pidfd_poll,
	.release = pidfd_release,
};

struct process *pidfd_process(struct file *file)
{
	return file->ops == &pidfd_ops ? file->data : NULL;
}

err_t pidfd_create(struct process *process, uint32_t open_flags, struct file **file)
{
	*file = file_create(&pidfd_ops, O_RDWR | (open_flags & O_NONBLOCK), process);
	if (!*file)
		return -ENOMEM;
	process_get(process);
	(*file)->is_stream = 1;
	return 0;
}

struct search {
	uint32_t fd;
	const struct cred *cred; // of who asks
	struct grant *grant;
	err_t err;
};

static void find_grant(void *arg, struct process *process)
{
	struct search *search = arg;
	struct thread *thread = process_any_thread_locked(process);
	if (!thread || !thread->object.fds) {
		search->err = -ESRCH;
		return;
	}
	if (!process_is_open_to_locked(process, search->cred->uid, search->cred->gid)) {
		search->err = -EPERM;
		return;
	}
	struct fdtable *table = thread->object.fds;
	spin_lock(&table->lock);
	struct grant *grant = fd_lookup(table, search->fd);
	search->err = grant ? grant_check_passing(grant) : -EBADF;
	if (!search->err) {
		grant_get(grant);
		search->grant = grant;
	}
	spin_unlock(&table->lock);
}

err_t pidfd_get_grant(struct process *process, uint32_t fd, struct grant **grant)
{
	struct search search = {.fd = fd, .cred = cred_current()};
	if (load_acquire(&process->state) != PROCESS_ALIVE || !process_inspect(process->pid, find_grant, &search))
		return -ESRCH;
	*grant = search.grant;
	return search.err;
}
