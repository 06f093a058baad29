// SPDX-License-Identifier: MIT
// Processes, their threads, and the tables by which they are found.
#pragma once

#include <kernel/lock.h>
#include <lib/list.h>
#include <mm/space.h>
#include <object/cred.h>
#include <proc/part.h>
#include <proc/usage.h>
#include <sched/mutex.h>
#include <sched/thread.h>
#include <uapi/signal.h>

struct alarm;
struct tty;

enum proc_rlimit { RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_RSS, RLIMIT_NPROC,
		   RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_LOCKS, RLIMIT_SIGPENDING,
		   RLIMIT_MSGQUEUE, RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_RTTIME, RLIMIT_COUNT };
struct rlimit {
	uint64_t current, max;
};

/** Linux's kernel sigaction, in the order that most machines have it in user space, too. */
struct sigaction {
	uint64_t handler; // 0 = default, 1 = ignore
	uint64_t flags; // SA_*
	uint64_t restorer;
	uint64_t mask;
};
static_assert(sizeof(struct sigaction) == 32, "four words");
/** Handlers: shared by CLONE_SIGHAND. */
struct sighand {
	_Atomic uint32_t refs;
	struct spinlock lock;
	struct sigaction actions[NSIG]; // lock
};

struct siginfo {
	int signo, code, error;
	uint32_t pid, uid; // sender or child
	uint64_t value; // address of a fault, sigval, or child's status
	int64_t utime, stime; // of a child, clock ticks
	uint32_t timer_id, overrun;
};

/** A thread group. Locks: tree lock (pid.c) → lock → sighand->lock. */
struct process {
	_Atomic uint32_t refs;
	uint32_t pid;
	struct spinlock lock; // p
	struct list threads; // struct thread, proc.node (p)
	uint32_t thread_count; // (p)
	uint32_t living; // ... of them that have not begun to end (p)
	struct thread *leader; // NULL after it was reaped (p)
	struct process *parent; // tree lock
	_Atomic uint32_t ppid; // parent's pid, for who must not follow parent: written with it
	struct list children, sibling; // tree lock
	uint32_t pgid, sid; // tree lock
	struct list pgrp_node; // tree lock
	struct sighand *sighand;
	struct list sigqueue; // to the process as a whole (p)
	uint64_t sigpending; // bits of sigqueue (p)
	_Atomic uint32_t state; // enum process_state (tree lock)
	_Atomic uint32_t is_traced; // its system calls are logged
	int exit_status; // as wait4 gives it (p)
	uint32_t stop_signal; // stopped by, 0 = runs (p)
	bool is_stop_taken; // a stop signal left the queue, and no SIGCONT came since (p)
	uint32_t stopping; // threads that have not stopped yet: until then nobody is told (p)
	uint32_t stop_unreported, continue_unreported; // for WUNTRACED, WCONTINUED (p)
	uint32_t is_exiting; // exit_group, fatal signal or exec is ending the others (p)
	bool is_execing; // ... it is exec, whose thread goes on unless the process is killed first (p)
	struct sched_waitq child_wait; // wait4 sleeps here
	uint32_t child_events; // changes of children so far (child_wait.lock)
	struct sched_waitq stop_wait; // stopped threads sleep here
	struct sched_waitq exec_wait; // exec waits for the other threads here
	struct file *exe; // holds a reference (p)
	struct cred *cred; // its last thread's, when that has left; NULL: root (p)
	char name[16]; // comm
	uint32_t exit_signal; // to the parent, normally SIGCHLD
	nsec_t run_ns_dead; // CPU time of threads that ended (p)
	struct sched_samples gone_samples; // theirs (p)
	struct proc_usage gone; // of what is gone; its times are those that were last shown (p)
	struct mm_faults counted; // so many of its address space's are in `gone` (p)
	struct proc_usage children_usage; // of reaped children (tree lock)
	nsec_t start_time;
	struct sched_mutex alarm_lock;
	struct alarm *alarm; // ITIMER_REAL, NULL until first used (alarm_lock)
	struct list timers; // struct posix_timer (p)
	bool has_no_timers; // it ends: none is added (p)
	uint32_t has_execed; // setpgid of a child that did: -EACCES (tree lock)
	uint32_t dumpable, no_new_privs, pdeath_signal, child_subreaper;
	int oom_score_adj, oom_score_adj_min; // -1000..1000: oom.c (p)
	uint32_t oom_state; // enum oom_state (tree lock and p)
	struct tty *tty; // controlling terminal (tree lock)
	struct rlimit limits[RLIMIT_COUNT]; // p; last, for process_create() leaves them alone
};
enum process_state { PROCESS_ALIVE, PROCESS_ZOMBIE, PROCESS_DEAD };

static inline struct process *current_process(void)
{
	return current_thread()->proc.process;
}

/** By number. With a reference; NULL = there is none. */
must_check struct process *process_find(uint32_t pid);
must_check struct thread *thread_find(uint32_t tid);
void process_get(struct process *process);
void process_put(struct process *process);
/** Visit every process in order of pid, with a reference held (for /proc and kill(-1)). */
void process_for_each(bool (*visit)(void *arg, struct process *process), void *arg);

/** clone, clone3, fork, vfork. Returns the child's tid to the parent. */
struct clone_args {
	uint64_t flags, stack, stack_size, tls;
	uint64_t parent_tid, child_tid, pidfd; // user addresses
	uint32_t exit_signal;
};
int64_t proc_clone(struct trapframe *tf, const struct clone_args *args);

/** execve: @argv and @envp are user addresses of arrays. Returns only on error. */
int64_t proc_exec(struct trapframe *tf, int dirfd, const char *path, uint64_t argv, uint64_t envp,
		  unsigned at_flags);
/** Start PID 1 from a kernel thread, which becomes it: kernel strings. */
must_check err_t proc_exec_init(const char *path, const char *const argv[], const char *const envp[]);

noreturn_fn void proc_exit_thread(int code);
noreturn_fn void proc_exit_group(int status); // as wait4 gives it: code << 8 or signal

/** wait4 and waitid. */
enum { WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x01000000 };
struct wait_result {
	uint32_t pid, uid;
	int status, code; // wait status; CLD_*
	struct proc_usage usage; // the child's and its children's
};
enum wait_who { WAIT_ANY, WAIT_PID, WAIT_PGID };
/** 0 with result->pid == 0: WNOHANG and nothing yet. -ECHILD, -EINTR. */
must_check err_t proc_wait(enum wait_who who, uint32_t id, unsigned options, struct wait_result *result);

must_check err_t proc_setpgid(uint32_t pid, uint32_t pgid);
must_check int64_t proc_getpgid(uint32_t pid);
must_check int64_t proc_getsid(uint32_t pid);
must_check int64_t proc_setsid(void);
/** Is there a process of session @sid in group @pgid? (tcsetpgrp) */
bool proc_pgrp_in_session(uint32_t pgid, uint32_t sid);
/** No member has a parent in another group of the session (background reads then fail). */
bool proc_pgrp_is_orphaned(uint32_t pgid);

uint64_t proc_limit(enum proc_rlimit limit); // current value of current's
nsec_t process_cpu_time(struct process *process);

void proc_init(void);
