// SPDX-License-Identifier: MIT
// System calls of scheduling.
#include "syscall.h"

#include <kernel/smp.h>
#include <lib/bitmap.h>
#include <object/cred.h>
#include <sched/sched.h>

#define RESET_ON_FORK 0x40000000u
#define RR_INTERVAL (4 * NSEC_PER_MSEC)

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
	const struct cred *other = thread->object.cred ? thread->object.cred : &cred_root;
	return cred_has_cap(self, CAP_SYS_NICE) || self->euid == other->euid || self->euid == other->uid;
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

SYSCALL1(sched_getscheduler, int32_t, tid)
{
	return WITH_THREAD(tid, (int64_t)thread->sched.policy);
}

SYSCALL2(sched_getparam, int32_t, tid, uaddr_t, at)
{
	return WITH_THREAD(tid, abi_put32(at, thread->sched.rt_priority));
}

static int64_t set_policy(struct thread *thread, uint32_t policy, uaddr_t at)
{
	uint32_t priority;
	if (abi_get32(at, &priority))
		return -EFAULT;
	bool is_rt = policy == SCHED_FIFO || policy == SCHED_RR;
	if (is_rt ? priority < 1 || priority > 99 : priority != 0)
		return -EINVAL;
	if (!may_change(thread) || (is_rt && !cred_has_cap(cred_current(), CAP_SYS_NICE)))
		return -EPERM;
	return sched_set_policy(thread, (enum sched_policy)policy, priority);
}

SYSCALL3(sched_setscheduler, int32_t, tid, uint32_t, policy, uaddr_t, at)
{
	policy &= ~RESET_ON_FORK;
	if (policy > SCHED_IDLE || policy == 4)
		return -EINVAL;
	return WITH_THREAD(tid, set_policy(thread, policy, at));
}

SYSCALL2(sched_setparam, int32_t, tid, uaddr_t, at)
{
	return WITH_THREAD(tid, set_policy(thread, thread->sched.policy, at));
}

SYSCALL1(sched_get_priority_max, uint32_t, policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR ? 99 : policy <= SCHED_DEADLINE && policy != 4 ? 0 : -EINVAL;
}

SYSCALL1(sched_get_priority_min, uint32_t, policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR ? 1 : policy <= SCHED_DEADLINE && policy != 4 ? 0 : -EINVAL;
}

SYSCALL2(sched_rr_get_interval, int32_t, tid, uaddr_t, at)
{
	return WITH_THREAD(tid, abi_put_timespec(at, RR_INTERVAL));
}

SYSCALL3(getcpu, uaddr_t, cpu_at, uaddr_t, node_at, uaddr_t, unused)
{
	(void)unused;
	if (cpu_at && abi_put32(cpu_at, this_cpu()))
		return -EFAULT;
	return node_at ? abi_put32(node_at, 0) : 0;
}

enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };

static int64_t get_nice(struct thread *thread)
{
	return 20 - thread->sched.nice;
}

SYSCALL2(getpriority, int, which, int32_t, who)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	// A group's and a user's are those of the caller, who is a member.
	return WITH_THREAD(which == PRIO_PROCESS ? who : 0, get_nice(thread));
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
	return WITH_THREAD(which == PRIO_PROCESS ? who : 0, set_nice(thread, nice));
}
