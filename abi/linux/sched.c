// SPDX-License-Identifier: MIT
// System calls of scheduling.
#include "syscall.h"

#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <kernel/smp.h>
#include <lib/bitmap.h>
#include <object/cred.h>
#include <sched/sched.h>

#define RESET_ON_FORK 0x40000000u

/** The thread with number @tid, the current one for 0; with a reference. */
static struct thread *get_thread(int32_t tid)
{
	if (tid < 0)
		return NULL;
	if (tid)
		return thread_find((uint32_t)tid);
	thread_get(current_thread());
	return current_thread();
}

/** Call @body with `thread`. */
#define WITH_THREAD(tid_, body)                                                                    \
	({                                                                                         \
		struct thread *thread = get_thread(tid_);                                          \
		int64_t result_ = thread ? (int64_t)(body) : (tid_) < 0 ? -EINVAL : -ESRCH;                 \
		if (thread)                                                                        \
			thread_put(thread);                                                        \
		result_;                                                                           \
	})

static bool may_change(struct thread *thread)
{
	const struct cred *self = cred_current();
	irqflags_t flags = hal_irq_save(); // the thread may change its credentials meanwhile
	const struct cred *other = cred_of(thread);
	bool is_own = self->euid == other->euid || self->euid == other->uid;
	hal_irq_restore(flags);
	return is_own || cred_has_cap(self, CAP_SYS_NICE);
}

SYSCALL0(sched_yield)
{
	sched_yield();
	return 0;
}

static int64_t get_affinity(struct thread *thread, uint64_t size, uaddr_t at)
{
	struct cpuset set;
	uint64_t bytes = align_up((uint64_t)cpus_possible_count(), 64ul) / 8;
	if (size % 8 || size < bytes)
		return -EINVAL;
	sched_get_affinity(thread, &set);
	for (unsigned word = 0; word < bytes / 8; word++) // as on Linux: what may be used now
		set.bits[word] &= cpus_online.bits[word];
	return mm_copy_out(at, &set, bytes) ? -EFAULT : (int64_t)bytes;
}

SYSCALL3(sched_getaffinity, int32_t, tid, uint64_t, size, uaddr_t, at)
{
	return WITH_THREAD(tid, get_affinity(thread, size, at));
}

static int64_t set_affinity(struct thread *thread, uint64_t size, uaddr_t at)
{
	struct cpuset set = {{0}};
	if (mm_copy_in(&set, at, min(size, (uint64_t)sizeof(set))))
		return -EFAULT;
	return may_change(thread) ? sched_set_affinity(thread, &set) : -EPERM;
}

SYSCALL3(sched_setaffinity, int32_t, tid, uint64_t, size, uaddr_t, at)
{
	return WITH_THREAD(tid, set_affinity(thread, size, at));
}

// ---- policies -----------------------------------------------------------------------------------------

/** struct sched_attr of sched_setattr(2), its first version. */
struct linux_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
enum { FLAG_RESET_ON_FORK = 1, FLAG_KEEP_POLICY = 8, FLAG_KEEP_PARAMS = 16 };
#define FLAGS_KNOWN (FLAG_RESET_ON_FORK | FLAG_KEEP_POLICY | FLAG_KEEP_PARAMS)

static bool is_policy(uint32_t policy)
{
	return policy <= SCHED_DEADLINE && policy != 4;
}

static bool is_realtime(uint32_t policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static void get_attr(struct thread *thread, struct linux_sched_attr *attr)
{
	struct sched_deadline deadline;
	sched_get_deadline(thread, &deadline);
	*attr = (struct linux_sched_attr){
		.size = sizeof(*attr),
		.policy = thread->sched.policy,
		.flags = load_relaxed(&thread->sched.resets_on_fork) ? FLAG_RESET_ON_FORK : 0,
		.nice = thread->sched.policy == SCHED_NORMAL || thread->sched.policy == SCHED_BATCH ?
				thread->sched.nice : 0,
		.priority = thread->sched.rt_priority,
		.runtime = deadline.runtime,
		.deadline = deadline.deadline,
		.period = deadline.period,
	};
}

/** What only CAP_SYS_NICE allows. */
static bool needs_privilege(struct thread *thread, const struct linux_sched_attr *attr)
{
	const struct sched_part *part = &thread->sched;
	bool was_reset = load_relaxed(&part->resets_on_fork);
	if (was_reset && !(attr->flags & FLAG_RESET_ON_FORK))
		return true;
	if (attr->policy == SCHED_DEADLINE)
		return true;
	if (is_realtime(attr->policy))
		return attr->policy != part->policy || attr->priority > part->rt_priority;
	if (part->policy == SCHED_IDLE && attr->policy != SCHED_IDLE)
		return true;
	return attr->policy != SCHED_IDLE && attr->nice < part->nice;
}

static err_t apply(struct thread *thread, const struct linux_sched_attr *attr)
{
	struct sched_deadline deadline = {attr->runtime, attr->deadline, attr->period};
	err_t err = attr->policy == SCHED_DEADLINE ?
			    sched_set_deadline(thread, &deadline) :
			    sched_set_policy(thread, (enum sched_policy)attr->policy, attr->priority);
	if (!err && (attr->policy == SCHED_NORMAL || attr->policy == SCHED_BATCH))
		err = sched_set_nice(thread, attr->nice);
	if (!err)
		store_relaxed(&thread->sched.resets_on_fork, attr->flags & FLAG_RESET_ON_FORK);
	return err;
}

static int64_t set_attr(struct thread *thread, struct linux_sched_attr *attr)
{
	struct linux_sched_attr old;
	get_attr(thread, &old);
	if (attr->flags & FLAG_KEEP_PARAMS) {
		uint32_t policy = attr->policy;
		uint64_t flags = attr->flags;
		*attr = old;
		attr->policy = policy;
		attr->flags = flags;
	}
	if (attr->flags & FLAG_KEEP_POLICY)
		attr->policy = old.policy;
	if (!is_policy(attr->policy) || attr->flags & ~(uint64_t)FLAGS_KNOWN)
		return -EINVAL;
	if (is_realtime(attr->policy) ? attr->priority < 1 || attr->priority > 99 : attr->priority != 0)
		return -EINVAL;
	bool has_cap = cred_has_cap(cred_current(), CAP_SYS_NICE);
	attr->nice = max(min(attr->nice, 19), -20);
	if (!may_change(thread) || (!has_cap && needs_privilege(thread, attr)))
		return -EPERM;
	return apply(thread, attr);
}

/** sched_setscheduler and sched_setparam: nice stays, a reservation cannot be made. */
static int64_t set_policy(struct thread *thread, uint32_t policy, uint32_t priority, uint64_t flags)
{
	struct linux_sched_attr attr = {
		.policy = policy, .flags = flags, .nice = thread->sched.nice, .priority = priority,
	};
	if (load_relaxed(&thread->sched.resets_on_fork) && flags & FLAG_KEEP_POLICY)
		attr.flags |= FLAG_RESET_ON_FORK;
	return set_attr(thread, &attr);
}

SYSCALL1(sched_getscheduler, int32_t, tid)
{
	return WITH_THREAD(tid, (int64_t)(thread->sched.policy |
			(load_relaxed(&thread->sched.resets_on_fork) ? RESET_ON_FORK : 0)));
}

SYSCALL2(sched_getparam, int32_t, tid, uaddr_t, at)
{
	if (!at)
		return -EINVAL;
	return WITH_THREAD(tid, abi_put32(at, thread->sched.rt_priority));
}

SYSCALL3(sched_setscheduler, int32_t, tid, uint32_t, policy, uaddr_t, at)
{
	uint32_t priority;
	uint64_t flags = policy & RESET_ON_FORK ? FLAG_RESET_ON_FORK : 0;
	if (!at || tid < 0 || (int32_t)policy < 0)
		return -EINVAL;
	if (abi_get32(at, &priority))
		return -EFAULT;
	return WITH_THREAD(tid, set_policy(thread, policy & ~RESET_ON_FORK, priority, flags));
}

SYSCALL2(sched_setparam, int32_t, tid, uaddr_t, at)
{
	uint32_t priority;
	if (!at || tid < 0)
		return -EINVAL;
	if (abi_get32(at, &priority))
		return -EFAULT;
	return WITH_THREAD(tid, set_policy(thread, 0, priority, FLAG_KEEP_POLICY));
}

/** struct sched_attr of any size: what is beyond ours must be 0. -E2BIG: it is not, or too small. */
static err_t read_attr(uaddr_t at, struct linux_sched_attr *attr)
{
	uint32_t size;
	uint8_t more;
	if (abi_get32(at, &size))
		return -EFAULT;
	size = size ? size : sizeof(*attr);
	bool is_good = size >= sizeof(*attr) && size <= HAL_PAGE_SIZE;
	for (uint32_t i = sizeof(*attr); is_good && i < size; i++) {
		if (mm_copy_in(&more, at + i, 1))
			return -EFAULT;
		is_good = more == 0;
	}
	if (!is_good)
		return abi_put32(at, sizeof(*attr)) ? -EFAULT : -E2BIG;
	return mm_copy_in(attr, at, sizeof(*attr)) ? -EFAULT : 0;
}

SYSCALL3(sched_setattr, int32_t, tid, uaddr_t, at, uint32_t, flags)
{
	struct linux_sched_attr attr;
	if (!at || tid < 0 || flags)
		return -EINVAL;
	err_t err = read_attr(at, &attr);
	if (err)
		return err;
	if ((int32_t)attr.policy < 0)
		return -EINVAL;
	return WITH_THREAD(tid, set_attr(thread, &attr));
}

static int64_t put_attr(struct thread *thread, uaddr_t at)
{
	struct linux_sched_attr attr;
	get_attr(thread, &attr);
	return mm_copy_out(at, &attr, sizeof(attr)) ? -EFAULT : 0;
}

SYSCALL4(sched_getattr, int32_t, tid, uaddr_t, at, uint32_t, size, uint32_t, flags)
{
	if (!at || tid < 0 || size < sizeof(struct linux_sched_attr) || size > HAL_PAGE_SIZE || flags)
		return -EINVAL;
	return WITH_THREAD(tid, put_attr(thread, at));
}

SYSCALL1(sched_get_priority_max, uint32_t, policy)
{
	return is_realtime(policy) ? 99 : is_policy(policy) ? 0 : -EINVAL;
}

SYSCALL1(sched_get_priority_min, uint32_t, policy)
{
	return is_realtime(policy) ? 1 : is_policy(policy) ? 0 : -EINVAL;
}

SYSCALL2(sched_rr_get_interval, int32_t, tid, uaddr_t, at)
{
	return WITH_THREAD(tid, abi_put_timespec(at, sched_get_slice(thread)));
}

SYSCALL3(getcpu, uaddr_t, cpu_at, uaddr_t, node_at, uaddr_t, unused)
{
	(void)unused;
	cpuid_t cpu = this_cpu();
	if (cpu_at && abi_put32(cpu_at, cpu))
		return -EFAULT;
	return node_at ? abi_put32(node_at, bootinfo.cpus[cpu].node) : 0;
}

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

static int64_t get_nice(struct thread *thread)
{
	return 20 - thread->sched.nice;
}

/** Threads of a group or a user, and what is done with each. */
struct members {
	int which, nice;
	uint32_t who;
	int64_t (*visit)(struct thread *thread, int nice);
	int64_t result; // the greatest, or -ESRCH; for what is set: the worst
	bool sets;
};

static bool is_member(const struct members *members, const struct process *process,
		      const struct thread *thread)
{
	return members->which == PRIO_PGRP ? process->pgid == members->who
					   : cred_of(thread)->uid == members->who;
}

/** The process's @n'th thread that is a member, with a reference; NULL: no more. */
static struct thread *find_member(const struct members *members, struct process *process, unsigned n)
{
	struct thread *thread, *found = NULL;
	spin_lock(&process->lock);
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (is_member(members, process, thread) && !n--) {
			found = thread;
			thread_get(thread);
			break;
		}
	}
	spin_unlock(&process->lock);
	return found;
}

static bool visit_process(void *arg, struct process *process)
{
	struct members *members = arg;
	struct thread *thread;
	for (unsigned n = 0; (thread = find_member(members, process, n)); n++) {
		int64_t result = members->visit(thread, members->nice);
		bool is_first = members->result == -ESRCH;
		if (is_first || (members->sets ? result < members->result : result > members->result))
			members->result = result;
		thread_put(thread);
	}
	return true;
}

static int64_t for_members(int which, int32_t who, int64_t (*visit)(struct thread *thread, int nice),
			   int nice, bool sets)
{
	uint32_t own = which == PRIO_PGRP ? current_process()->pgid : cred_current()->uid;
	struct members members = {.which = which, .who = who ? (uint32_t)who : own, .visit = visit,
				  .nice = nice, .result = -ESRCH, .sets = sets};
	process_for_each(visit_process, &members);
	return members.result;
}

static int64_t visit_get(struct thread *thread, int nice)
{
	(void)nice;
	return get_nice(thread);
}

SYSCALL2(getpriority, int, which, int32_t, who)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which != PRIO_PROCESS)
		return for_members(which, who, visit_get, 0, false);
	return WITH_THREAD(who, get_nice(thread));
}

static int64_t set_nice(struct thread *thread, int nice)
{
	if (!may_change(thread))
		return -EPERM;
	if (nice < thread->sched.nice && !cred_has_cap(cred_current(), CAP_SYS_NICE))
		return -EACCES;
	return sched_set_nice(thread, nice);
}

SYSCALL3(setpriority, int, which, int32_t, who, int, nice)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	nice = max(min(nice, 19), -20);
	if (which != PRIO_PROCESS)
		return for_members(which, who, set_nice, nice, true);
	return WITH_THREAD(who, set_nice(thread, nice));
}
