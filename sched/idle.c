// SPDX-License-Identifier: MIT
// What a CPU does when it has nothing to do. It takes no timer interrupt of the scheduler, counts as
// quiescent, and waits only after it has looked for work everywhere (wake.c draws the race).
#include <hal/cpu.h>

#include "fair.h"

static bool has_work(struct runq *rq)
{
	return load_relaxed(&hal_percpu()->resched) || load_relaxed(&rq->ready_bands);
}

unsigned sched_idle_polls = HAL_IDLE_POLLS;

/** Let others run for a moment: what they do may be work for this CPU, without an interrupt. True: it was, and has
 *  been done. */
static bool poll(struct runq *rq)
{
	if (!sched_idle_polls)
		return false;
	store_relaxed(&rq->is_polling, 1);
	for (unsigned i = 0; i < sched_idle_polls && !has_work(rq) && !load_relaxed(&rq->handed); i++)
		hal_cpu_yield();
	store_relaxed(&rq->is_polling, 0);
	return sched_take_handed(rq);
}

/** Wait for an interrupt, unless work turns up. Interrupts off. */
static void wait_for_work(struct runq *rq)
{
	if (rq->is_slice_armed) {
		spin_lock(&rq->lock);
		runq_disarm_slice(rq);
		spin_unlock(&rq->lock);
	}
	idle_set_add(rq->cpu);
	if (poll(rq))
		return;
	fence_seq_cst();
	if (!has_work(rq) && !balance_steal(rq)) {
		quiesce_idle_enter();
		if (!has_work(rq))
			hal_cpu_wait();
		// Before the interrupt is taken: its handler may look things up.
		quiesce_idle_exit();
	}
	idle_set_remove(rq->cpu);
}

void idle_loop(void)
{
	struct runq *rq = this_cpu_ptr(runq);
	for (;;) {
		hal_irq_disable();
		if (has_work(rq))
			sched_switch(SWITCH_PREEMPT);
		else if (unlikely(rq->is_out))
			hotplug_leave(rq);
		else
			wait_for_work(rq);
		hal_irq_enable();
	}
}
