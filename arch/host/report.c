// SPDX-License-Identifier: MIT
// The command `explore`: reads its options, runs each scenario in a process of its own, prints one
// TAP line for each and, for a failure, the list to replay it by and what each CPU did at each
// step.
#include "explore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct explore_scenario __start_explore[], __stop_explore[];

#define REPORT_COLUMN 40

static const char *object_text(const void *object, char *buf, size_t len)
{
	struct explore_shared *e = explore_shared;

	for (unsigned i = 0; i < e->name_count; i++) {
		if (e->names[i].object == object)
			return e->names[i].name;
	}
	for (unsigned i = 0; i < host_config.cpus; i++) {
		if (object == (const void *)&host_cpu_of(i)->pending) {
			snprintf(buf, len, "(interrupt of CPU %u)", i);
			return buf;
		}
	}
	host_symbol_format((uintptr_t)object, buf, len);
	return buf;
}

static void print_step(unsigned number, const struct explore_step *step, unsigned columns)
{
	static const char *const kinds[] = {"load", "store", "relax", "wait", "time passes"};
	char object[96] = "", pc[96] = "", text[224];

	if (step->pc)
		host_symbol_format((uintptr_t)step->pc, pc, sizeof(pc));
	snprintf(text, sizeof(text), "%s %s %s", kinds[step->kind],
		 step->object ? object_text(step->object, object, sizeof(object)) : "", pc);
	printf("# %5u %10llu ", number, (unsigned long long)step->now);
	for (unsigned i = 0; i < columns && i < step->cpu; i++)
		printf("| %-*s", REPORT_COLUMN, "");
	printf("| %s\n", text);
}

static void print_steps(void)
{
	struct explore_shared *e = explore_shared;
	unsigned columns = min(host_config.cpus, 4u);

	printf("# %5s %10s ", "step", "ns");
	for (unsigned i = 0; i < columns; i++)
		printf("| CPU %-*u", REPORT_COLUMN - 4, i);
	printf("\n");
	for (unsigned i = 0; i < e->step_count; i++)
		print_step(i, &e->steps[i], columns);
	if (e->console_len)
		printf("# the kernel said:\n%.*s\n", (int)e->console_len, e->console);
}

static void print_replay(void)
{
	struct explore_shared *e = explore_shared;

	if (e->seed_plus_1)
		printf("# seed: explore %s --seed-only --seeds 1 --seed %llu\n", e->scenario->name,
		       (unsigned long long)e->seed_plus_1 - 1);
	printf("# replay: explore %s --replay ", e->scenario->name);
	for (unsigned i = 0; i < e->replay_count; i++)
		printf("%s%llu:%s%u", i ? "," : "", (unsigned long long)e->picks[i].opportunity,
		       e->picks[i].cpu & EXPLORE_TIME_BIT ? "t" : "",
		       e->picks[i].cpu & ~EXPLORE_TIME_BIT);
	printf("%s\n", e->replay_count ? "" : "-");
}

static void print_result(FILE *to, bool failed)
{
	struct explore_shared *e = explore_shared;
	bool is_mutant = e->scenario->flags & EXPLORE_MUTANT;
	bool is_replay = !e->runs_max;

	char cut[48] = "";
	if (e->is_cut)
		snprintf(cut, sizeof(cut), ", CUT SHORT (all with %d)", (int)e->bound - 1);
	fprintf(to, "%sok - explore.%s # %llu schedules, %llu states, %u preemptions%s%s\n",
		failed == is_mutant && (!failed || e->is_confirmed || is_replay) ? "" : "not ",
		e->scenario->name, (unsigned long long)e->runs, (unsigned long long)e->states_total,
		failed ? e->preemptions : e->bound, cut,
		is_mutant ? (failed ? ", mutant caught" : ", MUTANT NOT CAUGHT") : "");
}

/** For the test that adds up all scenarios. */
static void log_result(bool failed)
{
	FILE *log = fopen(explore_shared->options.log, "w");

	if (!log)
		host_die("cannot write %s", explore_shared->options.log);
	print_result(log, failed);
	fclose(log);
}

void explore_report(bool failed, bool is_long)
{
	struct explore_shared *e = explore_shared;
	bool is_replay = !e->runs_max;

	print_result(stdout, failed);
	if (e->options.has_endings)
		printf("# %u endings, sum %016llx\n", e->endings.count,
		       (unsigned long long)e->endings_sum);
	if (e->options.log)
		log_result(failed);
	if (failed)
		printf("# %s%s\n", e->why,
		       e->is_confirmed || is_replay ? "" : " (DID NOT COME AGAIN when replayed)");
	if (failed && is_long)
		print_replay();
	if ((failed || is_replay) && is_long)
		print_steps();
}

/** "17:1,40:t0" into the picks; "-" = none, all first options. */
static void parse_replay(const char *text)
{
	struct explore_shared *e = explore_shared;
	char *end;

	e->replay_count = 0;
	while (*text && *text != '-') {
		struct explore_pick *pick = &e->picks[e->replay_count];

		pick->opportunity = strtoull(text, &end, 10);
		if (*end != ':' || e->replay_count == EXPLORE_PICKS_MAX - 1)
			host_die("--replay: NUMBER:CPU,... expected at \"%s\"", text);
		text = end + 1;
		pick->cpu = *text == 't' ? (text++, EXPLORE_TIME_BIT) : 0;
		pick->cpu |= (uint32_t)strtoul(text, &end, 10);
		e->replay_count++;
		text = *end == ',' ? end + 1 : end;
	}
	// An empty list replays the first schedule: a pick that never comes stands for it.
	if (!e->replay_count)
		e->picks[e->replay_count++] = (struct explore_pick){UINT64_MAX, 0};
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		host_die("no shared memory");
	return p;
}

/** The process of one scenario. */
static noreturn_fn void run_scenario(const struct explore_scenario *scenario,
				     const struct explore_options *options, const char *replay)
{
	struct explore_shared *e = shared_memory(sizeof(*e));

	e->states = shared_memory(EXPLORE_STATES * sizeof(*e->states));
	e->races.keys = shared_memory(EXPLORE_SET * sizeof(*e->races.keys));
	e->endings.keys = shared_memory(EXPLORE_SET * sizeof(*e->endings.keys));
	e->scenario = scenario;
	e->options = *options;
	explore_shared = e;
	if (replay)
		parse_replay(replay);
	host_config.mode = HOST_LAB;
	host_config.cpus = scenario->cpus;
	host_config.ram_bytes = MIB(32);
	host_config.cmdline = "quiet";
	if (scenario->run == explore_run_cpus)
		host_config.entry = explore_scenario_run;
	host_boot();
}

static const char *option_value(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc)
		host_die("%s needs a value", argv[*i]);
	return argv[++*i];
}

static const char *parse_options(int argc, char **argv, struct explore_options *o,
				 const char **replay)
{
	const char *filter = "";

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--bound") == 0)
			o->bound = atoi(option_value(argc, argv, &i));
		else if (strcmp(argv[i], "--runs") == 0)
			o->runs_max = strtoull(option_value(argc, argv, &i), NULL, 0);
		else if (strcmp(argv[i], "--seeds") == 0)
			o->seeds = strtoull(option_value(argc, argv, &i), NULL, 0);
		else if (strcmp(argv[i], "--seed") == 0)
			o->first_seed = strtoull(option_value(argc, argv, &i), NULL, 0);
		else if (strcmp(argv[i], "--replay") == 0)
			*replay = option_value(argc, argv, &i);
		else if (strcmp(argv[i], "--log") == 0)
			o->log = option_value(argc, argv, &i);
		else if (strcmp(argv[i], "--seed-only") == 0)
			o->is_seed_only = true;
		else if (strcmp(argv[i], "--verbose") == 0)
			o->is_verbose = true;
		else if (strcmp(argv[i], "--whole") == 0)
			o->is_whole = true;
		else if (strcmp(argv[i], "--endings") == 0)
			o->has_endings = true;
		else if (argv[i][0] == '-')
			host_die("explore: unknown option %s", argv[i]);
		else
			filter = argv[i];
	}
	return filter;
}

static bool is_scenario(const char *name)
{
	for (const struct explore_scenario *s = __start_explore; s < __stop_explore; s++) {
		if (strcmp(s->name, name) == 0)
			return true;
	}
	return false;
}

int explore_main(int argc, char **argv)
{
	struct explore_options options = {.bound = -1, .runs_max = 200000};
	const char *replay = NULL;
	const char *filter = parse_options(argc, argv, &options, &replay);
	bool is_exact = is_scenario(filter);
	const bool is_long = getenv("HALCYON_LONG");
	unsigned count = 0, bad = 0;

	if (is_long)
		options.runs_max = UINT64_MAX;
#ifdef HOST_THREAD_SANITIZER
	host_die("explore: not with the thread sanitizer, which follows neither fork nor snapshot");
#endif
	for (const struct explore_scenario *s = __start_explore; s < __stop_explore; s++) {
		int status;
		pid_t child;

		if (is_exact ? strcmp(s->name, filter) : strncmp(s->name, filter, strlen(filter)))
			continue;
		count++;
		fflush(NULL);
		child = fork();
		if (!child)
			run_scenario(s, &options, replay);
		if (child < 0 || waitpid(child, &status, 0) != child || status) {
			bad++;
			if (child >= 0 && (!WIFEXITED(status) || WEXITSTATUS(status) > 1))
				printf("not ok - explore.%s # did not get to a run\n", s->name);
		}
	}
	printf("1..%u\n# %u of %u as expected\n", count, count - bad, count);
	return bad || !count;
}
