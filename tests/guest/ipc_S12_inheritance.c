// SPDX-License-Identifier: MIT
// Priority inheritance through calls. All on one CPU: a server of low priority, a client of high priority,
// and a hog between them, which runs as soon as nobody better is ready, and counts. While a server owes the
// client a reply the hog must not run at all; once it does not (reply, deadline, death) the hog must.
// guest: CPUS 4
#include "ipc.h"

#include <semaphore.h>

#define HIGH 50
#define MIDDLE 20

static struct {
	sem_t go, client;
	volatile uint64_t count;
	volatile int stop, has_waited;
	volatile pid_t middle; // of a chain
} *hog;
static long first, second; // endpoints
static pid_t pids[8];
static int pid_count;

static void be(int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	CHECK_IS(sched_setscheduler(0, policy, &param), 0);
}

static int child(int policy, int priority)
{
	pid_t pid = check_fork();
	if (pid) {
		pids[pid_count++] = pid;
		return 0;
	}
	be(policy, priority);
	return 1;
}

static void start_hog(void)
{
	hog->stop = 0;
	if (!child(SCHED_FIFO, MIDDLE))
		return;
	sem_wait(&hog->go);
	while (!hog->stop)
		hog->count++;
	_exit(0);
}

/** The hog is ready, and somebody better runs. */
static uint64_t let_hog_go(void)
{
	sem_post(&hog->go);
	return hog->count;
}

static void check_hog_waits(uint64_t count)
{
	for (volatile int i = 0; i < 200000; i++)
		CHECK_IS((long)hog->count, (long)count);
}

/** Nobody with borrowed priority runs any more: the hog does, when this client of high priority sleeps. */
static void check_hog_runs(uint64_t count)
{
	do
		sleep_ms(2);
	while (hog->count == count);
	hog->stop = 1;
}

/** All children wait for what they wait for first. */
static void until_asleep(void)
{
	for (int i = 0; i < pid_count; i++) {
		while (process_state(pids[i]) != 'S')
			sleep_ms(1);
	}
}

static void finish(void)
{
	for (; pid_count; pid_count--) {
		kill(pids[pid_count - 1], SIGKILL);
		CHECK_IS(waitpid(pids[pid_count - 1], NULL, 0), pids[pid_count - 1]);
	}
	hog->count = 0;
}

static struct message receive(long endpoint)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	return m;
}

static long call(long endpoint, uint64_t word)
{
	struct message m = { .tag = IPC_TAG(0, 1), .words = { word } };
	return ipc(IPC_CALL, endpoint, &m);
}

static void reply(void)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
}

/** Serves until the hog has run: which it cannot while this one has the client's priority. */
static void spin_until_hog_runs(uint64_t count)
{
	while (hog->count == count)
		;
}

static void start_chain(void)
{
	if (child(SCHED_IDLE, 0)) {
		struct message m = receive(second);
		check_hog_waits(m.words[0]);
		reply();
		spin_until_hog_runs(m.words[0]);
		_exit(0);
	}
	if (child(SCHED_OTHER, 0)) {
		struct message m = receive(first);
		CHECK_IS(call(second, m.words[0]), 0);
		check_hog_waits(m.words[0]);
		reply();
		spin_until_hog_runs(m.words[0]);
		_exit(0);
	}
	until_asleep();
}

/** Three in a row, released by the reply. */
static void check_chain(void)
{
	start_hog();
	start_chain();
	uint64_t count = let_hog_go();
	CHECK_IS(call(first, count), 0);
	CHECK_IS((long)hog->count, (long)count);
	check_hog_runs(count);
	finish();
}

/** A client that is queued while the server is busy with another one. */
static void check_queue(void)
{
	start_hog();
	if (child(SCHED_OTHER, 0)) {
		receive(first);
		sem_post(&hog->client); // runs at once, and queues
		uint64_t count = let_hog_go();
		check_hog_waits(count);
		reply();
		receive(first);
		count = hog->count;
		check_hog_waits(count);
		reply();
		_exit(0);
	}
	until_asleep();
	if (child(SCHED_OTHER, 0)) // runs when this one sleeps
		_exit(call(first, 1) != 0);
	sem_wait(&hog->client);
	CHECK_IS(call(first, 2), 0);
	check_hog_runs(hog->count);
	finish();
}

static long call_until(int64_t deadline)
{
	struct ipc_block block = { .deadline = (uint64_t)deadline };
	struct message m = { 0 };
	long status = ipc_with(IPC_CALL, first, &m, &block);
	CHECK(m.tag & IPC_TAG_TAKEN);
	return status;
}

/** The client gives up. */
static void check_deadline(void)
{
	start_hog();
	if (child(SCHED_OTHER, 0)) {
		receive(first);
		uint64_t count = let_hog_go();
		check_hog_waits(count);
		spin_until_hog_runs(count);
		_exit(0);
	}
	until_asleep();
	CHECK_IS(call_until(now_ns(CLOCK_MONOTONIC) + 500000000), -ETIMEDOUT);
	check_hog_runs(0);
	finish();
}

/** The server in the middle of a chain dies: the one behind it has nobody to borrow from. */
static void check_death(void)
{
	start_hog();
	if (child(SCHED_IDLE, 0)) {
		receive(second);
		uint64_t count = let_hog_go();
		check_hog_waits(count);
		CHECK_IS(kill(hog->middle, SIGKILL), 0);
		spin_until_hog_runs(count);
		_exit(0);
	}
	if (child(SCHED_OTHER, 0)) {
		hog->middle = getpid();
		receive(first);
		_exit(call(second, 0) != 0);
	}
	until_asleep();
	CHECK_IS(call(first, 0), -EPIPE);
	check_hog_runs(0);
	finish();
}

/** The client is given its priority when it waits already: for the reply, or in the queue. */
static void check_change(int is_queued)
{
	struct sched_param param = { .sched_priority = HIGH };
	start_hog();
	if (child(SCHED_OTHER, 0)) {
		receive(first);
		sem_wait(&hog->client);
		check_hog_waits(0);
		hog->has_waited = 1;
		reply();
		_exit(0);
	}
	until_asleep();
	for (int i = 0; i <= is_queued; i++) {
		if (child(SCHED_OTHER, 0))
			_exit(call(first, 0) != 0);
		until_asleep();
	}
	CHECK_IS(sched_setscheduler(pids[pid_count - 1], SCHED_FIFO, &param), 0);
	let_hog_go();
	sem_post(&hog->client);
	check_hog_runs(0);
	CHECK(hog->has_waited);
	hog->has_waited = 0;
	finish();
}

int main(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	hog = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(hog != MAP_FAILED);
	CHECK_IS(sem_init(&hog->go, 1, 0), 0);
	CHECK_IS(sem_init(&hog->client, 1, 0), 0);
	struct message m = { 0 };
	first = ipc(IPC_ENDPOINT, 0, &m);
	second = ipc(IPC_ENDPOINT, 0, &m);
	CHECK(first >= 0 && second >= 0);
	be(SCHED_FIFO, HIGH);
	check_chain();
	check_queue();
	check_deadline();
	check_death();
	check_change(0);
	check_change(1);
	return 0;
}
