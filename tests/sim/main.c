// SPDX-License-Identifier: MIT
// `halcyon-host simulate FILE [--cpus N] [--seed N]`: runs the workload that FILE describes on the
// kernel's own scheduler, in virtual time, prints its figures, and fails if they are not as FILE
// expects.
#include "workload.h"

#include <arch/sim.h>
#include <hal/bootinfo.h>
#include <sched/sched.h>
#include <stdlib.h>
#include <string.h>

int simulate_main(int argc, char **argv);

/** As firmware that lists the CPUs of all nodes by turns: CPUs get near numbers only by being sorted. */
static void set_topology(void)
{
	for (unsigned i = 0; i < bootinfo.cpu_count; i++) {
		struct boot_cpu *cpu = &bootinfo.cpus[i];

		topology_set_node(cpu->hwid, i % workload.nodes);
		cpu->cache = i / workload.nodes / workload.cache;
		cpu->core = i / workload.nodes / workload.smt;
	}
	for (unsigned i = 0; i < workload.distance_count; i++) {
		const struct distance *d = &workload.distances[i];

		topology_set_distance(d->from, d->to, d->distance);
	}
}

static void run(void)
{
	nsec_t began = time_now();

	measure_watch();
	workload_start();
	(void)!sched_sleep_until(began + workload.warmup, false);
	measure_begin();
	(void)!sched_sleep_until(began + workload.warmup + workload.time, false);
	sim_end(measure_end() != 0);
}

int simulate_main(int argc, char **argv)
{
	uint64_t threads = 0;

	if (argc < 1)
		return 2;
	workload_parse(argv[0]);
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--cpus") == 0)
			workload.cpus = (unsigned)atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--seed") == 0)
			workload.seed = strtoull(argv[i + 1], NULL, 0);
		else
			return 2;
	}
	for (unsigned i = 0; i < workload.group_count; i++)
		threads += workload.groups[i].count;
	// Memory that nobody touches costs nothing here.
	sim_boot(workload.cpus, set_topology, MIB(128) + workload.cpus * MIB(1) + threads * 2 * HAL_KSTACK_SIZE,
		 run);
}
