// SPDX-License-Identifier: MIT
// /proc/PID and /proc/PID/task/TID: which names there are, links, and the short files.
#include "private.h"

#include <abi/init.h>
#include <abi/procfs.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <proc/oom.h>
#include <uapi/errno.h>

typedef unsigned long long ull;

// ---- links --------------------------------------------------------------------------------------

static void find_exe(void *arg, struct process *process)
{
	bool is_zombie = !process_any_thread_locked(process);
	struct fs_dentry *dentry = !is_zombie && process->exe ? process->exe->dentry : NULL;
	if (dentry)
		fs_dentry_get(dentry);
	*(struct fs_dentry **)arg = dentry;
}

static void find_dir(struct fs_dentry **found, struct process *process, bool is_root)
{
	struct thread *thread = process_any_thread_locked(process);
	struct fs_context *context = thread ? thread->fs.context : NULL;
	if (!context)
		return;
	spin_lock(&context->lock);
	*found = load_relaxed(is_root ? &context->root : &context->cwd);
	fs_dentry_get(*found);
	spin_unlock(&context->lock);
}

static void find_cwd(void *arg, struct process *process)
{
	find_dir(arg, process, false);
}

static void find_root(void *arg, struct process *process)
{
	find_dir(arg, process, true);
}

static err_t follow(const struct view_id *id, void (*find)(void *, struct process *),
		    struct fs_dentry **dentry)
{
	*dentry = NULL;
	(void)!procfs_inspect(id, find, dentry);
	return *dentry ? 0 : -ENOENT;
}

static err_t show_path(struct text *out, const struct view_id *id,
		       void (*find)(void *, struct process *))
{
	struct fs_dentry *dentry;
	err_t err = follow(id, find, &dentry);
	if (err)
		return err;
	char *path = kmalloc(FS_PATH_MAX);
	int64_t len = path ? fs_dentry_path(dentry, path, FS_PATH_MAX) : -ENOMEM;
	if (len > 0)
		text_put(out, path, (size_t)len - 1);
	kfree(path);
	fs_dentry_put(dentry);
	return len < 0 ? (err_t)len : 0;
}

static err_t show_exe(struct text *out, const struct view_id *id)
{
	return show_path(out, id, find_exe);
}
static err_t show_cwd(struct text *out, const struct view_id *id)
{
	return show_path(out, id, find_cwd);
}
static err_t show_root(struct text *out, const struct view_id *id)
{
	return show_path(out, id, find_root);
}
static err_t follow_exe(const struct view_id *id, struct fs_dentry **dentry)
{
	return follow(id, find_exe, dentry);
}
static err_t follow_cwd(const struct view_id *id, struct fs_dentry **dentry)
{
	return follow(id, find_cwd, dentry);
}
static err_t follow_root(const struct view_id *id, struct fs_dentry **dentry)
{
	return follow(id, find_root, dentry);
}

// ---- short files --------------------------------------------------------------------------------

static err_t show_comm(struct text *out, const struct view_id *id)
{
	struct procfs_info info;
	err_t err = procfs_get_info(id, &info);
	if (!err)
		text_printf(out, "%s\n", info.name);
	return err;
}

struct naming {
	uint32_t tid;
	char name[16];
};

static void set_name(void *arg, struct process *process)
{
	struct naming *naming = arg;
	struct thread *thread;
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (thread->proc.tid == naming->tid)
			memcpy(thread->name, naming->name, sizeof(naming->name));
	}
	if (naming->tid == process->pid)
		memcpy(process->name, naming->name, sizeof(naming->name));
}

/** As Linux: only a thread of the same process may. */
static err_t store_comm(const struct view_id *id, char *text, size_t len)
{
	struct naming naming = {.tid = id->tid};
	if (current_process()->pid != id->pid)
		return -EINVAL;
	memcpy(naming.name, text, min(len, sizeof(naming.name) - 1));
	return procfs_inspect(id, set_name, &naming);
}

static err_t show_wchan(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "0");
	return 0;
}

/** As of a thread that is in no call: where it waits, not what it called. */
static err_t show_syscall(struct text *out, const struct view_id *id)
{
	struct procfs_info info;
	err_t err = procfs_get_info(id, &info);
	if (err)
		return err;
	if (info.pc)
		text_printf(out, "-1 0x%llx 0x%llx\n", (ull)info.sp, (ull)info.pc);
	else
		text_printf(out, "running\n");
	return 0;
}

static err_t show_cgroup(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "0::/\n");
	return 0;
}

// ---- memory's end -------------------------------------------------------------------------------

static void get_oom_score(void *arg, struct process *process)
{
	*(unsigned *)arg = process_oom_score(process);
}

static err_t show_oom_score(struct text *out, const struct view_id *id)
{
	unsigned score = 0;
	err_t err = procfs_inspect(id, get_oom_score, &score);
	text_printf(out, "%u\n", score);
	return err;
}

static void get_oom(void *arg, struct process *process)
{
	*(int *)arg = process->oom_score_adj;
}

static err_t show_oom(struct text *out, const struct view_id *id)
{
	int value = 0;
	err_t err = procfs_inspect(id, get_oom, &value);
	text_printf(out, "%d\n", value);
	return err;
}

struct oom_setting {
	int value;
	bool may_lower;
	err_t err;
};

/** Who may not lower it may go back to where it was put by one who may. */
static void set_oom(void *arg, struct process *process)
{
	struct oom_setting *setting = arg;
	setting->err = setting->may_lower || setting->value >= process->oom_score_adj_min ? 0 : -EACCES;
	if (setting->err)
		return;
	process->oom_score_adj = setting->value;
	if (setting->may_lower)
		process->oom_score_adj_min = setting->value;
}

static err_t store_oom(const struct view_id *id, char *text, size_t len)
{
	bool is_negative = text[0] == '-';
	uint64_t magnitude;
	const char *end;
	(void)len;
	if (!parse_u64(text + is_negative, 10, &magnitude, &end) || magnitude > OOM_SCORE_ADJ_MAX ||
	    (*end && *end != '\n'))
		return -EINVAL;
	struct oom_setting setting = {.value = is_negative ? -(int)magnitude : (int)magnitude,
				      .may_lower = cred_has_cap(cred_current(), CAP_SYS_RESOURCE)};
	err_t err = procfs_inspect(id, set_oom, &setting);
	return err ? err : setting.err;
}

// ---- tracing ------------------------------------------------------------------------------------

static void copy_trace(void *arg, struct process *process)
{
	*(uint32_t *)arg = load_relaxed(&process->is_traced);
}
static err_t show_trace(struct text *out, const struct view_id *id)
{
	uint32_t is_traced;
	err_t err = procfs_inspect(id, copy_trace, &is_traced);
	text_printf(out, "%u\n", err ? 0 : is_traced);
	return err;
}
static void set_trace(void *arg, struct process *process)
{
	abi_trace(process, *(const bool *)arg);
}
static err_t store_trace(const struct view_id *id, char *text, size_t len)
{
	bool is_traced = text[0] == '1';
	if (len > 2 || (!is_traced && text[0] != '0') || (len == 2 && text[1] != '\n'))
		return -EINVAL;
	return procfs_inspect(id, set_trace, &is_traced);
}

// ---- limits -------------------------------------------------------------------------------------

static void copy_limits(void *arg, struct process *process)
{
	memcpy(arg, process->limits, sizeof(process->limits));
}

static void put_limit(struct text *out, uint64_t value)
{
	if (value == UINT64_MAX)
		text_printf(out, " %-20s", "unlimited");
	else
		text_printf(out, " %-20llu", (ull)value);
}

static err_t show_limits(struct text *out, const struct view_id *id)
{
	static const char *const names[RLIMIT_COUNT][2] = {
		[RLIMIT_CPU] = {"Max cpu time", "seconds"},
		[RLIMIT_FSIZE] = {"Max file size", "bytes"},
		[RLIMIT_DATA] = {"Max data size", "bytes"},
		[RLIMIT_STACK] = {"Max stack size", "bytes"},
		[RLIMIT_CORE] = {"Max core file size", "bytes"},
		[RLIMIT_RSS] = {"Max resident set", "bytes"},
		[RLIMIT_NPROC] = {"Max processes", "processes"},
		[RLIMIT_NOFILE] = {"Max open files", "files"},
		[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
		[RLIMIT_AS] = {"Max address space", "bytes"},
		[RLIMIT_LOCKS] = {"Max file locks", "locks"},
		[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
		[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
		[RLIMIT_NICE] = {"Max nice priority", ""},
		[RLIMIT_RTPRIO] = {"Max realtime priority", ""},
		[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	struct rlimit limits[RLIMIT_COUNT];
	err_t err = procfs_inspect(id, copy_limits, limits);
	if (err)
		return err;
	text_printf(out, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
		text_printf(out, "%-25s", names[i][0]);
		put_limit(out, limits[i].current);
		put_limit(out, limits[i].max);
		text_printf(out, " %-10s\n", names[i][1]);
	}
	return 0;
}

// ---- mounts -------------------------------------------------------------------------------------

static void put_mount(void *arg, const char *source, const char *target, const char *type,
		      const char *options)
{
	static const char special[] = " \t\n\\#";
	struct text *out = arg;
	text_put_escaped(out, source, special);
	text_printf(out, " ");
	text_put_escaped(out, target, special);
	text_printf(out, " %s ", type);
	text_put_escaped(out, options, special);
	text_printf(out, " 0 0\n");
}

static err_t show_mounts(struct text *out, const struct view_id *id)
{
	(void)id;
	fs_for_each_mount(put_mount, out);
	return 0;
}

struct mountinfo {
	struct text *out;
	unsigned number;
};

static void put_mountinfo(void *arg, const char *source, const char *target, const char *type,
			  const char *options)
{
	static const char special[] = " \t\n\\";
	struct mountinfo *info = arg;
	unsigned number = info->number++;
	// Numbers are by order: the first is the root, which all others are below.
	text_printf(info->out, "%u %u 0:%u / ", 20 + number, number ? 20u : 1u, 16 + number);
	text_put_escaped(info->out, target, special);
	text_printf(info->out, " %s - %s ", options, type);
	text_put_escaped(info->out, source, special);
	text_printf(info->out, " %s\n", options);
}

static err_t show_mountinfo(struct text *out, const struct view_id *id)
{
	struct mountinfo info = {.out = out};
	(void)id;
	fs_for_each_mount(put_mountinfo, &info);
	return 0;
}

// ---- task directories ---------------------------------------------------------------------------

struct thread_search {
	uint32_t from, found; // 0 = none
};

static void find_thread_from(void *arg, struct process *process)
{
	struct thread_search *search = arg;
	struct thread *thread;
	list_for_each_entry(thread, &process->threads, proc.node) {
		uint32_t tid = thread->proc.tid;
		if (tid >= search->from && (!search->found || tid < search->found))
			search->found = tid;
	}
	// A leader that has ended is there until its process is.
	if (process->pid >= search->from && (!search->found || process->pid < search->found))
		search->found = process->pid;
}

static int64_t next_thread(const struct view_id *id, uint32_t from)
{
	struct thread_search search = {.from = from};
	(void)!procfs_inspect(id, find_thread_from, &search);
	return search.found ? (int64_t)search.found : -1;
}

static err_t enter_thread(const struct view_id *id, uint32_t tid, struct view_id *child)
{
	child->tid = tid;
	return next_thread(id, tid) == (int64_t)tid ? 0 : -ENOENT;
}

// ---- the tables ---------------------------------------------------------------------------------

#define PRIVATE_FILE(name_, mode_, show_)                                                          \
	{.name = (name_), .mode = FS_IFREG | (mode_), .flags = VIEW_PRIVATE, .show = (show_)}
#define MAGIC_LINK(name_, show_, follow_)                                                          \
	{.name = (name_), .mode = FS_IFLNK | 0777, .show = (show_), .follow = (follow_)}
#define PRIVATE_FOLDER(name_, dir_)                                                                \
	{.name = (name_), .mode = FS_IFDIR | 0500, .flags = VIEW_PRIVATE, .dir = (dir_)}

/** What a process and each of its threads have. */
#define COMMON_ENTRIES                                                                             \
	VIEW_FILE("status", procfs_show_status), VIEW_FILE("statm", procfs_show_statm),            \
		VIEW_FILE("cmdline", procfs_show_cmdline),                                         \
		{.name = "comm", .mode = FS_IFREG | 0644, .show = show_comm, .store = store_comm}, \
		PRIVATE_FILE("environ", 0400, procfs_show_environ),                                \
		PRIVATE_FILE("auxv", 0400, procfs_show_auxv),                                      \
		PRIVATE_FILE("maps", 0444, procfs_show_maps),                                      \
		PRIVATE_FILE("smaps", 0444, procfs_show_smaps),                                    \
		PRIVATE_FILE("syscall", 0400, show_syscall),                                       \
		VIEW_FILE("limits", show_limits), VIEW_FILE("mounts", show_mounts),                \
		VIEW_FILE("mountinfo", show_mountinfo), VIEW_FILE("wchan", show_wchan),            \
		VIEW_FILE("cgroup", show_cgroup), VIEW_FILE("oom_score", show_oom_score),           \
		{.name = "oom_score_adj", .mode = FS_IFREG | 0644, .show = show_oom,               \
		 .store = store_oom},                                                              \
		MAGIC_LINK("exe", show_exe, follow_exe), MAGIC_LINK("cwd", show_cwd, follow_cwd),  \
		MAGIC_LINK("root", show_root, follow_root),                                        \
		PRIVATE_FOLDER("fd", &procfs_fd_dir), PRIVATE_FOLDER("fdinfo", &procfs_fdinfo_dir)

static const struct view_entry task_entries[] = {
	VIEW_FILE("stat", procfs_show_task_stat),
	COMMON_ENTRIES,
};
static const struct view_dir task_dir = VIEW_DIR(task_entries);
static const struct view_entry task_entry = {.mode = FS_IFDIR | 0555, .dir = &task_dir};
static const struct view_dir tasks_dir = {
	.each = &task_entry, .prefix = "", .next = next_thread, .enter = enter_thread};

static const struct view_entry pid_entries[] = {
	VIEW_FILE("stat", procfs_show_stat),
	COMMON_ENTRIES,
	{.name = "trace", .mode = FS_IFREG | 0600, .flags = VIEW_PRIVATE, .show = show_trace,
	 .store = store_trace},
	VIEW_FOLDER("task", &tasks_dir),
};
const struct view_dir procfs_pid_dir = VIEW_DIR(pid_entries);

// ---- /proc as a directory of processes ----------------------------------------------------------

int64_t procfs_next_pid(const struct view_id *id, uint32_t from)
{
	(void)id;
	uint32_t pid = process_next_pid(max(from, 1u));
	return pid ? (int64_t)pid : -1;
}

static void note_start(void *arg, struct process *process)
{
	struct view_id *child = arg;
	child->start = process->start_time;
}

err_t procfs_enter_pid(const struct view_id *id, uint32_t pid, struct view_id *child)
{
	(void)id;
	child->pid = child->tid = pid;
	return process_inspect(pid, note_start, child) ? 0 : -ENOENT;
}

err_t procfs_process_of(const struct file *file, struct process **process)
{
	const struct view_id *id = view_id_of_folder(file, &procfs_pid_dir);
	if (!id)
		return -EBADF;
	*process = process_find(id->pid);
	if (*process && (*process)->start_time == id->start)
		return 0;
	if (*process)
		process_put(*process); // the number is another's now
	return -ESRCH;
}
