// SPDX-License-Identifier: MIT
// If these fail, a CPU goes on using memory after it was taken away, or meets another program's
// translations. The other CPUs are reached by cross-CPU calls: there, in interrupt context, a user
// access is made by what the CPU has, its TLB included, and a fault is not resolved.
#include <hal/irqflags.h>
#include <hal/uaccess.h>
#include <sched/thread.h>

#include "space_test.h"

TEST(mm, changes_reach_every_cpu)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, 4 * PAGE, RW);
	for (unsigned i = 0; i < 4; i++)
		t_store(space, at + i * PAGE, i);
	size_t cpu;
	uint32_t value;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		EXPECT(t_store_on((cpuid_t)cpu, space, at, 7));
		EXPECT(t_load_on((cpuid_t)cpu, space, at + PAGE, &value) && value == 1);
		EXPECT(t_load_on((cpuid_t)cpu, space, at + 2 * PAGE, &value) && value == 2);
	}
	EXPECT_EQ(mm_protect(space, at, PAGE, R), 0);
	EXPECT_EQ(mm_unmap(space, at + PAGE, PAGE), 0);
	EXPECT_EQ(mm_advise(space, at + 2 * PAGE, PAGE, 4), 0);
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		EXPECT(!t_store_on((cpuid_t)cpu, space, at, 8));
		EXPECT(t_load_on((cpuid_t)cpu, space, at, &value) && value == 7);
		EXPECT(!t_load_on((cpuid_t)cpu, space, at + PAGE, &value));
		EXPECT(!t_load_on((cpuid_t)cpu, space, at + 2 * PAGE, &value));
	}
	mm_space_put(space);
}

TEST(mm, copy_on_write_reaches_every_cpu)
{
	struct mm_space *parent = mm_space_create();
	vaddr_t at = t_map(parent, 0, PAGE, RW);
	t_store(parent, at, 1);
	size_t cpu;
	uint32_t value;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		EXPECT(t_store_on((cpuid_t)cpu, parent, at, 2));
	struct mm_space *child = mm_space_fork(parent);
	// Nobody writes through an old translation.
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		EXPECT(!t_store_on((cpuid_t)cpu, parent, at, 3));
		EXPECT(t_load_on((cpuid_t)cpu, parent, at, &value) && value == 2);
	}
	EXPECT_EQ(t_store(parent, at, 4), 0);
	// Everybody sees the new page, and the child the old one.
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		EXPECT(t_load_on((cpuid_t)cpu, parent, at, &value) && value == 4);
		EXPECT(t_load_on((cpuid_t)cpu, child, at, &value) && value == 2);
	}
	mm_space_put(parent);
	mm_space_put(child);
}

static void spaces_here(void *unused)
{
	(void)unused;
	EXPECT(load_relaxed(&mm_this_cpu()->space) == NULL);
}

TEST(mm, destroyed_space_is_active_nowhere)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, PAGE, RW);
	t_store(space, at, 1);
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		EXPECT(t_store_on((cpuid_t)cpu, space, at, 2));
	mm_space_put(space);
	smp_call_many(&cpus_online, spaces_here, NULL);
}

#define MANY 40
TEST(mm, spaces_do_not_mix_when_asids_run_out)
{
	static struct mm_space *spaces[MANY];
	vaddr_t at = 0x30000000;
	// Generations begin every few switches; each CPU may keep one ASID, and 0 is none's.
	mm_asid_test_count = cpus_online_count() + 3;
	for (unsigned i = 0; i < MANY; i++) {
		spaces[i] = mm_space_create();
		t_map(spaces[i], at, PAGE, RW);
		EXPECT_EQ(t_store(spaces[i], at, i), 0);
	}
	uint64_t random = 7;
	for (unsigned n = 0; n < 3000; n++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		unsigned i = random >> 40 & 1 ? random >> 33 & 3 : (random >> 33) % MANY;
		cpuid_t cpu = (cpuid_t)bitmap_find_next_set(cpus_online.bits, CPUS_MAX,
							    random >> 50 & 3);
		uint32_t value;
		if (cpu >= CPUS_MAX)
			cpu = this_cpu();
		EXPECT(t_load_on(cpu, spaces[i], at, &value) && value == i);
		if (n % 100 == 99) {
			// A page that is replaced is replaced under whatever tags CPUs use.
			mm_advise(spaces[i], at, PAGE, 4);
			EXPECT(!t_load_on(cpu, spaces[i], at, &value));
			EXPECT_EQ(t_store(spaces[i], at, i), 0);
		}
	}
	for (unsigned i = 0; i < MANY; i++)
		mm_space_put(spaces[i]);
	mm_asid_test_count = 0;
}

static bool is_fast_here(struct mm_space *space)
{
	irqflags_t flags = hal_irq_save();
	bool is_fast = mm_space_is_fast(hal_percpu(), space);
	if (is_fast)
		mm_space_activate_fast(hal_percpu(), space);
	hal_irq_restore(flags);
	return is_fast;
}

TEST(mm, known_spaces_switch_fast)
{
	struct mm_space *one = mm_space_create(), *two = mm_space_create();
	vaddr_t at = 0x30000000;
	t_map(one, at, PAGE, RW);
	t_map(two, at, PAGE, RW);
	t_store(one, at, 1);
	t_store(two, at, 2);
	uint32_t value;
	EXPECT(!is_fast_here(one));
	EXPECT(t_load_on(this_cpu(), one, at, &value) && value == 1);
	EXPECT(t_load_on(this_cpu(), two, at, &value) && value == 2);
	EXPECT(is_fast_here(one));
	EXPECT_EQ(hal_copy_from_user(&value, (void *)at, 4), 0);
	EXPECT_EQ(value, 1);
	EXPECT(is_fast_here(two));
	EXPECT_EQ(hal_copy_from_user(&value, (void *)at, 4), 0);
	EXPECT_EQ(value, 2);
	mm_space_put(one);
	mm_space_put(two);
}
