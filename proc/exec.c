// SPDX-License-Identifier: MIT
// execve: the new program is built aside, in an address space of its own, and everything that can fail
// has failed before the point of no return; from there on the old program is gone.
#include "exec.h"

#include <fs/fs.h>
#include <fs/vnode.h>
#include <hal/context.h>
#include <ipc/endpoint.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <proc/posix_timer.h>
#include <proc/inspect.h>
#include <sched/fpu.h>

#define AT_EMPTY_PATH 0x1000
#define AT_SYMLINK_NOFOLLOW 0x100
#define R_OK 4
#define ST_NOSUID 2
#define ST_NOEXEC 8
#define STRING_MAX KIB(128)

// ---- strings --------------------------------------------------------------------------------------

static err_t reserve(struct exec_strings *strings, size_t more)
{
	if (strings->len + more > EXEC_STRINGS_MAX)
		return -E2BIG;
	if (strings->len + more <= strings->capacity)
		return 0;
	size_t capacity = max(strings->capacity * 2, align_up(strings->len + more, 512ul));
	char *text = krealloc(strings->text, capacity);
	if (!text)
		return -ENOMEM;
	strings->text = text;
	strings->capacity = capacity;
	return 0;
}

err_t exec_strings_add(struct exec_strings *strings, const char *text)
{
	size_t n = strlen(text) + 1;
	err_t err = reserve(strings, n);
	if (err)
		return err;
	memcpy(strings->text + strings->len, text, n);
	strings->len += n;
	strings->count++;
	return 0;
}

/** One user string straight into the buffer; it grows until the string fits. */
static err_t add_user(struct exec_strings *strings, uaddr_t at)
{
	for (size_t room = 256; room <= STRING_MAX; room *= 4) {
		err_t err = reserve(strings, room);
		if (err)
			return err;
		int n = mm_copy_in_string(strings->text + strings->len, at, room);
		if (n >= 0) {
			strings->len += (size_t)n + 1;
			strings->count++;
			return 0;
		}
		if (n != -ENAMETOOLONG)
			return n;
	}
	return -E2BIG;
}

err_t exec_strings_copy_in(struct exec_strings *strings, uaddr_t array)
{
	for (; array; array += sizeof(uint64_t)) {
		uint64_t pointer;
		err_t err = mm_copy_in(&pointer, array, sizeof(pointer));
		if (!err && !pointer)
			return 0;
		if (!err)
			err = add_user(strings, pointer);
		if (err)
			return err;
	}
	return 0;
}

// ---- finding the program --------------------------------------------------------------------------

static err_t open_program(struct exec_image *image, int dirfd, const char *path, unsigned at_flags)
{
	struct fs_at at = {.dirfd = dirfd, .path = path};
	struct fs_statfs fs;
	unsigned walk = (at_flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0) |
			(at_flags & AT_SYMLINK_NOFOLLOW ? FS_NOFOLLOW : 0);
	err_t err = fs_open_walk(&at, walk, O_RDONLY, &image->file);
	if (!err)
		err = fs_stat_file(image->file, &image->stat);
	if (!err)
		err = fs_statfs_file(image->file, &fs);
	if (err)
		return err;
	if (!(image->stat.mode & 0111) || (fs.flags & ST_NOEXEC))
		return -EACCES;
	image->has_no_ids = fs.flags & ST_NOSUID;
	image->is_readable = !vnode_permission(image->file->vnode, R_OK);
	int64_t n = fs_read_kernel(image->file, image->head, sizeof(image->head), 0);
	if (n < 0)
		return (err_t)n;
	image->head_len = (size_t)n;
	return 0;
}

/** "#!interpreter argument" of a script; false if it is none. */
static bool parse_script(char *head, size_t len, char **interp, char **argument)
{
	if (len < 3 || head[0] != '#' || head[1] != '!')
		return false;
	char *end = memchr(head, '\n', len), *p = head + 2;
	if (!end)
		end = head + len - 1;
	*end = 0;
	while (*p == ' ' || *p == '\t')
		p++;
	*interp = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	*argument = NULL;
	if (!*p)
		return **interp;
	*p++ = 0;
	while (*p == ' ' || *p == '\t')
		p++;
	char *last = p + strlen(p);
	while (last > p && (last[-1] == ' ' || last[-1] == '\t' || last[-1] == '\r'))
		*--last = 0;
	*argument = *p ? p : NULL;
	return **interp;
}

/** argv of a script: interpreter, argument, path of the script, then what was given after argv[0]. */
static err_t rewrite_argv(struct exec_image *image, const char *interp, const char *argument,
			  const char *path)
{
	struct exec_strings old = image->argv, *argv = &image->argv;
	const char *rest = old.text;
	*argv = (struct exec_strings){0};
	err_t err = exec_strings_add(argv, interp);
	if (!err && argument)
		err = exec_strings_add(argv, argument);
	if (!err)
		err = exec_strings_add(argv, path);
	for (unsigned i = 0; !err && i < old.count; i++) {
		if (i)
			err = exec_strings_add(argv, rest);
		rest += strlen(rest) + 1;
	}
	kfree(old.text);
	return err;
}

/** Open the program; through scripts, at most EXEC_SCRIPTS_MAX deep, to something that is none. */
static err_t find_program(struct exec_image *image, int dirfd, const char *path, unsigned at_flags)
{
	char script[FS_PATH_MAX / 8], *interp, *argument;
	strlcpy(image->path, path, sizeof(image->path));
	for (unsigned depth = 0;; depth++) {
		err_t err = open_program(image, dirfd, path, at_flags);
		if (err || !parse_script(image->head, image->head_len, &interp, &argument))
			return err;
		if (depth == EXEC_SCRIPTS_MAX)
			return -ELOOP;
		err = rewrite_argv(image, interp, argument, path);
		if (err)
			return err;
		if (strlcpy(script, interp, sizeof(script)) >= sizeof(script))
			return -ENOEXEC;
		file_put(image->file);
		image->file = NULL;
		path = script;
		dirfd = FS_AT_CWD;
		at_flags = 0;
	}
}

// ---- building and committing ----------------------------------------------------------------------

static void image_drop(struct exec_image *image)
{
	if (image->file)
		file_put(image->file);
	if (image->interp)
		file_put(image->interp);
	if (image->space)
		mm_space_put(image->space);
	if (image->cred)
		cred_put(image->cred);
	kfree(image->argv.text);
	kfree(image->envp.text);
	kfree(image);
}

/** The identity that a program runs with: another one if its file says so, saved ids as the effective ones; all
 *  capabilities for root, whatever the caller gave up (unless no_new_privs), none for others, whatever it kept. */
static err_t choose_cred(struct exec_image *image)
{
	const struct cred *old = cred_current();
	uint64_t mode = image->has_no_ids || current_process()->no_new_privs ? 0 : image->stat.mode;
	uint32_t euid = mode & FS_ISUID ? (uint32_t)image->stat.uid : old->euid;
	uint32_t egid = (mode & FS_ISGID) && (mode & 010) ? (uint32_t)image->stat.gid : old->egid;
	uint64_t permitted = euid == 0 || old->uid == 0 ? old->cap_bounding : 0;
	if (current_process()->no_new_privs)
		permitted &= old->cap_permitted;
	uint64_t effective = euid == 0 ? permitted : 0;
	if (euid == old->euid && euid == old->suid && egid == old->egid && egid == old->sgid &&
	    permitted == old->cap_permitted && effective == old->cap_effective && !(old->securebits & CRED_KEEP_CAPS))
		return 0;
	struct cred *cred = image->cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	cred->euid = cred->suid = cred->fsuid = euid;
	cred->egid = cred->sgid = cred->fsgid = egid;
	cred->cap_permitted = permitted;
	cred->cap_effective = effective;
	cred->securebits &= ~CRED_KEEP_CAPS;
	return 0;
}

/** Take over the new identity, before there is anything of the new program to be seen: what its caller may not
 *  read, or runs as somebody else, shows that one nothing. */
static void commit_cred(struct process *process, struct exec_image *image)
{
	const struct cred *cred = image->cred ? image->cred : cred_current();
	process->dumpable = image->is_readable && cred->euid == cred->uid && cred->egid == cred->gid;
	if (image->cred)
		proc_set_cred(image->cred);
	image->cred = NULL;
}

/** Signals other than SIGCHLD about an end were agreed upon by programs that are gone. */
static void forget_exit_signals(struct process *process)
{
	struct process *child;
	spin_lock(&proc_tree_lock);
	process->exit_signal = SIGCHLD;
	list_for_each_entry(child, &process->children, sibling)
		child->exit_signal = SIGCHLD;
	process->has_execed = 1;
	spin_unlock(&proc_tree_lock);
}

static err_t build(struct exec_image *image)
{
	image->space = mm_space_create();
	if (!image->space)
		return -ENOMEM;
	err_t err = exec_load_elf(image);
	if (!err)
		err = choose_cred(image);
	if (!err)
		err = exec_build_stack(image);
	if (!err)
		err = vdso_map(image->space);
	return err;
}

/** Shared handlers become the process's own; those that were caught are default again. */
static void reset_signals(struct process *process, struct sighand *fresh)
{
	struct thread *self = current_thread();
	struct sighand *old = process->sighand;
	spin_lock(&process->lock);
	sighand_keep_ignored(fresh, old);
	process->sighand = fresh;
	spin_unlock(&process->lock);
	sighand_put(old);
	self->proc.altstack_base = self->proc.altstack_size = 0;
	self->proc.altstack_flags = 2; // SS_DISABLE
}

/** The thread that execs is the leader from now on, with the leader's number. */
static void become_leader(struct process *process)
{
	struct thread *self = current_thread();
	uint32_t old_tid = self->proc.tid;
	if (old_tid == process->pid)
		return;
	pid_set_thread(old_tid, NULL);
	pid_free(old_tid);
	self->proc.tid = process->pid;
	pid_set_thread(process->pid, self);
	process->leader = self;
}

static void set_names(struct process *process, struct exec_image *image)
{
	const char *slash = strrchr(image->path, '/');
	strlcpy(process->name, slash ? slash + 1 : image->path, sizeof(process->name));
	strlcpy(current_thread()->name, process->name, sizeof(process->name));
	spin_lock(&process->lock);
	struct file *old = process->exe;
	process->exe = image->file;
	spin_unlock(&process->lock);
	image->file = NULL;
	if (old)
		file_put(old);
}

static void swap_space(struct exec_image *image)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	struct mm_space *old = self->mm.space;
	spin_lock(&process->lock); // proc/inspect.c
	if (old)
		usage_note_space_locked(process, old);
	self->mm.space = image->space;
	process->counted = (struct mm_faults){0};
	spin_unlock(&process->lock);
	image->space = NULL;
	irqflags_t flags = hal_irq_save();
	mm_space_activate(self->mm.space);
	hal_irq_restore(flags);
	vfork_finish(self);
	if (old)
		mm_space_put(old);
}

/** Everything that may fail: the program, a table of its own, handlers, the other threads' end. */
static err_t prepare(struct exec_image *image, struct fdtable **fds, struct sighand **sighand)
{
	struct thread *self = current_thread();
	err_t err = build(image);
	if (err)
		return err;
	*sighand = sighand_create();
	*fds = load_relaxed(&self->object.fds->refs) > 1 ? fdtable_copy(self->object.fds)
							: self->object.fds;
	err = *sighand && *fds ? proc_end_other_threads() : -ENOMEM;
	if (!err && *fds != self->object.fds && load_relaxed(&self->object.fds->refs) == 1) {
		fdtable_put(*fds); // only threads that have ended shared it: it stays, with its record locks
		*fds = self->object.fds;
	}
	if (err && *sighand)
		sighand_put(*sighand);
	if (err && *fds && *fds != self->object.fds)
		fdtable_put(*fds);
	return err;
}

static void commit(struct trapframe *tf, struct exec_image *image, struct fdtable *fds,
		   struct sighand *sighand)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	ipc_thread_exit();
	become_leader(process);
	self->proc.clear_child_tid = self->proc.robust_list = 0;
	if (fds != self->object.fds) {
		struct fdtable *old = self->object.fds;
		spin_lock(&process->lock); // proc/inspect.c
		self->object.fds = fds;
		spin_unlock(&process->lock);
		fdtable_put(old);
	}
	fdtable_close_on_exec(fds);
	proc_drop_posix_timers(process);
	forget_exit_signals(process);
	commit_cred(process, image);
	set_names(process, image);
	swap_space(image);
	reset_signals(process, sighand);
	sched_fpu_drop();
	hal_tf_init_user(tf, image->entry, image->sp);
	hal_tf_set_tls(tf, &self->context, 0);
}

static int64_t run(struct trapframe *tf, struct exec_image *image)
{
	struct fdtable *fds = NULL;
	struct sighand *sighand = NULL;
	err_t err = prepare(image, &fds, &sighand);
	// ---- point of no return ----
	if (!err)
		commit(tf, image, fds, sighand);
	image_drop(image);
	return err;
}

int64_t proc_exec(struct trapframe *tf, int dirfd, const char *path, uint64_t argv, uint64_t envp,
		  unsigned at_flags)
{
	struct exec_image *image = kzalloc(sizeof(*image));
	if (!image)
		return -ENOMEM;
	err_t err = exec_strings_copy_in(&image->argv, argv);
	if (!err && !image->argv.count)
		err = exec_strings_add(&image->argv, ""); // Linux 5.18: never an empty argv
	if (!err)
		err = exec_strings_copy_in(&image->envp, envp);
	if (!err)
		err = find_program(image, dirfd, path, at_flags);
	if (!err)
		return run(tf, image);
	image_drop(image);
	return err;
}

// ---- PID 1 ----------------------------------------------------------------------------------------

static err_t add_all(struct exec_strings *strings, const char *const *texts)
{
	err_t err = 0;
	for (; !err && *texts; texts++)
		err = exec_strings_add(strings, *texts);
	return err;
}

/** The current kernel thread becomes the first thread of process 1, still without a program. */
static err_t become_init(struct process *process)
{
	struct thread *self = current_thread();
	uint32_t pid;
	err_t err = pid_alloc(&pid);
	if (err)
		return err;
	if (!self->object.fds)
		self->object.fds = fdtable_create();
	if (!self->fs.context)
		self->fs.context = fs_context_create();
	process->sighand = sighand_create();
	if (!self->object.fds || !self->fs.context || !process->sighand)
		return -ENOMEM;
	memcpy(process->limits, proc_default_limits, sizeof(process->limits));
	process->pid = pid;
	process_get(process); // the tree's
	self->proc.process = process;
	self->proc.pid = self->proc.tid = pid;
	list_init(&self->proc.sigqueue);
	self->proc.altstack_flags = 2; // SS_DISABLE
	list_push_back(&process->threads, &self->proc.node);
	process->thread_count = process->living = 1;
	process->leader = self;
	pid_set_thread(pid, self);
	pid_set_process(pid, process);
	spin_lock(&proc_tree_lock);
	session_join_locked(process, pid);
	pgrp_join_locked(process, pid);
	spin_unlock(&proc_tree_lock);
	proc_init_process = process;
	return process_count_inc();
}

err_t proc_exec_init(const char *path, const char *const argv[], const char *const envp[])
{
	struct exec_image *image = kzalloc(sizeof(*image));
	struct process *process = proc_init_process ? proc_init_process : process_create();
	if (!proc_init_process)
		sched_start_samples();
	if (!image || !process)
		return -ENOMEM;
	err_t err = proc_init_process ? 0 : become_init(process);
	if (!err)
		err = add_all(&image->argv, argv);
	if (!err)
		err = add_all(&image->envp, envp);
	if (!err)
		err = find_program(image, FS_AT_CWD, path, 0);
	if (err) {
		image_drop(image);
		return err;
	}
	return (err_t)run(current_thread()->tf, image);
}
