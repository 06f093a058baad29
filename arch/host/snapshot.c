// SPDX-License-Identifier: MIT
// The state in which every run of a search begins, and going back to it. All memory of the machine
// (the program's data, RAM, kernel stacks, what host_local_alloc() gave) is made read-only once;
// the first write to a page in any run saves the page and opens it for good. Going back copies the
// saved pages, a few hundred kilobytes, which is a tenth of the cost of a process for each run.
//
// What the search itself keeps lies elsewhere: in shared memory, and on a stack of its own.
#include "snapshot.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "explore.h"

#define RANGES_MAX 512
#define PAGES_MAX 65536 // saved: 256 MiB
#define ALTSTACK_SIZE KIB(64)

struct range {
	uintptr_t start, end;
	uint8_t *is_saved; // a byte for each page
};

/** Written by the signal handler, so it is not part of what is protected. */
struct snapshot {
	struct range ranges[RANGES_MAX];
	unsigned range_count;
	unsigned page_count;
	char *pages[PAGES_MAX];
	char *copies; // PAGES_MAX pages
};

static struct snapshot *snapshot;
extern char __data_start[], _end[];

static void *fresh_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		host_die("no memory for a snapshot");
	return p;
}

/** The machine's memory: the part of [*@start, *@end) that is; false = none. */
static bool is_machine(uintptr_t *start, uintptr_t *end)
{
	const uintptr_t parts[][2] = {
		{align_down((uintptr_t)__data_start, HAL_PAGE_SIZE),
		 align_up((uintptr_t)_end, HAL_PAGE_SIZE)},
		{HAL_DIRECT_BASE, HAL_DIRECT_BASE + HAL_DIRECT_SIZE},
		{HAL_KMAP_BASE, HAL_KMAP_BASE + HAL_KMAP_SIZE},
		{HOST_LOCAL_BASE, HOST_LOCAL_BASE + HOST_LOCAL_SIZE},
	};

	for (unsigned i = 0; i < array_len(parts); i++) {
		uintptr_t from = max(*start, parts[i][0]), to = min(*end, parts[i][1]);

		if (from < to) {
			*start = from;
			*end = to;
			return true;
		}
	}
	return false;
}

static void find_ranges(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char prot[8], line[512];

	if (!maps)
		host_die("/proc/self/maps cannot be read");
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, prot) != 3 || strcmp(prot, "rw-p") ||
		    !is_machine(&start, &end))
			continue;
		if (snapshot->range_count == RANGES_MAX)
			host_die("more than %d ranges of memory", RANGES_MAX);
		snapshot->ranges[snapshot->range_count++] = (struct range){start, end, NULL};
	}
	fclose(maps);
}

static struct range *range_of(uintptr_t address)
{
	for (unsigned i = 0; i < snapshot->range_count; i++) {
		struct range *r = &snapshot->ranges[i];

		if (address >= r->start && address < r->end)
			return r;
	}
	return NULL;
}

/** First write to a page: save and open it. False: this was another kind of fault. */
static bool save_page(uintptr_t address)
{
	struct range *r = range_of(address);
	uintptr_t page = align_down(address, HAL_PAGE_SIZE);
	unsigned i = snapshot->page_count;

	if (!r || r->is_saved[(page - r->start) / HAL_PAGE_SIZE] || i == PAGES_MAX)
		return false;
	r->is_saved[(page - r->start) / HAL_PAGE_SIZE] = 1;
	memcpy(snapshot->copies + i * HAL_PAGE_SIZE, (void *)page, HAL_PAGE_SIZE);
	snapshot->pages[i] = (char *)page;
	snapshot->page_count = i + 1;
	return mprotect((void *)page, HAL_PAGE_SIZE, PROT_READ | PROT_WRITE) == 0;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;
	const mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;

	if (signal == SIGSEGV && save_page(address))
		return;
	explore_run_died(signal, address, (uintptr_t)machine->gregs[REG_RIP]);
}

static void install_handler(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM, SIGABRT};
	stack_t stack = {.ss_sp = fresh_memory(ALTSTACK_SIZE), .ss_size = ALTSTACK_SIZE};
	struct sigaction action = {
		.sa_sigaction = on_fault,
		// The handler may never return: the run is over then, and the search goes on.
		.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
	};

	if (sigaltstack(&stack, NULL))
		host_die("no stack for signals");
	for (unsigned i = 0; i < array_len(signals); i++)
		sigaction(signals[i], &action, NULL);
}

void host_snapshot_take(void)
{
	struct snapshot *s = fresh_memory(sizeof(*s));

	s->copies = fresh_memory(PAGES_MAX * HAL_PAGE_SIZE);
	snapshot = s;
	install_handler();
	find_ranges();
	for (unsigned i = 0; i < s->range_count; i++)
		s->ranges[i].is_saved =
			fresh_memory((s->ranges[i].end - s->ranges[i].start) / HAL_PAGE_SIZE);
	// From here on nothing of this program's own data is written but by way of the handler.
	for (unsigned i = 0; i < s->range_count; i++) {
		struct range *r = &s->ranges[i];

		if (mprotect((void *)r->start, r->end - r->start, PROT_READ))
			_exit(124);
	}
}

void host_snapshot_restore(void)
{
	for (unsigned i = 0; i < snapshot->page_count; i++)
		memcpy(snapshot->pages[i], snapshot->copies + i * HAL_PAGE_SIZE, HAL_PAGE_SIZE);
}

bool host_snapshot_covers(uintptr_t address)
{
	return snapshot && range_of(address);
}
