// SPDX-License-Identifier: MIT
// If these fail, a page table maps something else than it was told, or loses tables.
#include <lib/test.h>
#include <mm/frame.h>
#include <mm/pagetable.h>

#define USER_RW (HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_USER)

static void empty(struct pagetable *pt, vaddr_t va, vaddr_t end)
{
	vaddr_t next;
	for (; va < end; va = next) {
		pte_t *entry = pagetable_run(pt, va, end, &next);
		for (; entry && va < next; va += HAL_PAGE_SIZE)
			pte_store(entry++, hal_pte_none());
	}
}

TEST(mm, pagetable_maps_and_translates)
{
	struct pagetable pt;
	EXPECT_EQ(pagetable_init_user(&pt), 0);
	const vaddr_t places[] = {0x1000, 0x1ff000, 0x200000, 0x12345678000,
					 HAL_USER_TOP - 2 * HAL_PAGE_SIZE};
	for (unsigned i = 0; i < array_len(places); i++) {
		vaddr_t va = places[i] & (HAL_USER_TOP - 1) & ~(HAL_PAGE_SIZE - 1);
		paddr_t pa = (i + 1) * 0x7654000ul, found;
		unsigned prot;
		EXPECT(!pagetable_lookup(&pt, va, &found, &prot));
		EXPECT(pagetable_entry(&pt, va, false) == NULL || i > 0);
		EXPECT_EQ(pagetable_map_range(&pt, va, pa, HAL_PAGE_SIZE, USER_RW), 0);
		EXPECT(pagetable_lookup(&pt, va + 0x123, &found, &prot));
		EXPECT_EQ(found, pa + 0x123);
		EXPECT_EQ(prot, USER_RW);
		EXPECT(pagetable_walk(&pt, va) == pagetable_entry(&pt, va, false));
	}
	empty(&pt, 0, HAL_USER_TOP);
	pagetable_free_all(&pt);
	EXPECT_EQ(atomic_load(&pt.table_count), 0);
	pagetable_destroy_user(&pt);
}

TEST(mm, pagetable_tables_are_zero_when_handed_out_again)
{
	for (unsigned round = 0; round < 3; round++) {
		struct pagetable pt;
		EXPECT_EQ(pagetable_init_user(&pt), 0);
		EXPECT_EQ(pagetable_map_range(&pt, MIB(2), 0x1000000, MIB(1), USER_RW), 0);
		unsigned present = 0;
		for (vaddr_t va = 0; va < MIB(8); va += HAL_PAGE_SIZE) {
			pte_t *entry = pagetable_entry(&pt, va, false);
			present += entry && pte_load(entry).bits != 0;
		}
		EXPECT_EQ(present, 256);
		empty(&pt, 0, MIB(8));
		pagetable_free_all(&pt);
		EXPECT_EQ(atomic_load(&pt.table_count), 0);
		pagetable_destroy_user(&pt);
	}
}

static bool count_visit(void *arg, vaddr_t va, pte_t *entry)
{
	(void)entry;
	uint64_t *sum = arg;
	sum[0]++;
	sum[1] += va;
	return sum[0] < 600;
}

TEST(mm, pagetable_visits_what_is_there)
{
	struct pagetable pt;
	EXPECT_EQ(pagetable_init_user(&pt), 0);
	EXPECT_EQ(pagetable_map_range(&pt, 0x5000, 0x1000000, HAL_PAGE_SIZE, USER_RW), 0);
	EXPECT_EQ(pagetable_map_range(&pt, GIB(3), 0x1000000, HAL_PAGE_SIZE, USER_RW), 0);
	uint64_t sum[2] = {0, 0};
	pagetable_for_each(&pt, 0, GIB(4), count_visit, sum);
	EXPECT_EQ(sum[0], 2);
	EXPECT_EQ(sum[1], GIB(3) + 0x5000);
	sum[0] = 0;
	pagetable_for_each(&pt, 0x6000, GIB(3), count_visit, sum);
	EXPECT_EQ(sum[0], 0);
	// Only tables wholly inside go.
	empty(&pt, 0, GIB(4));
	uint64_t tables = atomic_load(&pt.table_count);
	pagetable_free_range(&pt, HAL_PAGE_SIZE, MIB(4));
	EXPECT_EQ(atomic_load(&pt.table_count), tables);
	pagetable_free_range(&pt, 0, MIB(2));
	EXPECT_EQ(atomic_load(&pt.table_count), tables - 1);
	pagetable_free_all(&pt);
	EXPECT_EQ(atomic_load(&pt.table_count), 0);
	pagetable_destroy_user(&pt);
}

TEST(mm, pagetable_large_leaves_are_split)
{
	// A table of our own for large leaves: user tables have none.
	struct pagetable pt;
	EXPECT_EQ(pagetable_init_user(&pt), 0);
	unsigned prot;
	paddr_t pa;
	EXPECT_EQ(pagetable_map_range(&pt, MIB(3), MIB(3), MIB(6), USER_RW), 0);
	for (vaddr_t va = MIB(3); va < MIB(9); va += HAL_PAGE_SIZE)
		EXPECT(pagetable_lookup(&pt, va, &pa, &prot) && pa == va && prot == USER_RW);
	EXPECT(!pagetable_lookup(&pt, MIB(3) - 1, &pa, &prot));
	EXPECT(!pagetable_lookup(&pt, MIB(9), &pa, &prot));
	EXPECT(pagetable_entry(&pt, MIB(4), false) == NULL);
	// Change one page in the middle of a large leaf.
	EXPECT_EQ(pagetable_map_range(&pt, MIB(5), MIB(5), HAL_PAGE_SIZE, HAL_PROT_READ), 0);
	EXPECT(pagetable_lookup(&pt, MIB(5), &pa, &prot) && pa == MIB(5) && prot == HAL_PROT_READ);
	EXPECT(pagetable_lookup(&pt, MIB(5) + HAL_PAGE_SIZE, &pa, &prot) && prot == USER_RW);
	EXPECT(pagetable_lookup(&pt, MIB(4), &pa, &prot) && pa == MIB(4) && prot == USER_RW);
	// A large range over the split one goes on below it.
	EXPECT_EQ(pagetable_map_range(&pt, MIB(4), MIB(8), MIB(2), USER_RW), 0);
	EXPECT(pagetable_lookup(&pt, MIB(5), &pa, &prot) && pa == MIB(9) && prot == USER_RW);
	// By hand: for_each and free_range do not know large leaves.
	pte_t *table = pt.root;
	for (unsigned level = hal_pte_levels() - 1; level > 1; level--)
		table = hal_direct(hal_pte_paddr(pte_load(&table[0])));
	for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
		if (hal_pte_is_present(table[i]) && hal_pte_is_leaf(table[i], 1))
			pte_store(&table[i], hal_pte_none());
	}
	empty(&pt, 0, MIB(16));
	pagetable_free_all(&pt);
	EXPECT_EQ(atomic_load(&pt.table_count), 0);
	pagetable_destroy_user(&pt);
}

TEST(mm, pte_properties_that_mm_relies_on)
{
	uint64_t random = 0x123456789abcdef;
	for (unsigned i = 0; i < 2000; i++) {
		random = random * 6364136223846793005ull + 1442695040888963407ull;
		unsigned prot = HAL_PROT_READ | (random >> 60 & (HAL_PROT_WRITE | HAL_PROT_EXEC)) |
				HAL_PROT_USER;
		paddr_t pa = random >> 24 & 0xfffffff000ul;
		pte_t leaf = hal_pte_leaf(pa, prot, 0);
		EXPECT(hal_pte_is_present(leaf) && hal_pte_is_leaf(leaf, 0));
		EXPECT_EQ(hal_pte_paddr(leaf), pa);
		EXPECT_EQ(hal_pte_prot(leaf), prot);
		// Address and protection do not share bits, and bit 0 says "present".
		uint64_t address = leaf.bits ^ hal_pte_leaf(0, prot, 0).bits;
		EXPECT_EQ(hal_pte_leaf(pa, HAL_PROT_READ, 0).bits,
			  hal_pte_leaf(0, HAL_PROT_READ, 0).bits | address);
		EXPECT_EQ(leaf.bits & 1, 1);
		EXPECT(!hal_pte_is_present((pte_t){leaf.bits & ~1ul}));
		EXPECT(hal_pte_is_present(hal_pte_table(pa)) &&
		       !hal_pte_is_leaf(hal_pte_table(pa), 1));
	}
	EXPECT_EQ(hal_pte_none().bits, 0);
	EXPECT(!hal_pte_is_present(hal_pte_none()));
}
