// SPDX-License-Identifier: MIT
// The fair bands: each thread's virtual runtime grows by the ticks that it runs, divided by its
// weight. When a request (a slice) begins, it gets a virtual deadline: the virtual time at which its
// weight would have earned it the slice. The earliest deadline goes first. Over time every thread
// gets CPU time in proportion to its weight, and lags behind by a slice at most.
//
// vtime of a queue is the virtual runtime of a thread that has had exactly its share: that of whom
// was picked last, or of the running one while nobody waits. A thread that slept comes back no
// further behind than BONUS, so sleeping saves nothing up. Virtual times of two queues have nothing
// to do with each other; vruntime_home says in which one a thread's is measured.
//
// All sums wrap; they are compared by their signed difference.
#include <kernel/log.h>
#include <kernel/param.h>

#include "fair.h"

#define SLICE_DEFAULT (4 * NSEC_PER_MSEC)
#define SLICE_MIN (NSEC_PER_MSEC / 10)
#define SLICE_MAX NSEC_PER_SEC

uint64_t sched_slice_ticks;
bool sched_keeps_timer;
uint64_t fair_bonus_ticks;

// Each step of nice is a quarter more or less; nice 0 is 1024 (setpriority(2), sched(7)).
static const uint32_t weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

static const struct {
	const char *suffix;
	nsec_t unit;
} units[] = {{"ms", NSEC_PER_MSEC}, {"us", NSEC_PER_USEC}, {"s", NSEC_PER_SEC}};

static nsec_t unit_of(const char *text)
{
	for (unsigned i = 0; i < array_len(units); i++) {
		const char *a = text, *b = units[i].suffix;
		while (*a && *a == *b)
			a++, b++;
		if (!*a && !*b)
			return units[i].unit;
	}
	return 0;
}

/** "1ms", "500us"; 0 = not a time between SLICE_MIN and SLICE_MAX. */
static nsec_t parse_slice(const char *text)
{
	uint64_t n = 0;
	for (; *text >= '0' && *text <= '9' && n < SLICE_MAX; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	nsec_t unit = unit_of(text);
	if (!unit || n > SLICE_MAX / unit || n * unit < SLICE_MIN)
		return 0;
	return n * unit;
}

void fair_init(void)
{
	nsec_t slice = SLICE_DEFAULT;
	const char *text = param_get("slice");
	if (text) {
		nsec_t wanted = parse_slice(text);
		if (wanted)
			slice = wanted;
		else
			log_warn("command line: slice=%s is no time from 100us to 1s, using 4ms", text);
		sched_keeps_timer = wanted != 0;
	}
	sched_slice_ticks = hal_clock_hz() / 1000 * (slice / NSEC_PER_USEC) / 1000;
	fair_bonus_ticks = sched_slice_ticks / 4;
}

void fair_set_weight(struct sched_part *part)
{
	part->weight = weights[part->nice + 20];
	part->inverse_weight = ((uint64_t)WEIGHT_NORMAL << 16) / part->weight;
}

/** Keep the lag if vruntime is relative, else start level. */
void fair_arrive(struct fair_queue *queue, struct sched_part *part)
{
	uint64_t lag = part->vruntime_home == HOME_NONE ? part->vruntime : 0;
	part->vruntime = queue->vtime + lag;
	part->vruntime_home = queue->home;
	fair_renew(part);
}

void fair_depart(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	struct fair_queue *queue = &rq->fair[part->band];
	if (part->vruntime_home != queue->home)
		return;
	part->vruntime -= queue->vtime;
	part->vruntime_home = HOME_NONE;
}

static bool goes_before(const struct rbnode *a, const struct rbnode *b)
{
	return (int64_t)(rb_entry(a, struct thread, sched.fair_node)->sched.vdeadline -
			 rb_entry(b, struct thread, sched.fair_node)->sched.vdeadline) < 0;
}

void fair_insert(struct fair_queue *queue, struct sched_part *part)
{
	rbtree_insert(&queue->tree, &part->fair_node, goes_before);
}

/** Behind everybody: the deadline alone is moved, so the share is kept. */
void fair_go_last(struct fair_queue *queue, struct sched_part *part)
{
	struct thread *last = rbtree_last_entry(&queue->tree, struct thread, sched.fair_node);
	if (last && (int64_t)(part->vdeadline - last->sched.vdeadline) <= 0)
		part->vdeadline = last->sched.vdeadline + 1;
}
