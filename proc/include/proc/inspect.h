// SPDX-License-Identifier: MIT
// Looking at a process from outside: for /proc.
#pragma once

#include <proc/process.h>

/** Call @visit with process @pid while the tree lock and its own lock are held: its threads stay, and
 *  so do their address spaces, descriptor tables, directories and credentials. @visit must not sleep.
 *  False: there is no such process. */
bool process_inspect(uint32_t pid, void (*visit)(void *arg, struct process *process), void *arg);

/** A thread of @process that still has what it shares, the leader if it can be; NULL: a zombie. The
 *  process is locked. */
struct thread *process_any_thread_locked(struct process *process);
/** Who it is; of a zombie: was. */
const struct cred *process_cred_locked(struct process *process);

/** May one with @uid and @gid, the caller's, look into it and take its descriptors? ptrace(2)'s rules. The
 *  process is locked. */
bool process_is_open_to_locked(struct process *process, uint32_t uid, uint32_t gid);

/** The lowest number >= @from of a process; 0: there is none. */
uint32_t process_next_pid(uint32_t from);

/** Set the credentials of the current thread; takes over the reference. Others look at them only with
 *  the process locked, so the old ones may go. */
void proc_set_cred(struct cred *cred);

/** Numbers of processes and threads given out since boot, and the last one. */
uint64_t proc_fork_count(void);
uint32_t proc_last_pid(void);
