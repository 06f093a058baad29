// SPDX-License-Identifier: MIT
// sched_* calls: what they set is what they tell, Linux's errors, reservations of the deadline class.
// guest: CPUS 4
#include <sys/resource.h>

#include "check.h"

#define DEADLINE 6
#define RESET 0x40000000

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t more[2];
};

static long set_attr(pid_t tid, struct attr *attr)
{
	return syscall(SYS_sched_setattr, tid, attr, 0);
}

static struct attr get_attr(pid_t tid)
{
	struct attr attr;
	memset(&attr, 0xff, sizeof(attr));
	CHECK_IS(syscall(SYS_sched_getattr, tid, &attr, 48, 0), 0);
	CHECK_IS(attr.size, 48);
	return attr;
}

static struct attr reservation(unsigned percent)
{
	return (struct attr){ .size = 48, .policy = DEADLINE, .runtime = percent * 100000ull,
			      .deadline = 10000000, .period = 10000000 };
}

static void check_errors(void)
{
	struct sched_param param = { 0 };
	struct attr attr = reservation(10);
	struct timespec time;
	CHECK_ERRNO(sched_setscheduler(0, 4, &param), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, 99, &param), EINVAL);
	CHECK_ERRNO(sched_setscheduler(-1, SCHED_OTHER, &param), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, NULL), EINVAL);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, address(8)), EFAULT);
	CHECK_ERRNO(sched_setscheduler(99999, SCHED_OTHER, &param), ESRCH);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
	param.sched_priority = 100;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_RR, &param), EINVAL);
	param.sched_priority = 1;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_BATCH, &param), EINVAL);
	CHECK_ERRNO(sched_setparam(0, &param), EINVAL);
	CHECK_ERRNO(sched_getparam(0, NULL), EINVAL);
	CHECK_ERRNO(sched_getscheduler(-1), EINVAL);
	CHECK_ERRNO(sched_getscheduler(99999), ESRCH);
	CHECK_ERRNO(sched_rr_get_interval(-1, &time), EINVAL);
	CHECK_ERRNO(sched_get_priority_max(4), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &attr, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, address(8), 0), EFAULT);
	CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &attr, 47, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &attr, 48, 1), EINVAL);
	attr.size = 40;
	CHECK_ERRNO(set_attr(0, &attr), E2BIG);
	CHECK(attr.size >= 48); // what the kernel knows
	attr = reservation(10);
	attr.flags = 1ull << 40;
	CHECK_ERRNO(set_attr(0, &attr), EINVAL);
	attr = reservation(10);
	attr.policy = 4;
	CHECK_ERRNO(set_attr(0, &attr), EINVAL);
	attr = reservation(101);
	CHECK_ERRNO(set_attr(0, &attr), EINVAL);
	attr = reservation(10);
	attr.runtime = 1000;
	CHECK_ERRNO(set_attr(0, &attr), EINVAL);
}

static void check_classes(void)
{
	struct sched_param param = { .sched_priority = 17 };
	struct timespec time;
	CHECK_IS(sched_setscheduler(0, SCHED_RR, &param), 0);
	CHECK_IS(sched_getscheduler(0), SCHED_RR);
	param.sched_priority = 18;
	CHECK_IS(sched_setparam(0, &param), 0);
	param.sched_priority = 0;
	CHECK_IS(sched_getparam(0, &param), 0);
	CHECK_IS(param.sched_priority, 18);
	CHECK_IS(get_attr(0).priority, 18);
	CHECK_IS(sched_rr_get_interval(0, &time), 0);
	CHECK(time.tv_sec == 0 && time.tv_nsec > 0);
	CHECK_IS(sched_setscheduler(0, SCHED_FIFO | RESET, &param), 0);
	CHECK_IS(sched_getscheduler(0), SCHED_FIFO | RESET);
	CHECK_IS(get_attr(0).flags, 1);
	CHECK_IS(sched_rr_get_interval(0, &time), 0);
	CHECK(time.tv_sec == 0 && time.tv_nsec == 0);
	pid_t child = check_fork();
	if (!child) {
		CHECK_IS(sched_getscheduler(0), SCHED_OTHER);
		exit(0);
	}
	CHECK_CHILD(child);
	struct attr attr = { .size = 48, .policy = SCHED_BATCH, .nice = 7 };
	CHECK_IS(set_attr(0, &attr), 0);
	CHECK_IS(sched_getscheduler(0), SCHED_BATCH);
	CHECK_IS(getpriority(PRIO_PROCESS, 0), 7);
	CHECK_IS(get_attr(0).nice, 7);
	attr = (struct attr){ .size = 56, .policy = SCHED_OTHER };
	CHECK_IS(set_attr(0, &attr), 0);
	CHECK_IS(getpriority(PRIO_PROCESS, 0), 0);
}

static volatile uint64_t turns;

static void check_reservation(void)
{
	struct attr attr = reservation(20), got;
	CHECK_IS(set_attr(0, &attr), 0);
	CHECK_IS(sched_getscheduler(0), DEADLINE);
	got = get_attr(0);
	CHECK(got.runtime == attr.runtime && got.deadline == attr.deadline && got.period == attr.period);
	errno = 0;
	CHECK(fork() == -1 && errno == EAGAIN);
	// Twenty percent for 300 ms of work: the rest of the time it is throttled.
	struct timespec cpu;
	int64_t start = now_ns(CLOCK_MONOTONIC), before = now_ns(CLOCK_THREAD_CPUTIME_ID), used;
	do {
		for (int i = 0; i < 1000; i++)
			turns++;
		CHECK_IS(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu), 0);
		used = cpu.tv_sec * 1000000000ll + cpu.tv_nsec - before;
	} while (now_ns(CLOCK_MONOTONIC) - start < 300000000);
	int64_t spent = now_ns(CLOCK_MONOTONIC) - start;
	CHECK(used < spent * 2 / 3);
	sched_yield(); // until the next period
	attr = (struct attr){ .size = 48, .policy = SCHED_OTHER };
	CHECK_IS(set_attr(0, &attr), 0);
	attr = get_attr(0);
	CHECK(attr.runtime == 0 && attr.period == 0);
	// More than all CPUs have, by a process each: some are refused.
	int *refused = shared_memory(sizeof(*refused)), *gate = shared_memory(sizeof(*gate));
	pid_t pids[6];
	for (int i = 0; i < 6; i++) {
		pids[i] = check_fork();
		if (pids[i])
			continue;
		attr = reservation(60);
		long got_it = set_attr(0, &attr);
		CHECK(got_it == 0 || errno == EBUSY);
		__atomic_fetch_add(refused, got_it != 0, __ATOMIC_ACQ_REL);
		__atomic_fetch_add(gate, 1, __ATOMIC_ACQ_REL);
		while (__atomic_load_n(gate, __ATOMIC_ACQUIRE) < 6)
			usleep(1000);
		exit(0);
	}
	for (int i = 0; i < 6; i++)
		CHECK_CHILD(pids[i]);
	CHECK_IS(*refused, 2); // of 4 CPUs, one each
}

static void check_privilege(void)
{
	struct sched_param param = { .sched_priority = 1 };
	struct attr attr = reservation(10), nicer = { .size = 48, .policy = SCHED_OTHER, .nice = -5 };
	pid_t child = check_fork();
	if (child) {
		CHECK_CHILD(child);
		return;
	}
	CHECK_IS(setuid(1000), 0);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
	CHECK_ERRNO(set_attr(0, &attr), EPERM);
	CHECK_ERRNO(set_attr(0, &nicer), EPERM);
	param.sched_priority = 0;
	CHECK_ERRNO(sched_setscheduler(1, SCHED_OTHER, &param), EPERM);
	CHECK_IS(sched_setscheduler(0, SCHED_BATCH, &param), 0);
	CHECK_IS(sched_setscheduler(0, SCHED_IDLE | RESET, &param), 0);
	CHECK_ERRNO(sched_setscheduler(0, SCHED_IDLE, &param), EPERM); // the flag stays
	exit(0);
}

int main(void)
{
	struct attr old = get_attr(0);
	CHECK_IS(old.policy, SCHED_OTHER);
	check_errors();
	check_privilege();
	check_classes();
	if (is_guest())
		check_reservation();
	return 0;
}
