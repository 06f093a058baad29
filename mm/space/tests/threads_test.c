// SPDX-License-Identifier: MIT
// Several threads at one address space at a time: their own words in common pages, while those pages
// are shared by fork and a common file is unmapped under them. If this fails, a race of faults loses
// a write, a page or a reference.
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <kernel/assert.h>
#include <mm/ucopy.h>
#include <sched/sched.h>

#include "space_test.h"

#define THREADS 4
#define COMMON_PAGES 16
#define FILE_PAGES 16
#define STEPS 1500

static struct mm_space *space;
static struct t_file file;
static vaddr_t common, mapped;
static _Atomic uint32_t numbers, finished, mistakes;

static void expect(bool is_right)
{
	if (!is_right)
		fetch_add_relaxed(&mistakes, 1);
}

struct worker {
	uint32_t number;
	uint64_t random;
	uint32_t words[COMMON_PAGES], file_words[FILE_PAGES]; // what this thread has stored
};

static unsigned any(struct worker *worker, unsigned bound)
{
	worker->random = worker->random * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(worker->random >> 33) % bound;
}

/** Check the thread's word in a page at @base, then change it. */
static void use_word(struct worker *worker, vaddr_t base, uint32_t *words, unsigned page)
{
	vaddr_t at = base + page * PAGE + 64 + 4 * worker->number;
	uint32_t value;
	expect(mm_load_user32(at, &value) == 0 && value == words[page]);
	if (any(worker, 2))
		return;
	value = any(worker, 1 << 30);
	expect(mm_store_user32(at, value) == 0);
	words[page] = value;
}

/** A child of the moment: what it sees of this thread's words is what they were. */
static void use_fork(struct worker *worker)
{
	struct mm_space *child = mm_space_fork(space);
	if (!child)
		return;
	unsigned page = any(worker, COMMON_PAGES);
	vaddr_t at = common + page * PAGE + 64 + 4 * worker->number;
	use_word(worker, common, worker->words, page);
	expect(t_store(child, at, 1) == 0);
	expect(t_get(child, at) == 1);
	mm_space_put(child);
	use_word(worker, common, worker->words, page);
}

/** Maps of this thread alone. */
static void use_map(struct worker *worker)
{
	uint64_t size = (1 + any(worker, 8)) * PAGE;
	vaddr_t at = t_map(space, 0, size, RW);
	if (!at)
		return;
	expect(mm_store_user32(at + size - PAGE, worker->number) == 0);
	uint32_t value;
	expect(mm_load_user32(at, &value) == 0 && (value == 0 || size == PAGE));
	expect(mm_protect(space, at, PAGE, R) == 0);
	expect(mm_store_user32(at, 1) == -EFAULT);
	expect(mm_unmap(space, at, size) == 0);
}

static void step(struct worker *worker)
{
	switch (any(worker, 16)) {
	case 0:
		use_fork(worker);
		break;
	case 1:
		use_map(worker);
		break;
	case 2:
		if (any(worker, 4) == 0)
			mm_object_unmap(&file.object, any(worker, FILE_PAGES), UINT64_MAX);
		break;
	case 3:
	case 4:
	case 5:
		use_word(worker, mapped, worker->file_words, any(worker, FILE_PAGES));
		break;
	default:
		use_word(worker, common, worker->words, any(worker, COMMON_PAGES));
	}
	sched_preempt_point();
}

static void enter(struct mm_space *to)
{
	irqflags_t flags = hal_irq_save();
	current_thread()->mm.space = to;
	mm_space_activate(to);
	hal_irq_restore(flags);
}

static void work(void *unused)
{
	(void)unused;
	struct worker worker = {.number = fetch_add_relaxed(&numbers, 1)};
	worker.random = worker.number + 1;
	enter(space);
	for (unsigned i = 0; i < STEPS; i++)
		step(&worker);
	for (unsigned page = 0; page < COMMON_PAGES; page++)
		use_word(&worker, common, worker.words, page);
	enter(NULL);
	mm_space_put(space);
	fetch_add_acq_rel(&finished, 1);
}

static void until_finished(unsigned count)
{
	while (load_acquire(&finished) < count)
		sched_sleep_until(time_now() + NSEC_PER_MSEC, false);
}

static void run_with(const struct mm_object_ops *ops)
{
	space = mm_space_create();
	t_file_init(&file, ops, FILE_PAGES);
	common = t_map(space, 0, COMMON_PAGES * PAGE, RW);
	mapped = t_map_object(space, 0, FILE_PAGES * PAGE, RW | MM_SHARED, &file.object, 0);
	store_relaxed(&numbers, 0);
	store_relaxed(&finished, 0);
	store_relaxed(&mistakes, 0);
	unsigned started = 0;
	for (; started < THREADS; started++) {
		struct thread *thread = thread_create_kernel("mm-test", work, NULL);
		EXPECT(thread != NULL);
		if (!thread)
			break;
		mm_space_get(space);
		sched_start(thread);
	}
	until_finished(started);
	EXPECT_EQ(load_relaxed(&mistakes), 0);
	mm_space_put(space);
	t_file_destroy(&file);
}

TEST(mm, threads_share_a_space)
{
	uint64_t areas = t_books_open().areas;
	run_with(&t_memory_ops);
	run_with(&t_slow_ops);
	EXPECT_EQ(mm_areas_in_use(), areas);
}

// Copying a page that fork shared, by a CPU, while others use it: one that still reads the old page must not
// learn that another has written the new one.

#define TURNS 2
#define LOOKS 300 // while no interrupt comes

static _Atomic uint32_t turn, is_reading, is_written;

static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
	while (load_acquire(word) < value)
		sched_preempt_point();
}

/** Has the old translation, and is slow to hear of its end. */
static void read_word(uint32_t n)
{
	uint32_t value;
	expect(mm_load_user32(common, &value) == 0 && value == n - 1);
	irqflags_t flags = hal_irq_save();
	expect(mm_load_user32(common, &value) == 0 && value == n - 1);
	store_release(&is_reading, n);
	for (unsigned i = 0; i < LOOKS && load_acquire(&is_written) < n; i++)
		hal_cpu_relax();
	if (load_acquire(&is_written) == n)
		expect(mm_load_user32(common, &value) == 0 && value == n);
	hal_irq_restore(flags);
	wait_for(&is_written, n);
	expect(mm_load_user32(common, &value) == 0 && value == n);
}

static void write_word(uint32_t n)
{
	wait_for(&is_reading, n);
	expect(mm_store_user32(common, n) == 0);
	store_release(&is_written, n);
}

static void write_beside(uint32_t n)
{
	wait_for(&is_reading, n);
	expect(mm_store_user32(common + 64, n) == 0);
}

static void use_page(void *use)
{
	struct cpuset one = {{0}};
	bitmap_set(one.bits, fetch_add_relaxed(&numbers, 1));
	expect(sched_set_affinity(current_thread(), &one) == 0);
	enter(space);
	for (uint32_t n = 1; n <= TURNS; n++) {
		wait_for(&turn, n);
		((void (*)(uint32_t))use)(n);
		fetch_add_acq_rel(&finished, 1);
	}
	enter(NULL);
	mm_space_put(space);
	fetch_add_acq_rel(&finished, 1);
}

TEST(mm, nobody_reads_a_page_after_its_copy_was_written)
{
	void (*const uses[])(uint32_t) = {read_word, write_beside, write_word};
	if (bitmap_find_next_zero(cpus_online.bits, CPUS_MAX, 0) < array_len(uses))
		return;
	space = mm_space_create();
	common = t_map(space, 0, PAGE, RW);
	EXPECT_EQ(t_store(space, common, 0), 0);
	_Atomic uint32_t *const words[] = {&numbers, &finished, &mistakes, &turn, &is_reading, &is_written};
	for (size_t i = 0; i < array_len(words); i++)
		store_relaxed(words[i], 0);
	for (size_t i = 0; i < array_len(uses); i++) {
		mm_space_get(space);
		struct thread *thread = thread_create_kernel("mm-test", use_page, (void *)uses[i]);
		verify(thread != NULL);
		sched_start(thread);
	}
	for (uint32_t n = 1; n <= TURNS; n++) {
		struct mm_space *child = mm_space_fork(space);
		EXPECT(child != NULL);
		store_release(&turn, n);
		until_finished(n * array_len(uses));
		if (child)
			mm_space_put(child);
	}
	until_finished((TURNS + 1) * array_len(uses));
	EXPECT_EQ(load_relaxed(&mistakes), 0);
	mm_space_put(space);
}
