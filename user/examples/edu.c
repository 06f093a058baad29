// SPDX-License-Identifier: MIT
// A driver that is a program, for QEMU's `edu` device: it counts in the device's own 4 KiB buffer, which
// outlives it, moving one byte there and back by DMA, an interrupt at each end.
//
//   example-edu serve PATH     a supervisor: starts the driver, and again when it has ended
//   example-edu count PATH N   add 1 to counter N (0 to 4095), print what it is now
//   example-edu test KILLS     kill the driver so many times while three clients count; what they were told
//                              must be what is in the buffer
//
// The supervisor keeps the endpoint, so callers that the driver has not taken wait for the next driver.
// The one that it was serving gets EPIPE with IPC_TAG_TAKEN: it may have been counted, and is not repeated.
#include <errno.h>
#include <halcyon.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VENDOR 0x1234
#define DEVICE 0x11e8
#define BAR_BYTES 0x100000
#define COUNTERS 4096
#define BUFFER 0x40000u // of the device, as its DMA engine sees it
#define CLIENTS 3

// Registers, in words (QEMU, docs/specs/edu.rst).
enum { IRQ_STATUS = 0x24 / 4, IRQ_ACK = 0x64 / 4, DMA_SOURCE = 0x80 / 4, DMA_TARGET = 0x88 / 4,
       DMA_COUNT = 0x90 / 4, DMA_COMMAND = 0x98 / 4 };
enum { DMA_RUN = 1, DMA_FROM_DEVICE = 2, DMA_INTERRUPT = 4 };

enum { OP_COUNT = 1 };

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static void sleep_us(long us)
{
	nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

// ---- driver ---------------------------------------------------------------------------------------

struct edu {
	int device, notification;
	volatile uint32_t *registers;
	volatile uint8_t *memory; // the device finds it at address
	uint64_t address;
};

static void *map(int region, size_t bytes)
{
	void *at = region < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
	if (at == MAP_FAILED)
		die("edu: memory");
	close(region);
	return at;
}

static void edu_init(struct edu *edu, int device)
{
	edu->device = device;
	edu->notification = hc_notification();
	edu->registers = map(hc_device_bar(device, 0), BAR_BYTES);
	// What an earlier driver has begun is let come to its end.
	while (edu->registers[DMA_COMMAND] & DMA_RUN)
		sleep_us(1000);
	edu->registers[IRQ_ACK] = edu->registers[IRQ_STATUS];
	edu->memory = map(hc_device_dma(device, COUNTERS, &edu->address), COUNTERS);
	if (hc_device_irq(device, edu->notification, 1) < 0)
		die("edu: interrupt");
}

/** Move @bytes between counter @n and our memory; wait for the interrupt that says so. */
static void edu_move(struct edu *edu, unsigned n, unsigned bytes, uint32_t direction)
{
	bool is_read = direction & DMA_FROM_DEVICE;
	uint64_t bits;
	edu->registers[DMA_SOURCE] = is_read ? BUFFER + n : (uint32_t)edu->address;
	edu->registers[DMA_TARGET] = is_read ? (uint32_t)edu->address : BUFFER + n;
	edu->registers[DMA_COUNT] = bytes;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	edu->registers[DMA_COMMAND] = direction | DMA_INTERRUPT | DMA_RUN;
	do {
		if (hc_wait(edu->notification, 1, IPC_NEVER, &bits) < 0)
			die("edu: wait");
		edu->registers[IRQ_ACK] = edu->registers[IRQ_STATUS];
		hc_irq_ack(edu->device);
	} while (edu->registers[DMA_COMMAND] & DMA_RUN);
}

static int handle(void *state, struct hc_message *m, struct ipc_block *block)
{
	struct edu *edu = state;
	(void)block;
	if (hc_label(m) != OP_COUNT || IPC_TAG_WORDS(m->tag) != 1 || m->words[0] >= COUNTERS)
		return -EINVAL;
	unsigned n = (unsigned)m->words[0];
	edu_move(edu, n, 1, DMA_FROM_DEVICE);
	edu->memory[0]++;
	edu_move(edu, n, 1, 0);
	m->words[0] = edu->memory[0];
	return 1;
}

// ---- supervisor -----------------------------------------------------------------------------------

/** The device, as soon as whoever had it is gone. */
static int open_device(void)
{
	int root = hc_open("/run/devices"), device;
	if (root < 0)
		die("/run/devices");
	while ((device = hc_device(root, VENDOR, DEVICE, 0)) < 0 && errno == EBUSY)
		sleep_us(100);
	if (device < 0)
		die("edu (is the machine started with --device edu,dma_mask=0xffffffff?)");
	close(root);
	return device;
}

static pid_t start_driver(int endpoint)
{
	int device = open_device();
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		struct edu edu;
		edu_init(&edu, device);
		hc_serve(endpoint, handle, &edu);
		die("edu: serve");
	}
	close(device); // the driver's alone: it stops with it
	return pid;
}

static void supervise(const char *path)
{
	int endpoint = hc_endpoint();
	if (endpoint < 0 || hc_publish(endpoint, IPC_RIGHT_SEND, path, 0666) < 0)
		die(path);
	for (;;)
		waitpid(start_driver(endpoint), NULL, 0);
}

// ---- the test -------------------------------------------------------------------------------------

enum outcome { UNUSED, DONE, REPORTED };

/** What clients and supervisor share. Each request has a counter of its own. */
struct record {
	uint32_t next; // counter
	uint32_t done; // requests
	uint32_t is_over;
	int64_t worst_us; // that a client waited
	uint8_t outcome[COUNTERS];
};

static void count_until_over(struct record *record, int endpoint)
{
	while (!__atomic_load_n(&record->is_over, __ATOMIC_ACQUIRE)) {
		uint32_t n = __atomic_fetch_add(&record->next, 1, __ATOMIC_RELAXED);
		if (n >= COUNTERS)
			return;
		int64_t start = now_us();
		struct hc_message m;
		int status;
		do { // what nobody has taken may be repeated
			m = (struct hc_message){.tag = IPC_TAG(OP_COUNT, 1), .words = {n}};
			status = hc_call(endpoint, &m);
		} while (status < 0 && errno == EPIPE && !(m.tag & IPC_TAG_TAKEN));
		if (status < 0 && errno != EPIPE)
			die("call");
		if (status == 0 && (hc_label(&m) || m.words[0] != 1)) {
			printf("request %u: label %u, answer %u\n", n, hc_label(&m), (unsigned)m.words[0]);
			exit(1);
		}
		record->outcome[n] = status == 0 ? DONE : REPORTED;
		if (status == 0)
			__atomic_fetch_add(&record->done, 1, __ATOMIC_RELEASE);
		int64_t took = now_us() - start, worst = __atomic_load_n(&record->worst_us, __ATOMIC_RELAXED);
		while (took > worst && !__atomic_compare_exchange_n(&record->worst_us, &worst, took, false,
								    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
	}
}

/** The last word is the device's. */
static int judge(const struct record *record, unsigned kills)
{
	struct edu edu;
	unsigned of[3] = {0}, wrong = 0;
	edu_init(&edu, open_device());
	edu_move(&edu, 0, COUNTERS, DMA_FROM_DEVICE);
	for (unsigned n = 0; n < COUNTERS; n++) {
		unsigned count = edu.memory[n];
		enum outcome outcome = record->outcome[n];
		bool is_right = outcome == DONE ? count == 1 : outcome == REPORTED ? count <= 1 : count == 0;
		if (!is_right && ++wrong < 10)
			printf("request %u: outcome %u, executed %u times\n", n, outcome, count);
		of[outcome]++;
	}
	printf("%u kills, %u requests: %u done, %s executed once; %u reported as perhaps done; "
	       "worst stall %lld ms\n",
	       kills, of[DONE] + of[REPORTED], of[DONE], wrong ? "not each" : "each", of[REPORTED],
	       (long long)record->worst_us / 1000);
	if (record->next >= COUNTERS)
		printf("the counters did not suffice\n");
	return wrong || of[DONE] < kills / 4 || record->next >= COUNTERS;
}

/** The counters begin at 0, whoever counted before. */
static void clear_counters(void)
{
	struct edu edu;
	pid_t pid = fork();
	if (pid == 0) {
		edu_init(&edu, open_device());
		edu_move(&edu, 0, COUNTERS, 0);
		exit(0);
	}
	waitpid(pid, NULL, 0);
}

static int test(unsigned kills)
{
	struct record *record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				     -1, 0);
	int endpoint = hc_endpoint(), sends = hc_restrict(endpoint, IPC_RIGHT_SEND), status, failed = 0;
	if (record == MAP_FAILED || sends < 0)
		die("endpoint");
	clear_counters();
	pid_t clients[CLIENTS];
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = fork();
		if (clients[i] == 0) {
			close(endpoint);
			count_until_over(record, sends);
			exit(0);
		}
	}
	srand(1);
	for (unsigned i = 0; i < kills; i++) {
		uint32_t done = __atomic_load_n(&record->done, __ATOMIC_ACQUIRE);
		pid_t driver = start_driver(endpoint);
		// Some get through a request, however slow the machine is.
		while (i % 4 == 0 && __atomic_load_n(&record->done, __ATOMIC_ACQUIRE) == done &&
		       waitpid(driver, &status, WNOHANG) == 0)
			sleep_us(1000);
		sleep_us(rand() % 500000); // two transfers take 200 ms
		kill(driver, SIGKILL);
		waitpid(driver, &status, 0);
		failed |= !WIFSIGNALED(status); // it ended by itself
	}
	__atomic_store_n(&record->is_over, 1, __ATOMIC_RELEASE);
	pid_t driver = start_driver(endpoint);
	for (unsigned i = 0; i < CLIENTS; i++) {
		waitpid(clients[i], &status, 0);
		failed |= status;
	}
	kill(driver, SIGKILL);
	waitpid(driver, NULL, 0);
	return judge(record, kills) || failed;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && strcmp(argv[1], "serve") == 0) {
		supervise(argv[2]);
	} else if (argc == 4 && strcmp(argv[1], "count") == 0) {
		uint64_t words[8] = {strtoull(argv[3], NULL, 10)};
		int server = hc_open(argv[2]);
		if (server < 0 || hc_request(server, OP_COUNT, words, 1, words) != 1)
			die(argv[2]);
		printf("%u\n", (unsigned)words[0]);
		return 0;
	} else if (argc == 3 && strcmp(argv[1], "test") == 0) {
		return test((unsigned)strtoul(argv[2], NULL, 10));
	}
	fprintf(stderr, "usage: example-edu serve PATH | count PATH N | test KILLS\n");
	return 2;
}
