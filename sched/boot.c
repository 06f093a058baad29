// SPDX-License-Identifier: MIT
// The scheduler's start: each CPU's first thread, whose stack exists already, becomes its idle thread.
// The boot CPU's goes on with booting as such: it never blocks, and new threads run once it idles.
#include <hal/bootinfo.h>
#include <kernel/panic.h>

#include "fair.h"

unsigned sched_cpus;
static DEFINE_PERCPU(struct thread, idle_thread);

static void bring_up_this_cpu(void)
{
	struct runq *rq = this_cpu_ptr(runq);
	struct thread *idle = this_cpu_ptr(idle_thread);
	thread_adopt_idle(idle, this_cpu());
	runq_init(rq, this_cpu(), idle);
	near_init_cpu(rq);
	__atomic_store_n(&sched_runqs[this_cpu()], rq, __ATOMIC_RELEASE);
	__atomic_store_n(&sched_online[this_cpu()], rq, __ATOMIC_RELEASE);
}

void upcall_sched_init(void)
{
	fair_init();
	latency_init();
	rt_init();
	thread_init();
	sched_cpus = cpus_possible_count();
	if (sched_cpus == 1)
		sched_idle_polls = 0; // nobody else could have any for it
	idle_set_words = (sched_cpus + 63) / 64;
	near_init();
	bring_up_this_cpu();
	upcall_spawn("reclaim", quiesce_thread);
}

void upcall_sched_start_cpu(void)
{
	// The top of its stack, with the place of a trapframe that it never needs: everything that idles
	// stands below. Ports write there at a switch.
	struct trapframe place;
	struct runq *rq = cpu_runq(this_cpu());
	if (!rq)
		bring_up_this_cpu();
	this_cpu_ptr(idle_thread)->stack_top = (vaddr_t)(&place + 1);
	if (rq && rq->is_out)
		hotplug_return(rq);
	idle_loop();
}

void upcall_spawn(const char *name, void (*fn)(void *))
{
	struct thread *thread = thread_create_kernel(name, fn, NULL);
	if (!thread)
		panic("no memory for kernel thread %s", name);
	if (fn == quiesce_thread)
		sched_set_reclaim(thread);
	sched_start(thread);
}
