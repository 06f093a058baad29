// SPDX-License-Identifier: MIT
// The real-time band: a list per priority and a bitmap of those that are not empty, so everything
// takes the same time for any number of threads. sched_rt_waiting lets a CPU that goes on to worse
// work know without looking that somewhere a real-time thread waits.
#include "runq.h"

_Atomic uint32_t sched_rt_waiting;

void rt_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	bool is_over = part->policy == SCHED_RR && part->slice_left <= 0;
	if (is_over)
		part->slice_left = (int64_t)sched_slice_ticks;
	if (reason == ENQUEUE_PREEMPTED && !is_over)
		list_push_front(&rq->rt[part->rt_priority], &part->rt_node);
	else
		list_push_back(&rq->rt[part->rt_priority], &part->rt_node);
	rq->rt_bits[part->rt_priority / 64] |= 1ull << part->rt_priority % 64;
	fetch_add_relaxed(&sched_rt_waiting, 1);
}

void rt_dequeue(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	list_remove(&part->rt_node);
	if (list_is_empty(&rq->rt[part->rt_priority]))
		rq->rt_bits[part->rt_priority / 64] &= ~(1ull << part->rt_priority % 64);
	fetch_sub_release(&sched_rt_waiting, 1);
}

struct thread *rt_first(struct runq *rq)
{
	uint64_t high = rq->rt_bits[1];
	if (!high && !rq->rt_bits[0])
		return NULL;
	unsigned priority = high ? 127u - (unsigned)__builtin_clzll(high) :
				   63u - (unsigned)__builtin_clzll(rq->rt_bits[0]);
	return list_first_entry(&rq->rt[priority], struct thread, sched.rt_node);
}
