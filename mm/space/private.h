// SPDX-License-Identifier: MIT
// Inside mm/space: areas, and what its files call in one another.
#pragma once

#include <mm/slab.h>
#include <mm/space.h>

#define PROT_RWX (HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_EXEC)
/** Unmapped addresses below a stack that nothing else is placed in. */
#define STACK_GAP MIB(1)
#define STACK_GROWTH KIB(64)

/** Addresses that are mapped alike. All fields: the space's lock, but object_node and unmap_mark: the
 *  object's lock. */
struct mm_area {
	struct rbnode node;
	vaddr_t start, end;
	uint32_t flags, max_prot;
	pte_t leaf; // what pages are mapped with, address 0
	pte_t leaf_ro; // the same without write permission
	struct mm_object *object; // NULL = private anonymous
	uint64_t first_page; // of the object, at start
	struct list object_node;
	struct mm_space *space;
	uint32_t unmap_mark; // the mm_object_unmap() that has been here
	struct mm_area *next_gone;
};

// Entries that are not zero and not present. Bit 0 says "present" in all formats (a unit test and
// mm_space_create() hold the ports to that).
#define PTE_PRESENT 1ul
/** The page is being replaced: whoever faults on it tries again. */
#define PTE_BUSY 2ul

static inline uint64_t pa_bits(paddr_t pa)
{
	return hal_pte_leaf(pa, HAL_PROT_READ, 0).bits ^ hal_pte_leaf(0, HAL_PROT_READ, 0).bits;
}

static inline pte_t leaf_at(pte_t leaf, paddr_t pa)
{
	return (pte_t){leaf.bits | pa_bits(pa)};
}

/** Where an entry that is present, or hidden by PROT_NONE, leads. */
static inline paddr_t entry_paddr(pte_t entry)
{
	return hal_pte_paddr((pte_t){entry.bits | PTE_PRESENT});
}

/** Its frame; not of MM_DEVICE. */
static inline struct frame *entry_frame(pte_t entry)
{
	return frame_of(entry_paddr(entry));
}

static inline bool is_writable(const struct mm_area *area, pte_t entry)
{
	uint64_t diff = area->leaf.bits ^ area->leaf_ro.bits;
	return diff && ((entry.bits ^ area->leaf.bits) & diff) == 0;
}

static inline uint64_t area_pages(const struct mm_area *area)
{
	return (area->end - area->start) >> HAL_PAGE_SHIFT;
}

static inline uint64_t page_index(const struct mm_area *area, vaddr_t va)
{
	return area->first_page + ((va - area->start) >> HAL_PAGE_SHIFT);
}

/** Private and writable: counts as data. */
static inline bool is_data(const struct mm_area *area)
{
	return (area->flags & (HAL_PROT_WRITE | MM_SHARED | MM_STACK)) == HAL_PROT_WRITE;
}

// area.c: the tree. The write lock is held, the read lock for finding.
void area_init(void); // once
/** The first area that ends above @va (it may start above it, too); NULL = none. */
struct mm_area *area_find(const struct mm_space *space, vaddr_t va);
struct mm_area *area_alloc(struct mm_space *space);
void area_free(struct mm_area *area);
void area_insert(struct mm_area *area); // tree, object's list and accounts
/** The same for @area that was cut from or copied from @origin. */
void area_insert_behind(struct mm_area *area, struct mm_area *origin);
void area_remove(struct mm_area *area); // and back; the reference to the object stays
/** Done with a removed area. Its object is let go by space_write_unlock(). */
void area_drop(struct mm_area *area);
/** Let go what was dropped. Objects may sleep, and take locks under which others fault: no lock. */
void space_write_unlock(struct mm_space *space);
void area_release_chain(struct mm_area *gone);
void area_set_flags(struct mm_area *area, uint32_t flags); // and the leaves; keeps the accounts
/** Cut @area in two at @at; both stay in the tree. -ENOMEM. */
must_check err_t area_split(struct mm_area *area, vaddr_t at);
/** Move an edge; accounts follow. No other area is in the way. */
void area_set_start(struct mm_area *area, vaddr_t start);
void area_set_end(struct mm_area *area, vaddr_t end);
/** Join @area with neighbours that map alike; returns what it is part of now. */
struct mm_area *area_merge(struct mm_area *area);
static inline struct mm_area *area_next(struct mm_area *area)
{
	return rbtree_next_entry(area, node);
}
static inline struct mm_area *area_prev(struct mm_area *area)
{
	return rbtree_prev_entry(area, node);
}
/** A free range of @size bytes below mmap_top; 0 = none. */
vaddr_t area_find_free(struct mm_space *space, uint64_t size);
/** [@start, @end) has become free: the next search may use it. */
void area_note_free(struct mm_space *space, vaddr_t end);

// tlb.c
/** Frames whose mappings are gone, until all CPUs have forgotten their translations. */
#define GATHER_MAX 64
struct mm_gather {
	struct mm_space *space; // NULL: nobody translates by it, frames are dropped at once
	vaddr_t start, end; // unmapped since the last flush
	unsigned count;
	struct frame *frames[GATHER_MAX];
};
void gather_init(struct mm_gather *gather, struct mm_space *space);
/** Unmap what is present in [@start, @end). */
void gather_unmap(struct mm_gather *gather, struct pagetable *table, vaddr_t start, vaddr_t end);
void gather_finish(struct mm_gather *gather);
/** Make every CPU forget translations of @space in the range. Interrupts on. */
void tlb_flush_range(struct mm_space *space, vaddr_t start, vaddr_t end);
void tlb_flush_page(struct mm_space *space, vaddr_t va);
/** This CPU only: an entry gained permissions; other CPUs take a fault that finds it so. */
void tlb_flush_page_here(struct mm_space *space, vaddr_t va);
/** No CPU keeps @space's root: it is about to be freed. */
void asid_chase_away(struct mm_space *space);
#if CONFIG_TESTS
/** Not 0: as if the CPUs had so few ASIDs. More than there are CPUs. */
extern uint32_t mm_asid_test_count;
#endif

// map.c
/** Unmap whatever is in [@start, @end), cutting areas. -ENOMEM only when one area is cut in two. */
must_check err_t unmap_locked(struct mm_space *space, vaddr_t start, vaddr_t end);
/** All of [@start, @end) lies in areas. */
bool is_mapped_locked(struct mm_space *space, vaddr_t start, vaddr_t end);
/** Areas start and end at @start and @end, as far as they are cut by them. */
must_check err_t split_at_edges(struct mm_space *space, vaddr_t start, vaddr_t end);
bool is_over_limit(const struct mm_space *space, uint64_t pages, bool is_data);
/** Page-round a user range; false: it wraps, is empty, or leaves user space. */
bool round_range(vaddr_t addr, uint64_t size, vaddr_t *start, vaddr_t *end);

// space.c, object.c
/** A reference, unless the last one is gone. */
bool mm_space_try_get(struct mm_space *space);
void object_init_once(void);

// fault.c
/** Resolve a fault of @access at @addr. No lock held; may sleep. */
err_t mm_fault(struct mm_space *space, vaddr_t addr, enum hal_fault_access access);
/** Instruction caches are in step with @frame, which @area maps executable. */
void sync_code(const struct mm_area *area, struct frame *frame);
