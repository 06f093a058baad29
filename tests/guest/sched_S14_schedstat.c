// SPDX-License-Identifier: MIT
// /proc/schedstat: the counters grow with what is counted, and the latencies sum up.
// guest: CPUS 4
#include "ipc.h"

struct cpu {
	unsigned long long voluntary, involuntary, migrations, steals, ipis, ipc_blocks, ready, idle;
	unsigned long long user, system;
};
struct sums {
	unsigned long long direct, waits;
	struct cpu all;
};

static unsigned long long sum_of_line(const char *line)
{
	unsigned long long sum = 0;
	for (char *end; *line == ' '; line = end)
		sum += strtoull(line, &end, 10);
	return sum;
}

static struct sums read_sums(void)
{
	struct sums sums = { 0 };
	static char line[4096];
	unsigned number, cpus = 0, latencies = 0;
	FILE *file = fopen("/proc/schedstat", "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		struct cpu cpu;
		int at = 0;
		sscanf(line, "direct_switches %llu", &sums.direct);
		if (sscanf(line, "latency%u%n", &number, &at) == 1) {
			sums.waits += sum_of_line(line + at);
			latencies++;
		}
		if (sscanf(line, "cpu%u voluntary %llu involuntary %llu migrations %llu steals %llu ipis "
			   "%llu ipc_blocks %llu ready %llu idle_ns %llu user_ns %llu system_ns %llu",
			   &number, &cpu.voluntary, &cpu.involuntary, &cpu.migrations, &cpu.steals,
			   &cpu.ipis, &cpu.ipc_blocks, &cpu.ready, &cpu.idle, &cpu.user,
			   &cpu.system) != 11)
			continue;
		cpus++;
		sums.all.voluntary += cpu.voluntary;
		sums.all.involuntary += cpu.involuntary;
		sums.all.ipc_blocks += cpu.ipc_blocks;
		sums.all.idle += cpu.idle;
	}
	fclose(file);
	CHECK_IS(cpus, sysconf(_SC_NPROCESSORS_CONF));
	CHECK_IS(latencies, cpus);
	return sums;
}

static void serve(long endpoint)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	while (m.words[0] != 99)
		CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0);
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
	_exit(0);
}

#define CALLS 2000

static void check_calls(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	long endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	pid_t server = check_fork();
	if (!server)
		serve(endpoint);
	struct sums before = read_sums();
	for (int i = 0; i <= CALLS; i++) {
		uint64_t word = i == CALLS ? 99 : 1, was_taken;
		CHECK_IS(ipc_call1(endpoint, &word, &was_taken), 0);
	}
	struct sums after = read_sums();
	// To the server and back, most of them straight; what is not goes through a queue.
	unsigned long long switches = after.direct - before.direct + after.all.voluntary - before.all.voluntary;
	CHECK(switches >= 2 * CALLS);
	CHECK(after.direct - before.direct >= CALLS);
	CHECK_CHILD(server);
}

int main(void)
{
	struct sums before = read_sums();
	for (int i = 0; i < 50; i++)
		usleep(1000);
	struct sums after = read_sums();
	CHECK(after.all.voluntary >= before.all.voluntary + 50);
	CHECK(after.waits >= before.waits + 50);
	CHECK(after.all.idle > before.all.idle);
	// Every switch to a thread is one from the queue, or to the idle thread.
	CHECK(after.waits <= after.all.voluntary + after.all.involuntary);
	check_calls();
	return 0;
}
