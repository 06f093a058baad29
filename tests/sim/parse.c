// SPDX-License-Identifier: MIT
// Reads a description of a workload: one statement per line, # begins a comment.
//
//   cpus 64            time 2s            warmup 200ms            seed 7
//   nodes 4            cache 8            smt 2            distance FROM TO DISTANCE
//   group NAME COUNT [nice N | batch | idle | fifo P | rr P] [from CPU | pin CPU | spread] : STEPS
//   expect METRIC <= VALUE
//
// nodes: the CPUs are shared out among so many; cache, smt: so many of a node share a cache, a core.
// STEPS, repeated for ever: run T, sleep T, wait, wake NAME, yield. T: 3ms, 1us..2ms (evenly spread),
// ~5ms (exponential).
#include "workload.h"

#include <hal/bootinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct workload workload = {.cpus = 4, .nodes = 1, .cache = CPUS_MAX, .smt = 1, .time = NSEC_PER_SEC, .seed = 1};

static const char *file;
static unsigned line;

static noreturn_fn void fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "%s:%u: ", file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(2);
}

static const char *next_word(char **at)
{
	const char *word = strtok_r(NULL, " ,\t\n", at);

	if (!word)
		fail("something is missing at the end of the line");
	return word;
}

static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 0);

	if (end == text || *end || n < min || n > max)
		fail("%s is no number from %ld to %ld", text, min, max);
	return n;
}

/** "3ms", "1.5s"; @end is set behind it. */
static nsec_t one_time(const char *text, const char **end)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	// strtod() would take the dots of "1ms..2ms" for its own, but the unit stands before them.
	char *unit;
	double n = strtod(text, &unit);

	for (unsigned i = 0; i < array_len(units); i++) {
		size_t len = strlen(units[i].name);

		if (unit != text && strncmp(unit, units[i].name, len) == 0) {
			*end = unit + len;
			return (nsec_t)(n * units[i].ns);
		}
	}
	fail("%s is no time", text);
}

static struct duration duration(const char *text)
{
	struct duration d = {.is_exponential = *text == '~'};
	const char *end;

	d.min = d.max = one_time(text + d.is_exponential, &end);
	if (strncmp(end, "..", 2) == 0)
		d.max = one_time(end + 2, &end);
	if (*end || d.max < d.min)
		fail("%s is no time", text);
	return d;
}

static unsigned group_named(const char *name)
{
	for (unsigned i = 0; i < workload.group_count; i++) {
		if (strcmp(workload.groups[i].name, name) == 0)
			return i;
	}
	fail("no group %s above or here", name);
}

static void parse_step(struct group *group, const char *word, char **at)
{
	static const char *const kinds[] = {"run", "sleep", "wait", "wake", "yield"};
	struct step *step = &group->steps[group->step_count];
	unsigned kind = 0;

	if (group->step_count++ == WORKLOAD_STEPS)
		fail("more than %d steps", WORKLOAD_STEPS);
	while (kind < array_len(kinds) && strcmp(word, kinds[kind]))
		kind++;
	if (kind == array_len(kinds))
		fail("%s is no step", word);
	step->kind = kind;
	if (kind == STEP_RUN || kind == STEP_SLEEP)
		step->time = duration(next_word(at));
	else if (kind == STEP_WAKE)
		step->group = group_named(next_word(at));
}

static void parse_option(struct group *group, const char *word, char **at)
{
	if (strcmp(word, "nice") == 0) {
		group->nice = (int)number(next_word(at), -20, 19);
	} else if (strcmp(word, "batch") == 0) {
		group->policy = SCHED_BATCH;
	} else if (strcmp(word, "idle") == 0) {
		group->policy = SCHED_IDLE;
	} else if (strcmp(word, "fifo") == 0 || strcmp(word, "rr") == 0) {
		group->policy = *word == 'f' ? SCHED_FIFO : SCHED_RR;
		group->rt_priority = (unsigned)number(next_word(at), 1, 99);
	} else if (strcmp(word, "from") == 0 || strcmp(word, "pin") == 0) {
		group->placement = *word == 'f' ? PLACE_FROM : PLACE_PINNED;
		group->cpu = (unsigned)number(next_word(at), 0, CPUS_MAX - 1);
	} else if (strcmp(word, "spread") == 0) {
		group->placement = PLACE_SPREAD;
	} else {
		fail("a group knows no %s", word);
	}
}

static void parse_group(char **at)
{
	struct group *group = &workload.groups[workload.group_count];
	const char *word;

	if (workload.group_count++ == WORKLOAD_GROUPS)
		fail("more than %d groups", WORKLOAD_GROUPS);
	snprintf(group->name, sizeof(group->name), "%s", next_word(at));
	group->count = (unsigned)number(next_word(at), 1, 1000000);
	while (strcmp(word = next_word(at), ":"))
		parse_option(group, word, at);
	while ((word = strtok_r(NULL, " ,\t\n", at)))
		parse_step(group, word, at);
	if (!group->step_count)
		fail("a group needs steps");
}

static void parse_expect(char **at)
{
	struct expect *expect = &workload.expects[workload.expect_count];
	const char *relation, *value;
	char *end;

	if (workload.expect_count++ == WORKLOAD_EXPECTS)
		fail("more than %d expectations", WORKLOAD_EXPECTS);
	snprintf(expect->metric, sizeof(expect->metric), "%s", next_word(at));
	relation = next_word(at);
	expect->is_least = strcmp(relation, ">=") == 0;
	if (!expect->is_least && strcmp(relation, "<="))
		fail("<= or >= expected, not %s", relation);
	value = next_word(at);
	expect->value = strtod(value, &end);
	if (*end)
		expect->value = (double)duration(value).min;
	expect->line = line;
}

static void parse_distance(char **at)
{
	struct distance *distance = &workload.distances[workload.distance_count];

	if (workload.distance_count++ == WORKLOAD_DISTANCES)
		fail("more than %d distances", WORKLOAD_DISTANCES);
	distance->from = (unsigned)number(next_word(at), 0, BOOT_NODES_MAX - 1);
	distance->to = (unsigned)number(next_word(at), 0, BOOT_NODES_MAX - 1);
	distance->distance = (unsigned)number(next_word(at), 10, 255);
}

static void parse_line(char *text)
{
	char *at, *word;

	text[strcspn(text, "#")] = '\0';
	word = strtok_r(text, " \t\n", &at);
	if (!word)
		return;
	if (strcmp(word, "cpus") == 0)
		workload.cpus = (unsigned)number(next_word(&at), 1, CPUS_MAX);
	else if (strcmp(word, "nodes") == 0)
		workload.nodes = (unsigned)number(next_word(&at), 1, BOOT_NODES_MAX);
	else if (strcmp(word, "cache") == 0)
		workload.cache = (unsigned)number(next_word(&at), 1, CPUS_MAX);
	else if (strcmp(word, "smt") == 0)
		workload.smt = (unsigned)number(next_word(&at), 1, CPUS_MAX);
	else if (strcmp(word, "distance") == 0)
		parse_distance(&at);
	else if (strcmp(word, "time") == 0)
		workload.time = duration(next_word(&at)).min;
	else if (strcmp(word, "warmup") == 0)
		workload.warmup = duration(next_word(&at)).min;
	else if (strcmp(word, "seed") == 0)
		workload.seed = (uint64_t)number(next_word(&at), 0, INT32_MAX);
	else if (strcmp(word, "group") == 0)
		parse_group(&at);
	else if (strcmp(word, "expect") == 0)
		parse_expect(&at);
	else
		fail("%s is no statement", word);
}

void workload_parse(const char *path)
{
	char text[512];
	FILE *in = fopen(path, "r");

	file = path;
	if (!in)
		fail("cannot read it");
	for (line = 1; fgets(text, sizeof(text), in); line++)
		parse_line(text);
	fclose(in);
}
