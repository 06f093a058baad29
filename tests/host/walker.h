// SPDX-License-Identifier: MIT
// The page-table walker compiled against another port's entry format, and random operations on it
// against a model. Includers define FORMAT, the port's name.
//
// The contract's own header comes first, so that what the walker's interface shares with the rest
// of the program is the host's; only then the names of the format and of the walker are replaced
// (each of its functions that is not static: the linker complains of a forgotten one).
#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <kernel/assert.h>
#include <lib/string.h>
#include <lib/test.h>
#include <mm/bootmem.h>
#include <mm/frame.h>
#include <mm/pagetable.h>
#include <uapi/errno.h>

#define PASTE_(a, b) a##_##b
#define PASTE(a, b) PASTE_(a, b)
#define OF_FORMAT(name) PASTE(FORMAT, name)

#define hal_pte_levels OF_FORMAT(pte_levels)
#define hal_pte_leaf OF_FORMAT(pte_leaf)
#define hal_pte_table OF_FORMAT(pte_table)
#define hal_pte_none OF_FORMAT(pte_none)
#define hal_pte_is_present OF_FORMAT(pte_is_present)
#define hal_pte_is_leaf OF_FORMAT(pte_is_leaf)
#define hal_pte_paddr OF_FORMAT(pte_paddr)
#define hal_pte_prot OF_FORMAT(pte_prot)
#define hal_pte_is_accessed OF_FORMAT(pte_is_accessed)
#define hal_pte_is_dirty OF_FORMAT(pte_is_dirty)
#include FORMAT_HEADER

#define pagetable_far OF_FORMAT(pagetable_far)
#define pagetable_init_kernel OF_FORMAT(pagetable_init_kernel)
#define pagetable_init_user OF_FORMAT(pagetable_init_user)
#define pagetable_destroy_user OF_FORMAT(pagetable_destroy_user)
#define pagetable_drain_this_cpu OF_FORMAT(pagetable_drain_this_cpu)
#define pagetable_entry OF_FORMAT(pagetable_entry)
#define pagetable_fill_root OF_FORMAT(pagetable_fill_root)
#define pagetable_map_range OF_FORMAT(pagetable_map_range)
#define pagetable_lookup OF_FORMAT(pagetable_lookup)
#define pagetable_run OF_FORMAT(pagetable_run)
#define pagetable_for_each OF_FORMAT(pagetable_for_each)
#define pagetable_detach_range OF_FORMAT(pagetable_detach_range)
#define pagetable_free_all OF_FORMAT(pagetable_free_all)
#define pagetable_free_below OF_FORMAT(pagetable_free_below)
#define pagetable_free_chain OF_FORMAT(pagetable_free_chain)
#define pagetable_free_range OF_FORMAT(pagetable_free_range)
#include "../../mm/alloc/pagetable.c"

#define WINDOWS 4
#define WINDOW_PAGES 1200 // more than two tables
#define OPERATIONS 40000

/** Windows that share no table, one table, or all but the last; the last is in the middle of what the root
 *  maps, where user space ends. */
static vaddr_t windows[WINDOWS] = {0x1000, 0x3fe00000, 0x40800000};

struct page_model {
	paddr_t pa; // 0 = not mapped
	unsigned prot;
};
static struct page_model model[WINDOWS][WINDOW_PAGES];
static unsigned visited;
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static vaddr_t window_va(unsigned window, unsigned page)
{
	return windows[window] + page * HAL_PAGE_SIZE;
}

static unsigned random_prot(void)
{
	static const unsigned prots[] = {
		HAL_PROT_READ | HAL_PROT_USER,
		HAL_PROT_READ | HAL_PROT_USER | HAL_PROT_SOFT,
		HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_USER,
		HAL_PROT_READ | HAL_PROT_EXEC | HAL_PROT_USER,
		HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL,
		HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE,
		HAL_PROT_READ | HAL_PROT_EXEC | HAL_PROT_GLOBAL,
	};

	return prots[next_random() % array_len(prots)];
}

static paddr_t random_paddr(void)
{
	return (next_random() % (1ull << 32) + 1) << HAL_PAGE_SHIFT;
}

static void check_page(struct pagetable *pt, unsigned window, unsigned page)
{
	struct page_model *m = &model[window][page];
	vaddr_t offset = next_random() % HAL_PAGE_SIZE;
	paddr_t pa = 0;
	unsigned prot = 0;
	bool found = pagetable_lookup(pt, window_va(window, page) + offset, &pa, &prot);

	EXPECT_EQ(found, m->pa != 0);
	if (found && m->pa) {
		EXPECT_EQ(pa, m->pa + offset);
		EXPECT_EQ(prot, m->prot);
	}
}

static void map_page(struct pagetable *pt, unsigned window, unsigned page)
{
	struct page_model *m = &model[window][page];
	pte_t *entry = pagetable_entry(pt, window_va(window, page), true);

	EXPECT(entry != NULL);
	if (!entry)
		return;
	*m = (struct page_model){random_paddr(), random_prot()};
	pte_store(entry, hal_pte_leaf(m->pa, m->prot, 0));
}

static void map_run(struct pagetable *pt, unsigned window, unsigned page)
{
	unsigned count = min((unsigned)(next_random() % 40 + 1), WINDOW_PAGES - page);
	paddr_t pa = random_paddr();
	unsigned prot = random_prot();

	EXPECT_EQ(pagetable_map_range(pt, window_va(window, page), pa, count * HAL_PAGE_SIZE, prot),
		  0);
	for (unsigned i = 0; i < count; i++)
		model[window][page + i] = (struct page_model){pa + i * HAL_PAGE_SIZE, prot};
}

static void unmap_page(struct pagetable *pt, unsigned window, unsigned page)
{
	pte_t *entry = pagetable_entry(pt, window_va(window, page), false);

	if (entry)
		EXPECT_EQ(hal_pte_is_present(pte_exchange(entry, hal_pte_none())),
			  model[window][page].pa != 0);
	else
		EXPECT_EQ(model[window][page].pa, 0);
	model[window][page].pa = 0;
}

static bool count_visit(void *arg, vaddr_t va, pte_t *entry)
{
	unsigned window = *(unsigned *)arg;

	visited++;
	EXPECT_EQ(hal_pte_paddr(*entry), model[window][(va - windows[window]) / HAL_PAGE_SIZE].pa);
	return true;
}

static void check_visits(struct pagetable *pt, unsigned window)
{
	unsigned mapped = 0;

	for (unsigned i = 0; i < WINDOW_PAGES; i++)
		mapped += model[window][i].pa != 0;
	visited = 0;
	pagetable_for_each(pt, windows[window], window_va(window, WINDOW_PAGES), count_visit,
			   &window);
	EXPECT_EQ(visited, mapped);
}

static void operate(struct pagetable *pt)
{
	unsigned window = next_random() % WINDOWS;
	unsigned page = next_random() % WINDOW_PAGES;

	switch (next_random() % 16) {
	case 0 ... 4:
		map_page(pt, window, page);
		break;
	case 5:
		map_run(pt, window, page);
		break;
	case 6 ... 9:
		unmap_page(pt, window, page);
		break;
	default:
		check_page(pt, window, page);
	}
}

/** Nothing is left but the way to near. */
static void expect_empty(struct pagetable *pt)
{
	unsigned present = 0;

	EXPECT_EQ(load_relaxed(&pt->table_count), 0);
	for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
		present += pt->root[i].bits != 0;
		EXPECT_EQ(pt->near[i].bits, 0);
	}
	EXPECT_EQ(present, hal_pte_levels() > PAGETABLE_NEAR_LEVEL + 1);
	pagetable_destroy_user(pt);
}

static void fuzz_walker(void)
{
	struct pagetable pt;

	random_state = 88172645463325252ull;
	memset(model, 0, sizeof(model));
	windows[WINDOWS - 1] = (1ul << (level_shift(hal_pte_levels()) - 1)) - MIB(2);
	EXPECT_EQ(pagetable_init_user(&pt), 0);
	for (unsigned i = 0; i < OPERATIONS; i++) {
		operate(&pt);
		if (i % 5000 == 0)
			check_visits(&pt, i / 5000 % WINDOWS);
	}
	for (unsigned w = 0; w < WINDOWS; w++) {
		for (unsigned i = 0; i < WINDOW_PAGES; i++) {
			check_page(&pt, w, i);
			unmap_page(&pt, w, i);
		}
	}
	pagetable_free_range(&pt, 0, 1ul << level_shift(hal_pte_levels()));
	expect_empty(&pt);
}

/** A range with large leaves, of which one is later spelled out in pages. */
static void walk_large_leaves(void)
{
	const vaddr_t va = 0x40000000;
	const uint64_t large = HAL_PAGE_SIZE * HAL_PT_ENTRIES;
	const unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL;
	struct pagetable pt;
	unsigned found = 0;
	paddr_t pa = 0;

	EXPECT_EQ(pagetable_init_user(&pt), 0);
	EXPECT_EQ(pagetable_map_range(&pt, va, 0x80000000, 3 * large, prot), 0);
	EXPECT(pagetable_entry(&pt, va, true) == NULL);
	EXPECT_EQ(load_relaxed(&pt.table_count), 1);
	EXPECT_EQ(pagetable_map_range(&pt, va + large, 0xc0001000, HAL_PAGE_SIZE,
				      HAL_PROT_READ | HAL_PROT_GLOBAL), 0);
	EXPECT(pagetable_lookup(&pt, va + large + 5, &pa, &found));
	EXPECT_EQ(pa, 0xc0001005);
	EXPECT_EQ(found, HAL_PROT_READ | HAL_PROT_GLOBAL);
	EXPECT(pagetable_lookup(&pt, va + large + HAL_PAGE_SIZE + 5, &pa, &found));
	EXPECT_EQ(pa, 0x80000000 + large + HAL_PAGE_SIZE + 5);
	EXPECT_EQ(found, prot);
	EXPECT(pagetable_lookup(&pt, va + 3 * large - 1, &pa, &found));
	EXPECT_EQ(pa, 0x80000000 + 3 * large - 1);
	EXPECT(!pagetable_lookup(&pt, va + 3 * large, &pa, &found));
	for (unsigned i = 0; i < 3; i++) {
		pte_t *table = pt.root;

		for (unsigned level = hal_pte_levels() - 1; level > 1; level--)
			table = entry_table(pte_load(level_entry(table, va, level)));
		pte_t *slot = level_entry(table, va + i * large, 1);
		if (!hal_pte_is_leaf(pte_load(slot), 1))
			memset(entry_table(pte_load(slot)), 0, HAL_PAGE_SIZE);
		else
			pte_store(slot, hal_pte_none());
	}
	pagetable_free_range(&pt, 0, 1ul << 39);
	expect_empty(&pt);
}
