// SPDX-License-Identifier: MIT
// clone, fork and vfork: the child is built aside, complete, and only then made visible and started.
// Whatever fails on the way is undone in reverse; the parent does not notice but for the error.
#include "internal.h"

#include <fs/fs.h>
#include <hal/context.h>
#include <lib/string.h>
#include <mm/space.h>
#include <mm/ucopy.h>
#include <object/fdtable.h>
#include <proc/pidfd.h>
#include <proc/posix_timer.h>
#include <sched/fpu.h>

enum {
	CLONE_VM = 0x100, CLONE_FS = 0x200, CLONE_FILES = 0x400, CLONE_SIGHAND = 0x800,
	CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_THREAD = 0x10000,
	CLONE_SYSVSEM = 0x40000, CLONE_SETTLS = 0x80000, CLONE_PARENT_SETTID = 0x100000,
	CLONE_CHILD_CLEARTID = 0x200000, CLONE_DETACHED = 0x400000, CLONE_CHILD_SETTID = 0x1000000
};
#define CLONE_CLEAR_SIGHAND 0x100000000ull // of clone3 only
#define CLONE_KNOWN                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT |          \
	 CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |                       \
	 CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_CHILD_SETTID | CLONE_PIDFD |                 \
	 CLONE_CLEAR_SIGHAND)
#define THREADS_MAX 256

static err_t check_args(const struct clone_args *args)
{
	uint64_t flags = args->flags;
	if (flags & ~(uint64_t)CLONE_KNOWN)
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && ((flags & (CLONE_THREAD | CLONE_DETACHED)) ||
				      ((flags & CLONE_PARENT_SETTID) && args->pidfd == args->parent_tid)))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && (!(flags & CLONE_VM) || (flags & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	if (args->exit_signal > NSIG || ((flags & CLONE_PARENT) && current_process() == proc_init_process))
		return -EINVAL;
	return 0;
}

/** Registers, thread pointer and floating-point state. */
static err_t copy_machine_state(struct thread *child, struct trapframe *tf,
				const struct clone_args *args)
{
	*child->tf = *tf;
	hal_tf_set_result(child->tf, 0);
	if (args->stack)
		hal_tf_set_sp(child->tf, args->stack);
	hal_context_init_user(&child->context, child->stack_top);
	hal_context_copy_user(&child->context, &current_thread()->context);
	if (args->flags & CLONE_SETTLS)
		hal_tf_set_tls(child->tf, &child->context, args->tls);
	return sched_fpu_copy(child);
}

/** Address space, descriptors, directories, credentials: each shared or copied. */
static err_t copy_resources(struct thread *child, uint64_t flags)
{
	struct thread *self = current_thread();
	if (flags & CLONE_VM) {
		child->mm.space = self->mm.space;
		mm_space_get(child->mm.space);
	} else {
		child->mm.space = mm_space_fork(self->mm.space);
	}
	if (flags & CLONE_FILES) {
		child->object.fds = self->object.fds;
		fdtable_get(child->object.fds);
	} else {
		child->object.fds = fdtable_copy(self->object.fds);
	}
	if (flags & CLONE_FS) {
		child->fs.context = self->fs.context;
		fs_context_get(child->fs.context);
	} else {
		child->fs.context = fs_context_copy(self->fs.context);
	}
	child->object.cred = self->object.cred;
	if (child->object.cred)
		cred_get(child->object.cred);
	return child->mm.space && child->object.fds && child->fs.context ? 0 : -ENOMEM;
}

static void drop_resources(struct thread *child)
{
	if (child->mm.space)
		mm_space_put(child->mm.space);
	if (child->object.fds)
		fdtable_put(child->object.fds);
	if (child->fs.context)
		fs_context_put(child->fs.context);
	if (child->object.cred)
		cred_put(child->object.cred);
	child->mm.space = NULL;
	child->object.fds = NULL;
	child->fs.context = NULL;
	child->object.cred = NULL;
}

/** What a new process takes over from the parent's. */
static err_t copy_process(struct process *process, const struct clone_args *args)
{
	struct process *parent = current_process();
	if (args->flags & CLONE_SIGHAND) {
		process->sighand = parent->sighand;
		fetch_add_relaxed(&process->sighand->refs, 1);
	} else if (args->flags & CLONE_CLEAR_SIGHAND) {
		process->sighand = sighand_create();
		if (process->sighand)
			sighand_keep_ignored(process->sighand, parent->sighand);
	} else {
		process->sighand = sighand_copy(parent->sighand);
	}
	if (!process->sighand)
		return -ENOMEM;
	spin_lock(&parent->lock);
	memcpy(process->limits, parent->limits, sizeof(process->limits));
	memcpy(process->name, parent->name, sizeof(process->name));
	process->exe = parent->exe;
	if (process->exe)
		file_get(process->exe);
	process->dumpable = parent->dumpable;
	store_relaxed(&process->is_traced, load_relaxed(&parent->is_traced));
	process->no_new_privs = parent->no_new_privs;
	process->oom_score_adj = parent->oom_score_adj;
	process->oom_score_adj_min = parent->oom_score_adj_min;
	spin_unlock(&parent->lock);
	process->exit_signal = args->exit_signal;
	return 0;
}

static void init_thread_part(struct thread *child, uint32_t tid, const struct clone_args *args)
{
	struct proc_part *self = &current_thread()->proc, *part = &child->proc;
	part->tid = tid;
	part->sigmask = self->sigmask;
	list_init(&part->sigqueue);
	if (!(args->flags & CLONE_VM) || (args->flags & CLONE_VFORK)) {
		part->altstack_base = self->altstack_base;
		part->altstack_size = self->altstack_size;
		part->altstack_flags = self->altstack_flags;
	}
	part->altstack_flags |= part->altstack_size ? 0 : 2; // SS_DISABLE
	if (args->flags & CLONE_CHILD_CLEARTID)
		part->clear_child_tid = args->child_tid;
	if (args->flags & CLONE_CHILD_SETTID) {
		part->set_child_tid = args->child_tid;
		atomic_init(&child->pending, PEND_START);
	}
}

/** Link @child into its process; a new process into the tree. -EAGAIN: too many threads. -ERESTARTNOINTR: a
 *  signal is to be looked at first (a kill would miss a child born now), then the call is made again. */
static err_t publish(struct thread *child, struct process *process, uint64_t flags)
{
	struct process *self = current_process();
	struct thread *thread = current_thread();
	spin_lock(&proc_tree_lock);
	spin_lock(&self->lock);
	err_t err = load_relaxed(&thread->pending) & (PEND_EXIT | PEND_SIGNAL) ? -ERESTARTNOINTR : 0;
	if (!err && process == self && self->thread_count >= THREADS_MAX)
		err = -EAGAIN;
	if (!err && process == self) {
		list_push_back(&self->threads, &child->proc.node);
		self->thread_count++;
		self->living++;
		if (self->stop_signal) {
			fetch_or_acq_rel(&child->pending, PEND_STOP);
			child->proc.is_stopping = self->stopping != 0;
			self->stopping += child->proc.is_stopping;
		}
	}
	spin_unlock(&self->lock);
	if (!err && process != self) {
		process_get(process); // the tree's; the first reference is the thread's
		list_push_back(&process->threads, &child->proc.node);
		process->thread_count = process->living = 1;
		process->leader = child;
		process->counted = mm_count_faults(child->mm.space); // perhaps the parent's
		process_set_parent_locked(process, flags & CLONE_PARENT ? self->parent : self);
		if (flags & CLONE_PARENT) // not for the caller to choose: it is another's child
			process->exit_signal = self->exit_signal;
		session_join_locked(process, self->sid);
		process->tty = self->tty;
		list_push_back(&process->parent->children, &process->sibling);
		pgrp_join_locked(process, self->pgid);
		pid_set_process_locked(process->pid, process);
	}
	spin_unlock(&proc_tree_lock);
	return err;
}

void vfork_finish(struct thread *child)
{
	struct sched_completion *done = child->proc.vfork_done;
	child->proc.vfork_done = NULL;
	if (done)
		sched_completion_finish(done);
}

/** A process for the child: current's own for a thread. NULL: *@err says why. */
static struct process *choose_process(const struct clone_args *args, err_t *err)
{
	if (args->flags & CLONE_THREAD) {
		process_get(current_process());
		return current_process();
	}
	*err = process_count_inc();
	if (*err)
		return NULL;
	struct process *process = process_create();
	*err = process ? copy_process(process, args) : -ENOMEM;
	if (!*err)
		return process;
	if (process)
		process_put(process);
	process_count_dec();
	return NULL;
}

/** CLONE_PIDFD: a file and the number that it gets when the child is there. */
struct new_pidfd {
	struct file *file;
	int fd;
};

static void drop_pidfd(struct new_pidfd *pidfd)
{
	if (pidfd->fd >= 0)
		fd_unreserve(current_thread()->object.fds, (uint32_t)pidfd->fd);
	grant_put(&pidfd->file->grant);
}

/** The number is stored where the caller wants it. On error too, @pidfd is the caller's to drop if it has a file. */
static err_t make_pidfd(struct process *process, uint64_t at, struct new_pidfd *pidfd)
{
	err_t err = pidfd_create(process, 0, &pidfd->file);
	if (err)
		return err;
	pidfd->fd = fd_reserve(current_thread()->object.fds, FD_CLOEXEC);
	if (pidfd->fd < 0)
		return pidfd->fd;
	return mm_store_user32(at, (uint32_t)pidfd->fd) ? -EFAULT : 0;
}

int64_t proc_clone(struct trapframe *tf, const struct clone_args *args)
{
	struct process *self = current_process();
	struct sched_completion vfork_done;
	uint32_t tid;
	struct new_pidfd pidfd = {0};
	err_t err = check_args(args);
	if (err)
		return err;
	struct process *process = choose_process(args, &err);
	if (!process)
		return err;
	struct thread *child = thread_create(current_thread()->name);
	err = child ? user_charge_thread(child) : -ENOMEM;
	if (!err)
		err = pid_alloc(&tid);
	if (err)
		goto drop_thread;
	init_thread_part(child, tid, args);
	child->proc.process = process;
	if (process != self)
		process->pid = tid;
	child->proc.pid = process->pid;
	err = copy_resources(child, args->flags);
	if (!err)
		err = copy_machine_state(child, tf, args);
	if (!err)
		err = sched_copy_params(child, current_thread());
	if (!err && process != self && process->limits[RLIMIT_CPU].current != UINT64_MAX)
		err = proc_watch_cpu_limit(process);
	if (!err && (args->flags & CLONE_PIDFD))
		err = make_pidfd(process, args->pidfd, &pidfd);
	if (!err && (args->flags & CLONE_PARENT_SETTID) && mm_store_user32(args->parent_tid, tid))
		err = -EFAULT;
	if (err)
		goto drop_resources;
	if (args->flags & CLONE_VFORK) {
		sched_completion_init(&vfork_done);
		child->proc.vfork_done = &vfork_done;
	}
	pid_set_thread(tid, child);
	err = publish(child, process, args->flags);
	if (err)
		goto unpublish;
	if (pidfd.file)
		fd_fill(current_thread()->object.fds, (uint32_t)pidfd.fd, &pidfd.file->grant);
	sched_start(child);
	// Not to be interrupted: the child has our stack until it execs or ends.
	if (args->flags & CLONE_VFORK)
		sched_completion_wait(&vfork_done);
	return tid;

unpublish:
	pid_set_thread(tid, NULL);
drop_resources:
	if (pidfd.file)
		drop_pidfd(&pidfd);
	if (process != self)
		proc_drop_all_timers(process);
	drop_resources(child);
	pid_free(tid);
drop_thread:
	if (child) {
		user_uncharge(child->proc.charged_uid);
		thread_put(child);
	}
	if (process != self)
		process_count_dec();
	process_put(process);
	return err;
}
