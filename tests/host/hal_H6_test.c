// SPDX-License-Identifier: MIT
// If these fail, hardware that keeps instructions, translations or lines of its own goes on with old ones; or it
// is made to forget what it could keep, which costs time on every machine. The laboratory's port writes down
// what it is asked to do (arch/host/record.h).
#include "../../mm/space/tests/space_test.h"

#include <hal/smp.h>
#include <kernel/smp.h>
#include <lib/string.h>
#include <record.h>

#define ANY (~0ull)

static const struct host_record *records;
static size_t record_count;

static void stop(void)
{
	record_count = host_record_stop(&records);
}

/** How many of @kind by @cpu (ANY) named @asid (ANY) and @at (ANY). */
static unsigned count(enum host_record_kind kind, uint64_t cpu, uint64_t asid, uint64_t at)
{
	unsigned n = 0;
	for (size_t i = 0; i < record_count; i++) {
		const struct host_record *r = &records[i];
		n += r->kind == kind && (cpu == ANY || r->cpu == cpu) && (asid == ANY || r->asid == asid) &&
		     (at == ANY || r->at == at);
	}
	return n;
}

// ---- instructions -------------------------------------------------------------------------------

/** The page that @space has at @addr, in the direct map. */
static vaddr_t page_of(struct mm_space *space, vaddr_t addr)
{
	struct frame *frame;
	if (mm_space_pin(space, addr, false, &frame))
		return 0;
	vaddr_t page = (vaddr_t)frame_direct(frame);
	frame_put(frame);
	return page;
}

static unsigned synced(vaddr_t at)
{
	return count(HOST_RECORD_SYNC_CODE, ANY, ANY, at);
}

TEST(hal, H6_pages_that_become_executable_are_synchronised)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, 2 * PAGE, RW);
	host_record_start();
	t_store(space, at, 1);
	t_store(space, at + PAGE, 1);
	stop();
	vaddr_t page = page_of(space, at);
	EXPECT_EQ(synced(page), 0);
	host_record_start();
	EXPECT_EQ(mm_protect(space, at, PAGE, R | X), 0);
	stop();
	EXPECT_EQ(synced(page), 1);
	EXPECT_EQ(synced(page_of(space, at + PAGE)), 0);
	// Nothing is new about it when writing is all that is given, or taken away.
	host_record_start();
	EXPECT_EQ(mm_protect(space, at, PAGE, R | X), 0);
	EXPECT_EQ(mm_protect(space, at, PAGE, R | W | X), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_SYNC_CODE, ANY, ANY, ANY), 0);
	// The kernel's own write.
	host_record_start();
	EXPECT_EQ(t_store(space, at + 8, 2), 0);
	stop();
	EXPECT_EQ(page_of(space, at), page);
	EXPECT_EQ(synced(page + 8), 1);
	mm_space_put(space);
}

/** Map page 0 of @file with @flags and read it. */
static vaddr_t read_page(struct mm_space *space, struct t_file *file, unsigned flags)
{
	vaddr_t at = t_map_object(space, 0, PAGE, flags, &file->object, 0);
	EXPECT_EQ(t_get(space, at), 0xf11e0000);
	return at;
}

TEST(hal, H6_pages_of_files_are_synchronised_once)
{
	static struct mm_object_ops ops;
	static struct t_file file;
	ops = t_slow_ops;
	ops.reports_writes = true;
	t_file_init(&file, &ops, 1);
	struct mm_space *space = mm_space_create();
	vaddr_t page = (vaddr_t)frame_direct(file.frames[0]);
	host_record_start();
	read_page(space, &file, R);
	stop();
	EXPECT_EQ(synced(page), 0);
	host_record_start();
	read_page(space, &file, R | X);
	read_page(space, &file, R | X);
	stop();
	EXPECT_EQ(synced(page), 1);
	// The file is written: what is mapped anew has to be synchronised.
	frame_written(file.frames[0]);
	host_record_start();
	vaddr_t at = read_page(space, &file, R | W | X);
	stop();
	EXPECT_EQ(synced(page), 1);
	// A copy of it is another page.
	host_record_start();
	EXPECT_EQ(t_store(space, at + 8, 7), 0);
	stop();
	EXPECT(page_of(space, at) != page);
	EXPECT_EQ(synced(page_of(space, at)), 1);
	EXPECT_EQ(synced(page), 0);
	mm_space_put(space);
	t_file_destroy(&file);
}

/** As the vDSO is, whose pages every program touches when it starts. */
TEST(hal, H6_shared_pages_are_synchronised_once)
{
	struct mm_object *object = mm_object_create_anon(1);
	EXPECT(object != NULL);
	struct mm_space *space = mm_space_create();
	host_record_start();
	EXPECT_EQ(t_get(space, t_map_object(space, 0, PAGE, R | X | MM_SHARED, object, 0)), 0);
	EXPECT_EQ(t_get(space, t_map_object(space, 0, PAGE, R | X | MM_SHARED, object, 0)), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_SYNC_CODE, ANY, ANY, ANY), 1);
	mm_space_put(space);
	object->ops->put(object);
}

// ---- spin tables --------------------------------------------------------------------------------

TEST(hal, H6_spin_table_words_are_cleaned)
{
	struct frame *frame = frame_alloc_zeroed();
	if (!frame)
		return;
	host_record_start();
	EXPECT_EQ(hal_spin_table_release(frame_paddr(frame) + 40, 0x123456000), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_CLEAN, ANY, ANY, ANY), 1);
	for (size_t i = 0; i < record_count; i++) {
		if (records[i].kind != HOST_RECORD_CLEAN)
			continue;
		EXPECT_EQ(records[i].at, (vaddr_t)frame_direct(frame) + 40);
		EXPECT_EQ(records[i].len, 8);
		EXPECT_EQ(records[i].word, 0x123456000); // not before it is written
	}
	frame_put(frame);
}

// ---- translations -------------------------------------------------------------------------------

#define FIRST 0x40000000ul // of PAGES
#define PAGES 64

static uint32_t asid_of(struct mm_space *space)
{
	return load_relaxed(&space->asid_tag) & MM_ASID_MASK;
}

/** Flushes that forget a translation of FIRST's pages by @cpu (ANY). */
static unsigned page_flushes(uint64_t cpu, uint32_t asid)
{
	unsigned n = 0;
	for (unsigned i = 0; i < PAGES; i++)
		n += count(HOST_RECORD_FLUSH_PAGE, cpu, asid, FIRST + i * PAGE);
	return n;
}

static unsigned flushes(uint64_t cpu, uint32_t asid)
{
	return page_flushes(cpu, asid) + count(HOST_RECORD_FLUSH_ASID, cpu, asid, ANY);
}

static cpuid_t second_cpu(void)
{
	size_t cpu = bitmap_find_next_set(cpus_online.bits, CPUS_MAX, 1);
	return cpu < CPUS_MAX ? (cpuid_t)cpu : 0;
}

static struct mm_space *new_space(void)
{
	struct mm_space *space = mm_space_create();
	t_map(space, FIRST, PAGES * PAGE, RW);
	for (unsigned i = 0; i < PAGES; i++)
		t_store(space, FIRST + i * PAGE, i);
	return space;
}

TEST(hal, H6_what_nobody_can_have_is_not_flushed)
{
	host_record_start();
	struct mm_space *space = new_space();
	EXPECT_EQ(mm_protect(space, FIRST, PAGE, R), 0); // no CPU ever had the space
	EXPECT_EQ(mm_unmap(space, FIRST + PAGE, PAGE), 0);
	stop();
	EXPECT_EQ(page_flushes(ANY, 0), 0);
	EXPECT(t_store_on(0, space, FIRST + 2 * PAGE, 1));
	uint32_t asid = asid_of(space);
	host_record_start();
	// Nothing is there yet, or was ever.
	vaddr_t at = t_map(space, 0, 4 * PAGE, RW);
	t_store(space, at, 1);
	EXPECT_EQ(mm_unmap(space, at + PAGE, 3 * PAGE), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, ANY, asid, ANY), 0);
	EXPECT_EQ(count(HOST_RECORD_FLUSH_ASID, ANY, asid, ANY), 0);
	mm_space_put(space);
}

TEST(hal, H6_what_is_taken_away_is_flushed_where_it_may_be)
{
	cpuid_t other = second_cpu();
	struct mm_space *space = new_space(), *next = new_space();
	EXPECT(t_store_on(0, space, FIRST, 1));
	EXPECT(t_store_on(other, space, FIRST, 1));
	uint32_t asid = asid_of(space);
	unsigned have_it = other ? 2 : 1;

	host_record_start();
	EXPECT_EQ(mm_protect(space, FIRST, PAGE, R), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, 0, asid, FIRST), 1);
	EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, other, asid, FIRST), 1);
	EXPECT_EQ(flushes(ANY, asid), have_it);

	host_record_start();
	EXPECT_EQ(mm_unmap(space, FIRST + PAGE, 3 * PAGE), 0);
	stop();
	EXPECT_EQ(flushes(0, asid), 3);
	EXPECT_EQ(flushes(other, asid), 3);
	EXPECT_EQ(flushes(ANY, asid), 3 * have_it);

	// Many pages: the whole space in one go.
	host_record_start();
	EXPECT_EQ(mm_unmap(space, FIRST + 4 * PAGE, 20 * PAGE), 0);
	stop();
	EXPECT(count(HOST_RECORD_FLUSH_ASID, 0, asid, ANY) >= 1);
	EXPECT_EQ(page_flushes(ANY, asid), 0);

	// Who has gone on to another space is asked once more, to forget all, and never again.
	if (other) {
		EXPECT(t_store_on(other, next, FIRST, 1));
		host_record_start();
		EXPECT_EQ(mm_unmap(space, FIRST + 30 * PAGE, PAGE), 0);
		stop();
		EXPECT_EQ(count(HOST_RECORD_FLUSH_ASID, other, asid, ANY), 1);
		EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, 0, asid, FIRST + 30 * PAGE), 1);
		host_record_start();
		EXPECT_EQ(mm_unmap(space, FIRST + 31 * PAGE, PAGE), 0);
		stop();
		EXPECT_EQ(flushes(other, asid), 0);
		EXPECT_EQ(flushes(0, asid), 1);
	}
	mm_space_put(space);
	mm_space_put(next);
}

TEST(hal, H6_copy_on_write_flushes_the_old_page)
{
	struct mm_space *space = new_space();
	EXPECT(t_store_on(0, space, FIRST, 1));
	uint32_t asid = asid_of(space);
	host_record_start();
	struct mm_space *child = mm_space_fork(space);
	stop();
	EXPECT_EQ(count(HOST_RECORD_FLUSH_ASID, 0, asid, ANY), 1);
	host_record_start();
	EXPECT_EQ(t_store(space, FIRST, 2), 0);
	stop();
	EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, 0, asid, FIRST), 1);
	EXPECT_EQ(flushes(ANY, asid), 1);
	mm_space_put(space);
	mm_space_put(child);
}

// ---- address-space identifiers ------------------------------------------------------------------

#define SPACES 24
#define SWITCHES 600
#define ASIDS 1024

/** No CPU came to a space by an ASID under which it may hold another's translations. Returns how often a CPU
 *  flushed everything. */
static unsigned check_asids(cpuid_t cpu)
{
	static uint64_t owner[ASIDS]; // the root that this CPU had under it since it was flushed
	unsigned all = 0;
	memset(owner, 0, sizeof(owner));
	for (size_t i = 0; i < record_count; i++) {
		const struct host_record *r = &records[i];
		if (r->cpu != cpu)
			continue;
		if (r->kind == HOST_RECORD_FLUSH_ALL) {
			memset(owner, 0, sizeof(owner));
			all++;
		} else if (r->kind == HOST_RECORD_FLUSH_ASID) {
			owner[r->asid] = 0;
		} else if (r->kind == HOST_RECORD_ACTIVATE && r->at) {
			EXPECT(r->asid > 0 && r->asid < ASIDS);
			EXPECT(!owner[r->asid] || owner[r->asid] == r->at);
			owner[r->asid] = r->at;
		}
	}
	return all;
}

/** @count spaces come and go on all CPUs. Returns how many generations of ASIDs that took. */
static uint64_t switch_spaces(unsigned count)
{
	static struct mm_space *spaces[SPACES];
	for (unsigned i = 0; i < count; i++) {
		spaces[i] = new_space();
		size_t cpu;
		bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) // and all are known
			EXPECT(t_store_on((cpuid_t)cpu, spaces[i], FIRST, i));
	}
	uint64_t before = load_relaxed(&mm_asid_generation), random = 11;
	host_record_start();
	for (unsigned n = 0; n < SWITCHES; n++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		unsigned i = (unsigned)(random >> 33) % count;
		size_t cpu = bitmap_find_next_set(cpus_online.bits, CPUS_MAX, random >> 50 & 3);
		uint32_t value;
		EXPECT(t_load_on(cpu < CPUS_MAX ? (cpuid_t)cpu : this_cpu(), spaces[i], FIRST, &value) &&
		       value == i);
	}
	stop();
	for (unsigned i = 0; i < count; i++)
		mm_space_put(spaces[i]);
	return (load_relaxed(&mm_asid_generation) - before) >> MM_ASID_SHIFT;
}

TEST(hal, H6_asids_are_recycled_behind_a_flush)
{
	mm_asid_test_count = cpus_online_count() + 3;
	uint64_t generations = switch_spaces(SPACES);
	mm_asid_test_count = 0;
	EXPECT(generations > 10);
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		EXPECT(check_asids((cpuid_t)cpu) <= generations);
}

TEST(hal, H6_spaces_with_asids_of_their_own_are_switched_without_flushes)
{
	switch_spaces(3); // from here on nobody has an ASID of the test before
	EXPECT_EQ(switch_spaces(3), 0);
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		EXPECT_EQ(check_asids((cpuid_t)cpu), 0);
	EXPECT_EQ(count(HOST_RECORD_FLUSH_ASID, ANY, ANY, ANY), 0);
	EXPECT_EQ(count(HOST_RECORD_FLUSH_PAGE, ANY, ANY, ANY), 0);
}
