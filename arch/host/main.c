// SPDX-License-Identifier: MIT
// halcyon-host: the cores as a process.
//
//   halcyon-host [options] boot [command line...]    boot as a machine does
//   halcyon-host [options] [tests] [filter]          ... and run the unit tests
//   halcyon-host explore [filter] [--bound N] [--runs N] [--seeds N] [--seed N] [--seed-only]
//                        [--replay LIST] [--verbose] [--log FILE]   try schedules of scenarios
//   halcyon-host simulate FILE [--cpus N] [--seed N]   run a workload (tests/sim) in virtual time
//
// Options: --cpus N, --ram MiB, --virtual (one CPU at a time, virtual time).
#include "explore.h"

#include <string.h>

static noreturn_fn void usage(void)
{
	fputs("usage: halcyon-host [--cpus N] [--ram MIB] [--virtual] "
	      "boot [WORDS] | [tests] [FILTER] | explore [FILTER] [OPTIONS] | "
	      "simulate FILE [OPTIONS]\n",
	      stderr);
	exit(2);
}

int simulate_main(int argc, char **argv); // tests/sim
void __real_upcall_start_user(void *unused);
void __wrap_upcall_start_user(void *unused);

/** The linker sends the kernel's call of upcall_start_user() here. */
void __wrap_upcall_start_user(void *unused)
{
	if (explore_shared)
		explore_scenario_run();
	if (host_config.user)
		host_config.user();
	__real_upcall_start_user(unused);
}

static noreturn_fn void boot(const char *first, int argc, char **argv)
{
	static char cmdline[BOOT_CMDLINE_MAX];
	size_t len = (size_t)snprintf(cmdline, sizeof(cmdline), "%s", first);

	for (int i = 0; i < argc && len < sizeof(cmdline); i++)
		len += (size_t)snprintf(cmdline + len, sizeof(cmdline) - len, "%s%s",
					len && i ? " " : "", argv[i]);
	host_config.cmdline = cmdline;
	host_boot();
}

int main(int argc, char **argv)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--virtual") == 0)
			host_config.mode = HOST_LAB;
		else if (strcmp(argv[i], "--cpus") == 0 && i + 1 < argc)
			host_config.cpus = (unsigned)atoi(argv[++i]);
		else if (strcmp(argv[i], "--ram") == 0 && i + 1 < argc)
			host_config.ram_bytes = (uint64_t)atoi(argv[++i]) << 20;
		else
			usage();
	}
	if (i == argc)
		boot("tests=all", 0, NULL);
	if (strcmp(argv[i], "boot") == 0)
		boot("", argc - i - 1, argv + i + 1);
	if (strcmp(argv[i], "tests") == 0)
		boot(i + 1 < argc ? "tests=" : "tests=all", argc - i - 1, argv + i + 1);
	if (strcmp(argv[i], "explore") == 0)
		return explore_main(argc - i - 1, argv + i + 1);
	if (strcmp(argv[i], "simulate") == 0)
		return simulate_main(argc - i - 1, argv + i + 1);
	boot("tests=", argc - i, argv + i);
}
