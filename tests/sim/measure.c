// SPDX-License-Identifier: MIT
// The figures of a simulation, and whether they are as expected.
//
// Work conservation: whenever time passes, CPUs that idle while threads are queued elsewhere (as many
// of them as threads) count as idle-while-ready. Threads bound to busy CPUs are among those, so this is
// an upper bound.
#include "workload.h"

#include <arch/sim.h>
#include <math.h>
#include <sched/sched.h>
#include <stdio.h>
#include <string.h>

#include "../../sched/runq.h"

#define SAMPLE_NS NSEC_PER_MSEC // between two looks at how evenly threads are spread

static struct {
	nsec_t began, wasted, idle; // CPU time, since the warm-up
	nsec_t next_sample, settled; // when threads were spread unevenly last, since the start
	unsigned spread; // largest minus smallest load of a CPU, at the last sample
	struct sched_cpu_stats before, after; // of all CPUs
	uint64_t timers_before, idle_timers_before, timers, idle_timers;
	nsec_t cpu_time; // of all threads, since the warm-up
} figures;

void latency_add(struct latencies *latencies, nsec_t ns)
{
	unsigned power = ns < 16 ? 0 : 60 - (unsigned)__builtin_clzll(ns); // ns >> power is 8..15
	unsigned bucket = ns < 16 ? (unsigned)ns : power * 16 + (unsigned)(ns >> power);

	latencies->count++;
	latencies->max = max(latencies->max, ns);
	latencies->buckets[min(bucket, LATENCY_BUCKETS - 1u)]++;
}

/** The upper end of the bucket in which the share @part of all latencies has been seen. */
static nsec_t percentile(const struct latencies *latencies, double part)
{
	uint64_t wanted = (uint64_t)ceil(part * (double)latencies->count), seen = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latencies->buckets[i];
		if (seen >= wanted && seen) {
			nsec_t end = i < 16 ? i : ((nsec_t)i % 16 + 1) << i / 16;

			return min(end, latencies->max);
		}
	}
	return latencies->max;
}

static unsigned ready_threads(void)
{
	unsigned ready = 0;

	for (cpuid_t cpu = 0; cpu < workload.cpus; cpu++)
		ready += load_relaxed(&cpu_runq(cpu)->ready_count);
	return ready;
}

static void sample_spread(nsec_t now)
{
	unsigned least = UINT_MAX, most = 0;

	for (cpuid_t cpu = 0; cpu < workload.cpus; cpu++) {
		unsigned load = runq_load(cpu_runq(cpu));

		least = min(least, load);
		most = max(most, load);
	}
	figures.spread = most - least;
	if (figures.spread > 1)
		figures.settled = now;
	figures.next_sample = now + SAMPLE_NS;
}

static void observe(nsec_t from, nsec_t to, unsigned idle)
{
	if (workload_is_measured && idle) {
		figures.idle += idle * (to - from);
		figures.wasted += min(idle, ready_threads()) * (to - from);
	}
	if (from >= figures.next_sample)
		sample_spread(from);
}

static void sum_cpus(struct sched_cpu_stats *sum)
{
	*sum = (struct sched_cpu_stats){0};
	for (cpuid_t cpu = 0; cpu < workload.cpus; cpu++) {
		struct sched_cpu_stats one;

		sched_get_cpu_stats(cpu, &one);
		sum->switches_voluntary += one.switches_voluntary;
		sum->switches_involuntary += one.switches_involuntary;
		sum->migrations += one.migrations;
		sum->steals += one.steals;
		sum->ipis += one.ipis;
		sum->idle_time += one.idle_time;
	}
}

static void sum_timers(uint64_t *all, uint64_t *idle)
{
	*all = *idle = 0;
	for (cpuid_t cpu = 0; cpu < workload.cpus; cpu++) {
		*all += sim_counts_of(cpu).timers;
		*idle += sim_counts_of(cpu).idle_timers;
	}
}

static void for_all_threads(void (*visit)(struct sim_thread *thread))
{
	for (unsigned g = 0; g < workload.group_count; g++) {
		for (unsigned i = 0; i < workload.groups[g].count; i++)
			visit(&workload.groups[g].threads[i]);
	}
}

static void note_before(struct sim_thread *self)
{
	self->time_before = sched_cpu_time(self->thread);
}

static void note_after(struct sim_thread *self)
{
	self->time = sched_cpu_time(self->thread) - self->time_before;
	figures.cpu_time += self->time;
}

void measure_watch(void)
{
	sim_observer = observe;
}

void measure_begin(void)
{
	figures.began = time_now();
	for_all_threads(note_before);
	sum_cpus(&figures.before);
	sum_timers(&figures.timers_before, &figures.idle_timers_before);
	workload_is_measured = true;
}

struct times {
	nsec_t least, most;
	double mean;
};

static struct times times_of(const struct group *group)
{
	struct times times = {.least = UINT64_MAX};

	for (unsigned i = 0; i < group->count; i++) {
		times.least = min(times.least, group->threads[i].time);
		times.most = max(times.most, group->threads[i].time);
		times.mean += (double)group->threads[i].time / group->count;
	}
	return times;
}

/** By how much the thread that differs most had more or less CPU time than the mean, per cent. */
static double deviation(const struct group *group)
{
	struct times t = times_of(group);

	return t.mean ? 100 * max((double)t.most - t.mean, t.mean - (double)t.least) / t.mean : 0;
}

static double per_cent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 100;
}

static double home_share(const struct group *group)
{
	return per_cent(group->home_wakes, group->wakes);
}

static double node_share(const struct group *group)
{
	return per_cent(group->wakes - group->far_wakes, group->wakes);
}

/** Of the wakes on another CPU, how many have a core for themselves. */
static double whole_share(const struct group *group)
{
	return per_cent(group->whole_wakes, group->wakes - group->home_wakes);
}

/** How far those go, in the mean, that leave their node. */
static double mean_distance(const struct group *group)
{
	return group->far_wakes ? (double)group->distance / (double)group->far_wakes : 0;
}

static double group_metric(const struct group *group, const char *name)
{
	if (strcmp(name, "deviation") == 0)
		return deviation(group);
	if (strcmp(name, "home") == 0)
		return home_share(group);
	if (strcmp(name, "node") == 0)
		return node_share(group);
	if (strcmp(name, "whole") == 0)
		return whole_share(group);
	if (strcmp(name, "distance") == 0)
		return mean_distance(group);
	if (strcmp(name, "time") == 0)
		return times_of(group).mean;
	if (strcmp(name, "least") == 0)
		return (double)times_of(group).least;
	if (strcmp(name, "p50") == 0)
		return (double)percentile(&group->latencies, 0.5);
	if (strcmp(name, "p99") == 0)
		return (double)percentile(&group->latencies, 0.99);
	if (strcmp(name, "p99.9") == 0)
		return (double)percentile(&group->latencies, 0.999);
	if (strcmp(name, "max") == 0)
		return (double)group->latencies.max;
	return NAN;
}

static const struct group *find_group(const char *name, size_t len)
{
	for (unsigned i = 0; i < workload.group_count; i++) {
		const struct group *group = &workload.groups[i];

		if (strlen(group->name) == len && strncmp(group->name, name, len) == 0)
			return group;
	}
	return NULL;
}

static double measured_cpu_time(void)
{
	return (double)(time_now() - figures.began) * workload.cpus;
}

/** Of all CPU time, how much is neither a thread's nor idle, per cent. */
static double sum_error(void)
{
	double idle = (double)(figures.after.idle_time - figures.before.idle_time);

	return 100 * fabs((double)figures.cpu_time + idle - measured_cpu_time()) /
	       measured_cpu_time();
}

static double idle_while_ready(void)
{
	return 100 * (double)figures.wasted / measured_cpu_time();
}

/** NAN: there is no such metric. GROUP.WHAT, A/B (CPU time of a thread of each), or one of these. */
static double metric(const char *name)
{
	const char *dot = strchr(name, '.'), *slash = strchr(name, '/');
	const struct group *group = dot ? find_group(name, (size_t)(dot - name)) : NULL;

	if (slash) {
		const struct group *a = find_group(name, (size_t)(slash - name));
		const struct group *b = find_group(slash + 1, strlen(slash + 1));

		return a && b ? times_of(a).mean / times_of(b).mean : NAN;
	}
	if (group)
		return group_metric(group, dot + 1);
	if (strcmp(name, "idle-while-ready") == 0)
		return idle_while_ready();
	if (strcmp(name, "settled") == 0)
		return (double)figures.settled;
	if (strcmp(name, "spread") == 0)
		return figures.spread;
	if (strcmp(name, "sum-error") == 0)
		return sum_error();
	if (strcmp(name, "preemptions") == 0)
		return (double)(figures.after.switches_involuntary - figures.before.switches_involuntary);
	if (strcmp(name, "timers") == 0)
		return (double)figures.timers;
	if (strcmp(name, "idle-timers") == 0)
		return (double)figures.idle_timers;
	if (strcmp(name, "migrations") == 0)
		return (double)(figures.after.migrations - figures.before.migrations);
	if (strcmp(name, "ipis") == 0)
		return (double)(figures.after.ipis - figures.before.ipis);
	return NAN;
}

static void print_group(const struct group *group)
{
	struct times t = times_of(group);

	printf("%-10s %6u threads: CPU time %.6g ms each (%.6g..%.6g, off by %.2f %%)\n", group->name,
	       group->count, t.mean / 1e6, (double)t.least / 1e6, (double)t.most / 1e6,
	       deviation(group));
	if (!group->wakes)
		return;
	printf("%-10s %6llu wakes: on the last CPU %.2f %%; latency us p50 %.1f p90 %.1f p99 %.1f "
	       "p99.9 %.1f max %.1f\n",
	       "", (unsigned long long)group->wakes, home_share(group),
	       (double)percentile(&group->latencies, 0.5) / 1e3,
	       (double)percentile(&group->latencies, 0.9) / 1e3,
	       (double)percentile(&group->latencies, 0.99) / 1e3,
	       (double)percentile(&group->latencies, 0.999) / 1e3,
	       (double)group->latencies.max / 1e3);
	if (workload.nodes > 1 || workload.smt > 1)
		printf("%-10s in the node %.2f %%; others went %.2f far; of those on another CPU on a core of "
		       "their own %.2f %%\n",
		       "", node_share(group), mean_distance(group), whole_share(group));
}

static void print_all(void)
{
	const struct sched_cpu_stats *a = &figures.after, *b = &figures.before;

	printf("%u CPUs, %.3f s after a warm-up of %.3f s, seed %llu\n", workload.cpus,
	       (double)workload.time / 1e9, (double)workload.warmup / 1e9,
	       (unsigned long long)workload.seed);
	for (unsigned i = 0; i < workload.group_count; i++)
		print_group(&workload.groups[i]);
	printf("switches %llu voluntary, %llu not; migrations %llu, of them steals %llu; IPIs %llu\n",
	       (unsigned long long)(a->switches_voluntary - b->switches_voluntary),
	       (unsigned long long)(a->switches_involuntary - b->switches_involuntary),
	       (unsigned long long)(a->migrations - b->migrations),
	       (unsigned long long)(a->steals - b->steals),
	       (unsigned long long)(a->ipis - b->ipis));
	printf("timer interrupts %llu, on idle CPUs %llu\n", (unsigned long long)figures.timers,
	       (unsigned long long)figures.idle_timers);
	printf("idle %.3f %%, idle while ready %.4f %%; not accounted for %.4f %%\n",
	       100 * (double)figures.idle / measured_cpu_time(), idle_while_ready(), sum_error());
	printf("spread: unevenly last at %.1f ms; %u at the end\n", (double)figures.settled / 1e6,
	       figures.spread);
}

static bool check(const struct expect *expect)
{
	double value = metric(expect->metric);
	bool is_met = expect->is_least ? value >= expect->value : value <= expect->value;

	printf("%sok - %s %s %.6g: %.6g\n", is_met ? "" : "not ", expect->metric,
	       expect->is_least ? ">=" : "<=", expect->value, value);
	return is_met;
}

unsigned measure_end(void)
{
	unsigned failed = 0;

	workload_is_measured = false;
	for_all_threads(note_after);
	sum_cpus(&figures.after);
	sum_timers(&figures.timers, &figures.idle_timers);
	figures.timers -= figures.timers_before;
	figures.idle_timers -= figures.idle_timers_before;
	print_all();
	for (unsigned i = 0; i < workload.expect_count; i++)
		failed += !check(&workload.expects[i]);
	return failed;
}
