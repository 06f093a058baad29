// SPDX-License-Identifier: MIT
// Numbers of threads and processes, and process groups.
//
// The table has two levels: a fixed array of chunks, each there while a number of its is in use. The first
// and one more take no allocation, so that a process which forks one child at a time costs none. Numbers are
// given out in ascending order and reused only after all others were, and not while a group or a session has it.
#include "internal.h"

#include <lib/bitmap.h>
#include <mm/slab.h>
#include <proc/inspect.h>

#define PID_MAX 32768
#define CHUNK 256

struct pid_entry {
	struct thread *thread; // tree lock
	struct process *process; // tree lock
	uint32_t uses; // by whom it was given to, by members of its group and of its session (tree lock)
};

struct spinlock proc_tree_lock = SPINLOCK_INIT;
static struct pid_entry *chunks[PID_MAX / CHUNK]; // NULL: none is in use (tree lock)
static struct pid_entry first_chunk[CHUNK], spare_chunk[CHUNK];
static struct pid_entry *spare = spare_chunk; // NULL: it is in use (tree lock)
static uint16_t in_use[PID_MAX / CHUNK]; // numbers of each chunk (tree lock)
static unsigned long used[PID_MAX / BITS_PER_LONG]; // tree lock
static uint32_t last_pid; // tree lock
static uint64_t given_out; // numbers since boot (tree lock)

#define GROUP_BUCKETS 64
static struct list groups[GROUP_BUCKETS]; // processes by pgid (tree lock)

void pid_init(void)
{
	chunks[0] = first_chunk;
	bitmap_set(used, 0);
	in_use[0] = 1;
	for (unsigned i = 0; i < GROUP_BUCKETS; i++)
		list_init(&groups[i]);
}

static struct pid_entry *entry_of(uint32_t pid)
{
	return pid < PID_MAX && bitmap_test(used, pid) ? &chunks[pid / CHUNK][pid % CHUNK] : NULL;
}

static size_t next_free_locked(void)
{
	size_t pid = bitmap_find_next_zero(used, PID_MAX, last_pid + 1);
	return pid < PID_MAX ? pid : bitmap_find_next_zero(used, PID_MAX, 2);
}

err_t pid_alloc(uint32_t *pid)
{
	struct pid_entry *made = NULL;
	size_t found;
	spin_lock(&proc_tree_lock);
	while ((found = next_free_locked()) < PID_MAX && !chunks[found / CHUNK] && !spare && !made) {
		spin_unlock(&proc_tree_lock);
		made = kmalloc(CHUNK * sizeof(*made));
		if (!made)
			return -ENOMEM;
		spin_lock(&proc_tree_lock);
	}
	if (found < PID_MAX) {
		struct pid_entry **chunk = &chunks[found / CHUNK];
		if (!*chunk) {
			struct pid_entry **from = spare ? &spare : &made;
			*chunk = *from;
			*from = NULL;
		}
		(*chunk)[found % CHUNK] = (struct pid_entry){.uses = 1};
		bitmap_set(used, found);
		in_use[found / CHUNK]++;
		last_pid = (uint32_t)found;
		given_out++;
	}
	spin_unlock(&proc_tree_lock);
	kfree(made);
	*pid = (uint32_t)found;
	return found < PID_MAX ? 0 : -EAGAIN;
}

/** One use less of @pid. A chunk without numbers in use is the caller's to free. */
static struct pid_entry *drop_use(uint32_t pid)
{
	struct pid_entry **chunk = &chunks[pid / CHUNK], *unused = *chunk;
	if (--entry_of(pid)->uses)
		return NULL;
	bitmap_clear(used, pid);
	if (--in_use[pid / CHUNK])
		return NULL;
	*chunk = NULL;
	if (unused != spare_chunk)
		return unused;
	spare = unused;
	return NULL;
}

void pid_free(uint32_t pid)
{
	spin_lock(&proc_tree_lock);
	struct pid_entry *chunk = drop_use(pid);
	spin_unlock(&proc_tree_lock);
	kfree(chunk);
}

void pid_set_thread(uint32_t pid, struct thread *thread)
{
	spin_lock(&proc_tree_lock);
	entry_of(pid)->thread = thread;
	spin_unlock(&proc_tree_lock);
}

void pid_set_process_locked(uint32_t pid, struct process *process)
{
	entry_of(pid)->process = process;
}

void pid_set_process(uint32_t pid, struct process *process)
{
	spin_lock(&proc_tree_lock);
	pid_set_process_locked(pid, process);
	spin_unlock(&proc_tree_lock);
}

struct process *pid_process_locked(uint32_t pid)
{
	struct pid_entry *entry = entry_of(pid);
	return entry ? entry->process : NULL;
}

struct process *process_find(uint32_t pid)
{
	spin_lock(&proc_tree_lock);
	struct process *process = pid_process_locked(pid);
	if (process)
		process_get(process);
	spin_unlock(&proc_tree_lock);
	return process;
}

struct thread *thread_find(uint32_t tid)
{
	spin_lock(&proc_tree_lock);
	struct pid_entry *entry = entry_of(tid);
	struct thread *thread = entry ? entry->thread : NULL;
	if (thread)
		thread_get(thread);
	spin_unlock(&proc_tree_lock);
	return thread;
}

struct thread *upcall_find_thread(uint32_t tid)
{
	return thread_find(tid);
}

/** The first process with a number >= @pid, with a reference. */
static struct process *next_process(uint32_t pid)
{
	struct process *process = NULL;
	spin_lock(&proc_tree_lock);
	for (; pid < PID_MAX && !process; pid++) {
		pid = (uint32_t)bitmap_find_next_set(used, PID_MAX, pid);
		process = pid < PID_MAX ? pid_process_locked(pid) : NULL;
	}
	if (process)
		process_get(process);
	spin_unlock(&proc_tree_lock);
	return process;
}

void process_for_each(bool (*visit)(void *arg, struct process *process), void *arg)
{
	struct process *process;
	bool go_on = true;
	for (uint32_t pid = 1; go_on && (process = next_process(pid)); ) {
		pid = process->pid + 1;
		go_on = visit(arg, process);
		process_put(process);
	}
}

void process_for_each_locked(void (*visit)(void *arg, struct process *process), void *arg)
{
	size_t pid;
	bitmap_for_each_set(pid, used, PID_MAX) {
		struct process *process = pid_process_locked((uint32_t)pid);
		if (process && (process->parent || process == proc_init_process))
			visit(arg, process);
	}
}

uint32_t process_next_pid(uint32_t from)
{
	struct process *process = next_process(from);
	uint32_t pid = process ? process->pid : 0;
	if (process)
		process_put(process);
	return pid;
}

uint64_t proc_fork_count(void)
{
	spin_lock(&proc_tree_lock);
	uint64_t count = given_out;
	spin_unlock(&proc_tree_lock);
	return count;
}

uint32_t proc_last_pid(void)
{
	spin_lock(&proc_tree_lock);
	uint32_t pid = last_pid;
	spin_unlock(&proc_tree_lock);
	return pid;
}

void pgrp_join_locked(struct process *process, uint32_t pgid)
{
	process->pgid = pgid;
	entry_of(pgid)->uses++;
	list_push_back(&groups[pgid % GROUP_BUCKETS], &process->pgrp_node);
}

void pgrp_leave_locked(struct process *process)
{
	list_remove(&process->pgrp_node);
	kfree(drop_use(process->pgid));
}

void session_join_locked(struct process *process, uint32_t sid)
{
	process->sid = sid;
	entry_of(sid)->uses++;
}

void session_leave_locked(struct process *process)
{
	kfree(drop_use(process->sid));
}

void pgrp_for_each_locked(uint32_t pgid, void (*visit)(void *arg, struct process *process), void *arg)
{
	struct process *process, *next;
	list_for_each_entry_safe(process, next, &groups[pgid % GROUP_BUCKETS], pgrp_node) {
		if (process->pgid == pgid)
			visit(arg, process);
	}
}

bool pgrp_exists_locked(uint32_t pgid, uint32_t sid)
{
	struct process *process;
	list_for_each_entry(process, &groups[pgid % GROUP_BUCKETS], pgrp_node) {
		if (process->pgid == pgid && process->sid == sid)
			return true;
	}
	return false;
}

/** Has no member with a living parent in another group of the same session. */
bool pgrp_is_orphaned_locked(uint32_t pgid)
{
	struct process *process;
	list_for_each_entry(process, &groups[pgid % GROUP_BUCKETS], pgrp_node) {
		struct process *parent = process->parent;
		if (process->pgid == pgid && load_relaxed(&process->state) == PROCESS_ALIVE &&
		    parent && parent->pgid != pgid && parent->sid == process->sid)
			return false;
	}
	return true;
}

bool proc_pgrp_in_session(uint32_t pgid, uint32_t sid)
{
	spin_lock(&proc_tree_lock);
	bool exists = pgrp_exists_locked(pgid, sid);
	spin_unlock(&proc_tree_lock);
	return exists;
}

bool proc_pgrp_is_orphaned(uint32_t pgid)
{
	spin_lock(&proc_tree_lock);
	bool is_orphaned = pgrp_is_orphaned_locked(pgid);
	spin_unlock(&proc_tree_lock);
	return is_orphaned;
}
