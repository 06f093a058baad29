// SPDX-License-Identifier: MIT
// The end of memory: who is killed for it, and who waits.
//
// Memory is promised without a count, so a page fault may find none. Then the process that holds most of it is
// killed, one at a time: all others wait until its last thread has let go. Who waits must not be waited for:
// whoever holds a sleeping lock waits for a moment only and then takes some of what is kept back (mm/space/
// fault.c); an allocation of the kernel's own never comes here, it fails. Should a victim not end all the same
// (its lock's holder needs still more, or it waits for a child of vfork with memory of its own, which waits
// here), it is given up after PATIENCE, and the next one is chosen.
//
// A victim needs little to end. The last frames are kept for it, some for root, and calls of others fail
// before their page faults do: whoever fills pipes, sockets or files gets errors and kills nobody.
#include "internal.h"

#include <fs/fs.h>
#include <kernel/log.h>
#include <kernel/quiesce.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <object/account.h>
#include <object/fdtable.h>
#include <proc/inspect.h>
#include <proc/oom.h>

#define PATIENCE (10 * NSEC_PER_SEC)
#define MOMENT (10 * NSEC_PER_MSEC)

/** Changes under the tree lock and the process's. */
enum oom_state { OOM_VICTIM = 1, OOM_GIVEN_UP };

static _Atomic uint32_t victims; // that have not let go yet (tree lock)
static _Atomic nsec_t chosen_at; // when the last one was (tree lock)
static struct sched_waitq gone = SCHED_WAITQ_INIT(gone);
/** Held while memory is looked for elsewhere, by one for all. */
static struct sched_mutex looking = SCHED_MUTEX_INIT(looking);

void oom_init(void)
{
	frame_keep_reserve();
}

unsigned upcall_frame_claim(void)
{
	struct thread *self = current_thread();
	if (hal_percpu()->irq_depth || !self->proc.process)
		return FRAME_CLAIM_KERNEL;
	unsigned claim = cred_has_cap(cred_current(), CAP_SYS_ADMIN) ? FRAME_CLAIM_ROOT : FRAME_CLAIM_CALL;
	return max(claim, self->mm.claim);
}

/** What the end of a process would give back. */
struct holdings {
	struct mm_space *space;
	uint64_t pages, table_pages, kernel_pages;
};

/** False: nothing any more. The process is locked. */
static bool get_holdings(struct process *process, struct holdings *holdings)
{
	struct thread *thread = process_any_thread_locked(process);
	if (!thread)
		return false;
	struct mm_space *space = thread->mm.space;
	*holdings = (struct holdings){
		.space = space,
		.pages = mm_resident_pages(space),
		.table_pages = load_relaxed(&space->table.table_count),
		.kernel_pages = thread->object.fds ? account_bytes(thread->object.fds->account) / HAL_PAGE_SIZE : 0,
	};
	return true;
}

static uint64_t total_pages(void)
{
	struct frame_stats stats;
	frame_get_stats(&stats);
	return stats.total;
}

/** Linux's badness, in pages. */
static int64_t points_of(const struct process *process, const struct holdings *holdings, uint64_t total)
{
	uint64_t pages = holdings->pages + holdings->table_pages + holdings->kernel_pages;
	return (int64_t)pages + process->oom_score_adj * (int64_t)(total / 1000);
}

static bool is_spared(const struct process *process)
{
	return process == proc_init_process || process->oom_score_adj == OOM_SCORE_ADJ_MIN;
}

unsigned process_oom_score(struct process *process)
{
	struct holdings holdings;
	uint64_t total = total_pages();
	if (is_spared(process) || !get_holdings(process, &holdings))
		return 0;
	int64_t points = 1000 + points_of(process, &holdings, total) * 1000 / (int64_t)total;
	return points > 0 ? (unsigned)(points * 2 / 3) : 0;
}

// ---- the choice -----------------------------------------------------------------------------------

struct choice {
	uint64_t total;
	struct mm_space *init_space;
	int64_t points;
	struct process *process; // NULL = none yet
	struct holdings holdings;
};

static void consider(void *arg, struct process *process)
{
	struct choice *choice = arg;
	struct holdings holdings;
	spin_lock(&process->lock);
	if (!is_spared(process) && process->oom_state != OOM_GIVEN_UP && get_holdings(process, &holdings) &&
	    holdings.space != choice->init_space) {
		int64_t points = points_of(process, &holdings, choice->total);
		if (!choice->process || points > choice->points) {
			choice->points = points;
			choice->process = process;
			choice->holdings = holdings;
		}
	}
	spin_unlock(&process->lock);
}

/** Whoever shares the memory must go, too: a child of vfork, or what CLONE_VM made. */
static void kill_sharer(void *arg, struct process *process)
{
	const struct mm_space *space = arg;
	spin_lock(&process->lock);
	struct thread *thread = process_any_thread_locked(process);
	if (thread && thread->mm.space == space) {
		signal_kill_locked(process);
		if (!process->oom_state)
			fetch_add_relaxed(&victims, 1);
		process->oom_state = OOM_VICTIM;
	}
	spin_unlock(&process->lock);
}

/** Still there? Then its address space cannot be used for another one. */
static bool hold_space(struct process *process, struct mm_space *space)
{
	spin_lock(&process->lock);
	struct thread *thread = process_any_thread_locked(process);
	bool is_same = thread && thread->mm.space == space;
	if (is_same)
		mm_space_get(space);
	spin_unlock(&process->lock);
	return is_same;
}

/** What is logged without a lock. */
struct obituary {
	uint32_t pid, uid;
	int adj;
	char name[sizeof(((struct process *)NULL)->name)];
};

static void tell(const struct holdings *holdings, const struct obituary *dead)
{
	struct thread *self = current_thread();
	log_warn("out of memory: killed %s[%u] of user %u: %lu KiB, tables %lu KiB, IPC %lu KiB, "
		 "oom_score_adj %d; %s[%u] asked", dead->name, dead->pid, dead->uid,
		 (unsigned long)holdings->pages * 4, (unsigned long)holdings->table_pages * 4,
		 (unsigned long)holdings->kernel_pages * 4, dead->adj, self->name, self->proc.pid);
}

/** Choose and kill, unless somebody is being killed. -ENOMEM: nobody may be. */
static err_t kill_one(void)
{
	struct choice choice = {.total = total_pages()};
	struct holdings init;
	struct obituary dead = {0};
	bool is_killed = false;
	spin_lock(&proc_tree_lock);
	bool is_wanted = !load_relaxed(&victims);
	if (is_wanted) {
		spin_lock(&proc_init_process->lock);
		choice.init_space = get_holdings(proc_init_process, &init) ? init.space : NULL;
		spin_unlock(&proc_init_process->lock);
		process_for_each_locked(consider, &choice);
	}
	struct process *process = choice.process;
	if (process && hold_space(process, choice.holdings.space)) {
		is_killed = true;
		spin_lock(&process->lock);
		dead = (struct obituary){
			.pid = process->pid, .uid = process_cred_locked(process)->uid, .adj = process->oom_score_adj};
		memcpy(dead.name, process->name, sizeof(dead.name));
		spin_unlock(&process->lock);
		store_relaxed(&chosen_at, time_now());
		process_for_each_locked(kill_sharer, choice.holdings.space);
	}
	spin_unlock(&proc_tree_lock);
	if (is_killed) {
		tell(&choice.holdings, &dead);
		mm_space_put(choice.holdings.space);
	}
	return is_wanted && !process ? -ENOMEM : 0;
}

// ---- waiting --------------------------------------------------------------------------------------

void oom_victim_gone(struct process *process)
{
	spin_lock(&proc_tree_lock);
	if (process->oom_state == OOM_VICTIM)
		fetch_sub_release(&victims, 1);
	process->oom_state = 0;
	spin_unlock(&proc_tree_lock);
	sched_waitq_wake_all(&gone);
}

static void give_up(void *arg, struct process *process)
{
	(void)arg;
	spin_lock(&process->lock);
	if (process->oom_state == OOM_VICTIM) {
		process->oom_state = OOM_GIVEN_UP;
		fetch_sub_release(&victims, 1);
	}
	spin_unlock(&process->lock);
}

static void give_up_the_slow(void)
{
	spin_lock(&proc_tree_lock);
	if (time_now() >= load_relaxed(&chosen_at) + PATIENCE)
		process_for_each_locked(give_up, NULL);
	spin_unlock(&proc_tree_lock);
}

/** Must current end? Then it takes no more. */
static bool is_ending(const struct thread *self)
{
	return load_relaxed(&self->pending) & PEND_EXIT || self->proc.process->is_exiting;
}

/** While other work for user mode waits, sleeps cannot be interrupted. */
static void wait_for_victims(struct thread *self, bool holds_nothing)
{
	bool is_patient = holds_nothing && !load_relaxed(&self->pending);
	nsec_t deadline = is_patient ? load_relaxed(&chosen_at) + PATIENCE : time_now() + MOMENT;
	(void)sched_wait_event(&gone, !load_relaxed(&victims), deadline,
			       is_patient ? SCHED_WAIT_INTERRUPTIBLE : 0);
}

/** What is kept only to be fast, and what was freed but is not in the lists yet. False: that is not enough. */
static bool find_elsewhere(void)
{
	if (load_relaxed(&victims))
		return false;
	fs_drop_kept();
	quiesce_wait();
	frame_drain_all();
	return !frame_is_short();
}

/** -ENOMEM: nobody may be killed. */
static err_t find_victim(bool holds_nothing)
{
	if (!holds_nothing)
		return kill_one();
	sched_mutex_lock(&looking);
	err_t err = frame_is_short() && !find_elsewhere() ? kill_one() : 0;
	sched_mutex_unlock(&looking);
	return err;
}

err_t upcall_out_of_memory(bool holds_nothing)
{
	struct thread *self = current_thread();
	err_t err = is_ending(self) || load_relaxed(&victims) ? 0 : find_victim(holds_nothing);
	if (!err && !is_ending(self))
		wait_for_victims(self, holds_nothing);
	give_up_the_slow();
	return is_ending(self) ? -ENOMEM : err;
}
