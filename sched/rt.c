// SPDX-License-Identifier: MIT
// The real-time band: a list per priority and a bitmap of those that are not empty, so everything
// takes the same time for any number of threads. sched_rt_waiting lets a CPU that goes on to worse
// work know without looking that somewhere a real-time thread waits.
//
// A CPU's real-time threads together may have RT_SHARE percent of each window of a second; then fair
// threads go first until the window ends. Where no fair thread is ready they go on.
#include <kernel/log.h>
#include <kernel/param.h>

#include "fair.h"

#define RT_SHARE 95

_Atomic uint32_t sched_rt_waiting;
static uint64_t window_ticks, share_ticks;

void rt_init(void)
{
	uint64_t percent = param_get_u64("rt.share", RT_SHARE);
	if (percent < 1 || percent > 100) {
		log_warn("command line: rt.share is a percentage from 1 to 100, using %u", RT_SHARE);
		percent = RT_SHARE;
	}
	window_ticks = hal_clock_hz();
	share_ticks = percent == 100 ? UINT64_MAX : window_ticks / 100 * percent;
}

void rt_charge(struct runq *rq, uint64_t ran, uint64_t now)
{
	if (now - rq->rt_window >= window_ticks) {
		rq->rt_window = now;
		rq->rt_used = 0;
	} else {
		rq->rt_used += ran;
	}
	rq->is_rt_throttled = rq->rt_used >= share_ticks;
}

int64_t rt_ticks_left(struct runq *rq, struct thread *curr)
{
	if (share_ticks == UINT64_MAX)
		return INT64_MAX;
	if (curr->sched.band == BAND_REALTIME) // fair threads that wake while throttled say so
		return (int64_t)(rq->is_rt_throttled ? window_ticks : share_ticks - rq->rt_used);
	return (int64_t)(window_ticks - (rq->charge_stamp - rq->rt_window));
}

void rt_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	bool is_over = part->policy == SCHED_RR && part->slice_left <= 0;
	if (is_over)
		part->slice_left = (int64_t)sched_slice_ticks;
	if (reason == ENQUEUE_PREEMPTED && !is_over)
		list_push_front(&rq->rt[part->queue_priority], &part->rt_node);
	else
		list_push_back(&rq->rt[part->queue_priority], &part->rt_node);
	rq->rt_bits[part->queue_priority / 64] |= 1ull << part->queue_priority % 64;
	fetch_add_relaxed(&sched_rt_waiting, 1);
}

void rt_dequeue(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	list_remove(&part->rt_node);
	if (list_is_empty(&rq->rt[part->queue_priority]))
		rq->rt_bits[part->queue_priority / 64] &= ~(1ull << part->queue_priority % 64);
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
