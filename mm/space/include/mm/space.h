// SPDX-License-Identifier: MIT
// User address spaces: areas (what is mapped where and from what), the page table that caches them,
// the CPUs that may have translations of it.
#pragma once

#include <hal/mmu.h>
#include <hal/upcall.h>
#include <kernel/lock.h>
#include <kernel/smp.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <lib/types.h>
#include <mm/frame.h>
#include <mm/pagetable.h>
#include <sched/rwlock.h>

struct mm_object; // where pages come from: anonymous shared memory, a file's page cache, a region
struct mm_area;

/** mm_area flags = PROT_READ/WRITE/EXEC as HAL_PROT_*, plus these. */
enum mm_area_flags {
	MM_SHARED = 1 << 8, // writes go to the object
	MM_STACK = 1 << 9, // grows downward
	MM_LOCKED = 1 << 10,
	MM_DONTFORK = 1 << 11,
	MM_WIPEONFORK = 1 << 12,
	MM_DEVICE = HAL_PROT_DEVICE, // a device's registers: no frames, of one process only
};

/** asid_tag: generation << MM_ASID_SHIFT | ASID. No CPU is ever in generation MM_ASID_NONE. */
#define MM_ASID_SHIFT 16
#define MM_ASID_MASK ((1u << MM_ASID_SHIFT) - 1)
#define MM_ASID_NONE (~(uint64_t)MM_ASID_MASK)

/** l = lock; areas and what they say change only under the write lock. Entries of the page table
 *  change by CAS under the read lock, or under the write lock. */
#define MM_NO_CPU UINT32_MAX

struct mm_space {
	// Hot: read by every switch.
	_Atomic uint64_t asid_tag;
	uint64_t mmu_token; // of root and ASID 0; constant
	_Atomic uint32_t last_cpu; // a CPU whose bit in active is set, or MM_NO_CPU
	paddr_t root;
	struct cpuset active; // CPUs that may hold translations (atomic bits)
	_Atomic uint32_t refs; // threads and other holders
	struct sched_rwlock lock;
	struct rbtree areas; // by start address (l)
	struct mm_area *_Atomic hint; // last area found by a fault: only a hint, never stale (l)
	struct pagetable table;
	vaddr_t brk_start, brk; // (l)
	vaddr_t mmap_top; // search for free ranges goes downward from here
	vaddr_t search_from; // free ranges above are not larger than gap_above (l)
	uint64_t gap_above; // (l)
	struct mm_area *gone; // removed, their objects not yet let go (l)
	uint64_t total_pages, locked_pages; // mapped by areas (l)
	uint64_t data_pages; // of them private and writable: RLIMIT_DATA (l)
	_Atomic uint32_t changes; // bumped by every change of areas: a fault that slept looks again
	_Atomic uint64_t pages_in, pages_out; // ever; the difference is resident
	_Atomic uint64_t pages_around; // of them came in along with another: no faults of their own
	_Atomic uint64_t major_faults; // that waited for a file's contents
	_Atomic uint64_t peak_pages; // resident, as of the last large unmap
	uint64_t limit_as_pages, limit_data_pages, limit_stack; // RLIMIT_AS, _DATA, _STACK copies
	// what exec laid out, for /proc/PID/{cmdline,environ,auxv,stat,exe}
	vaddr_t arg_start, arg_end, env_start, env_end, stack_top, code_start, code_end;
	vaddr_t auxv_start, auxv_end;
};

static inline uint64_t mm_resident_pages(struct mm_space *space)
{
	uint64_t out = load_acquire(&space->pages_out); // what went out has come in before
	return load_relaxed(&space->pages_in) - out;
}

/** Before pages go: remember the most that were resident. */
static inline void mm_note_peak(struct mm_space *space)
{
	uint64_t now = mm_resident_pages(space);
	if (now > load_relaxed(&space->peak_pages))
		store_relaxed(&space->peak_pages, now);
}

struct mm_faults {
	uint64_t all, major;
};
/** Since the space was made. Each time that pages came in is one; copies of pages that fork shared are
 *  not counted. */
static inline struct mm_faults mm_count_faults(struct mm_space *space)
{
	uint64_t around = load_relaxed(&space->pages_around);
	return (struct mm_faults){load_relaxed(&space->pages_in) - around,
				  load_relaxed(&space->major_faults)};
}

/** Areas of all spaces together: tests balance their books with it. */
uint64_t mm_areas_in_use(void);

/** A new space without areas; refs 1. NULL = no memory. */
must_check struct mm_space *mm_space_create(void);
/** fork: copy all areas, share anonymous pages copy-on-write. NULL = no memory, parent intact. */
must_check struct mm_space *mm_space_fork(struct mm_space *parent);
void mm_space_get(struct mm_space *space);
/** Last one out destroys areas, pages and tables. May sleep. */
void mm_space_put(struct mm_space *space);

/** Make @space this CPU's. At switch, interrupts off. Allots an ASID when needed. NULL (a kernel
 *  thread) changes nothing: the last space stays, and mm_space_put() chases it away if it dies. */
void mm_space_activate(struct mm_space *space);
/** Its long form, for space_inline.h: takes part in this generation of ASIDs. */
void mm_space_activate_slow(struct mm_space *space);
/** For the IPC fast path: true if mm_space_activate_fast() may be used for @space (not NULL) on this
 *  CPU. Interrupts off from here to the activation. */
static inline bool mm_space_is_fast(struct hal_percpu *cpu, struct mm_space *space);
static inline void mm_space_activate_fast(struct hal_percpu *cpu, struct mm_space *space);

/** Where pages of a mapping come from. One const table per kind (anonymous, file, ...). */
struct mm_object_ops {
	/** The frame of page @index, with a reference, made if absent; -EIO beyond the end (SIGBUS),
	 *  -ENOMEM. @for_write: the page will be written through a shared mapping. May sleep. */
	err_t (*get_page)(struct mm_object *object, uint64_t index, bool for_write,
			  struct frame **frame);
	void (*get)(struct mm_object *object); // one more area refers to it
	void (*put)(struct mm_object *object);
	/** A line for /proc/PID/maps, e.g. the path. */
	void (*describe)(struct mm_object *object, char *buf, size_t len, uint64_t *inode);
	/** May be NULL. Fill @frames with the pages [@first, @first+@count) that are present already,
	 *  each with a reference, NULL where there is none; returns how many. Never sleeps: saves the
	 *  faults of neighbours, and a walk through get_page(). */
	unsigned (*get_resident)(struct mm_object *object, uint64_t first, unsigned count,
				 struct frame **frames);
	/** Of device memory, which is mapped with MM_DEVICE: where page @index is; -EIO: nowhere (any more).
	 *  Never sleeps. NULL: it is none. */
	err_t (*get_device)(struct mm_object *object, uint64_t index, paddr_t *pa);
	/** The owner calls frame_written() for what it writes into pages by other ways than user
	 *  mappings, so code pages need not be synchronised at each mapping. */
	bool reports_writes;
	/** Pages live in memory only, so nobody needs to know when a shared mapping writes: a page got
	 *  for reading may be mapped writable at once. */
	bool is_memory;
};

/** Embedded by its owner (a vnode's page cache, a region). */
struct mm_object {
	const struct mm_object_ops *ops;
	const struct mm_object *identity; // whose pages these are, for shared futexes: mostly its own
	struct spinlock lock;
	/** Areas that map this object: for truncation and revocation. */
	struct list areas; // lock
	/** Bumped by mm_object_unmap(): a fault that fetched a page before it starts again. */
	_Atomic uint32_t unmaps;
};
/** The owner's reference and the pages are its own affair. */
void mm_object_init(struct mm_object *object, const struct mm_object_ops *ops);

/** Shared anonymous memory of @pages pages; one reference. */
must_check struct mm_object *mm_object_create_anon(uint64_t pages);
/** Does a shared mapping exist that can be written, now or after mprotect? */
bool mm_object_is_mapped_writable(struct mm_object *object);
/** Unmap pages [@first, @last] of @object everywhere, private copies too, on all CPUs. The caller has
 *  made sure that get_page() and get_resident() do not give them out any more (or, for a hole, that
 *  they give new ones). May sleep; no address space is locked. */
void mm_object_unmap(struct mm_object *object, uint64_t first, uint64_t last);

struct mm_map_request {
	vaddr_t addr; // hint, or exact with fixed
	uint64_t size; // bytes, > 0; rounded up
	unsigned flags; // HAL_PROT_* | MM_*
	bool is_fixed, no_replace; // MAP_FIXED, MAP_FIXED_NOREPLACE
	struct mm_object *object; // NULL = private anonymous; a reference is taken
	uint64_t offset; // into object, page aligned
	unsigned max_prot; // what mprotect may later add (file opened read-only and shared: no write)
};

/** Lowest address that can be mapped. */
#define MM_USER_BASE 0x10000ul

/** mmap. -ENOMEM, -EINVAL, -EEXIST, -EOVERFLOW, -EPERM (below MM_USER_BASE). */
must_check err_t mm_map(struct mm_space *space, const struct mm_map_request *request, vaddr_t *addr);
err_t mm_unmap(struct mm_space *space, vaddr_t addr, uint64_t size);
err_t mm_protect(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned prot);
/** mremap with Linux's flags MAYMOVE 1, FIXED 2. */
must_check err_t mm_remap(struct mm_space *space, vaddr_t old_addr, uint64_t old_size,
			  uint64_t new_size, unsigned flags, vaddr_t fixed_addr, vaddr_t *addr);
/** Returns the break after the attempt, as brk(2). */
vaddr_t mm_brk(struct mm_space *space, vaddr_t new_brk);
/** madvise: Linux's advice numbers; -EINVAL for unknown ones. */
err_t mm_advise(struct mm_space *space, vaddr_t addr, uint64_t size, int advice);
/** mincore: one byte per page into @vec (kernel memory). */
err_t mm_incore(struct mm_space *space, vaddr_t addr, uint64_t size, uint8_t *vec);
/** Make the pages of the range present (MAP_POPULATE, mlock). */
err_t mm_populate(struct mm_space *space, vaddr_t addr, uint64_t size, bool for_write);

struct mm_area_info {
	vaddr_t start, end;
	unsigned flags;
	uint64_t offset, inode, resident_pages;
	char name[128]; // path, "[heap]", "[stack]" or ""
};
/** The first area that ends above @addr; false = none. For /proc/PID/maps. */
bool mm_area_next(struct mm_space *space, vaddr_t addr, struct mm_area_info *info);

/** Read or write another space's memory (exec's stack, /proc/PID/mem): faults pages in. */
must_check err_t mm_space_read(struct mm_space *space, vaddr_t addr, void *buf, size_t len);
must_check err_t mm_space_write(struct mm_space *space, vaddr_t addr, const void *buf, size_t len);
must_check err_t mm_space_zero(struct mm_space *space, vaddr_t addr, size_t len);

/** Hold the page of @addr, faulted in for reading (@is_write: for writing, not shared copy-on-write),
 *  by a reference to its frame: for copies through the direct map. May sleep. The page may be unmapped
 *  while it is held. -EFAULT, -EACCES, -EIO, -ENOMEM. */
must_check err_t mm_space_pin(struct mm_space *space, vaddr_t addr, bool is_write,
			      struct frame **frame);

/** Copy between the current thread's memory at @here and that of @space, which is not current's or may
 *  be, at @there: page by page through the direct map, each page held while it is copied; faults of
 *  either side are resolved with no lock held. 0; -EFAULT and the like: *@is_theirs says of which
 *  side; part may have been copied. May sleep. */
must_check err_t mm_copy_to_space(struct mm_space *space, vaddr_t there, vaddr_t here, size_t len,
				  bool *is_theirs);
must_check err_t mm_copy_from_space(struct mm_space *space, vaddr_t there, vaddr_t here, size_t len,
				    bool *is_theirs);

/** A key for a shared futex: object+index or space+address of the word at @addr. */
struct mm_key {
	uintptr_t owner;
	uint64_t offset;
};
err_t mm_futex_key(struct mm_space *space, vaddr_t addr, bool is_private, struct mm_key *key);

#include <mm/space_inline.h>
