// SPDX-License-Identifier: MIT
// Page frames. Free memory stands in lists of blocks of 2^order frames, each block aligned to its
// size; freeing a block joins it with its buddy as long as that is free too. A block never crosses a
// section of descriptors, so the buddy's descriptor is found by arithmetic.
//
// Single frames, nearly all of what is asked for, come from a stack of frames per CPU without a lock:
// filled from the lists in batches, emptied into them when full. When the lists are empty, the other
// CPUs are asked to give theirs back before an allocation fails.
//
// The last frames of the lists are not for everybody (enum frame_claim): who may take them is asked only
// when few are left, and only where the lists are, so stacks of CPUs count for nobody.
//
// Lock: buddy.lock, taken with interrupts off, innermost of all.
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/smp.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/failpoint.h>
#include <mm/frame.h>

#include "kasan.h"
#include "private.h"

#define CACHE_SIZE 64
#define CACHE_BATCH_ORDER 4
#define CACHE_BATCH (1u << CACHE_BATCH_ORDER)

struct frame_cpu {
	uint32_t count;
	struct frame *frames[CACHE_SIZE];
};
static DEFINE_PERCPU(struct frame_cpu, frame_cpu);

static struct {
	struct spinlock lock;
	struct list free[FRAME_ORDER_MAX + 1]; // lock
	uint64_t free_count; // frames in the lists (lock)
	uint64_t total; // frames ever given (lock)
	uint64_t marks[FRAME_CLAIMS]; // so many stay, after frame_keep_reserve()
	bool is_up;
} buddy;

bool frame_is_up(void)
{
	return buddy.is_up;
}

/** The block of 2^@order frames that @frame's block is joined with. */
static inline struct frame *buddy_of(struct frame *frame, unsigned order)
{
	size_t index = (frame->pa >> HAL_PAGE_SHIFT) & (FRAME_SECTION_FRAMES - 1);
	return frame - index + (index ^ (1ul << order));
}

static inline void set_flags(struct frame *frame, uint32_t flags)
{
	atomic_store_explicit(&frame->flags, flags, memory_order_relaxed);
}

static inline uint32_t get_flags(const struct frame *frame)
{
	return atomic_load_explicit(&((struct frame *)frame)->flags, memory_order_relaxed);
}

/** Are there so few frames left that current may have none of them? */
static bool is_kept_back_locked(void)
{
	if (likely(buddy.free_count >= buddy.marks[FRAME_CLAIM_CALL]))
		return false;
	return buddy.free_count < buddy.marks[upcall_frame_claim()];
}

static void list_block(struct frame *frame, unsigned order)
{
	set_flags(frame, FRAME_FREE | order);
	list_push_front(&buddy.free[order], &frame->node);
}

static void unlist_block(struct frame *frame)
{
	list_remove(&frame->node);
	set_flags(frame, 0);
}

/** Take a block off the lists; a larger one is halved until it fits. */
static struct frame *take_block_locked(unsigned order)
{
	unsigned found = is_kept_back_locked() ? FRAME_ORDER_MAX + 1 : order;
	while (found <= FRAME_ORDER_MAX && list_is_empty(&buddy.free[found]))
		found++;
	if (found > FRAME_ORDER_MAX)
		return NULL;
	struct frame *frame = list_first_entry(&buddy.free[found], struct frame, node);
	unlist_block(frame);
	while (found > order) {
		found--;
		list_block(frame + (1ul << found), found);
	}
	buddy.free_count -= 1ul << order;
	return frame;
}

static void give_block_locked(struct frame *frame, unsigned order)
{
	buddy.free_count += 1ul << order;
	for (; order < FRAME_ORDER_MAX; order++) {
		struct frame *other = buddy_of(frame, order);
		if (get_flags(other) != (FRAME_FREE | order))
			break;
		unlist_block(other);
		frame = min(frame, other);
	}
	list_block(frame, order);
}

/** Move frames from the lists to @cpu's stack: a block in one go if there is one, else singles.
 *  False: there are none. */
static no_inline bool refill(struct frame_cpu *cpu)
{
	spin_lock(&buddy.lock);
	struct frame *block = take_block_locked(CACHE_BATCH_ORDER);
	if (block) {
		// From the end, so that they are handed out in ascending order.
		for (unsigned i = CACHE_BATCH; i-- > 0;) {
			set_flags(block + i, 0);
			cpu->frames[cpu->count++] = block + i;
		}
	} else {
		while (cpu->count < CACHE_BATCH && (block = take_block_locked(0)))
			cpu->frames[cpu->count++] = block;
	}
	spin_unlock(&buddy.lock);
	return cpu->count > 0;
}

/** Keep the @keep frames freed last, which are warm. */
static no_inline void flush(struct frame_cpu *cpu, uint32_t keep)
{
	uint32_t out = cpu->count - keep;
	spin_lock(&buddy.lock);
	for (uint32_t i = 0; i < out; i++)
		give_block_locked(cpu->frames[i], 0);
	spin_unlock(&buddy.lock);
	memmove(cpu->frames, cpu->frames + out, keep * sizeof(cpu->frames[0]));
	cpu->count = keep;
}

void frame_drain_this_cpu(void)
{
	irqflags_t flags = hal_irq_save();
	kstack_drain_this_cpu();
	slab_drain_this_cpu();
	pagetable_drain_this_cpu();
	flush(this_cpu_ptr(frame_cpu), 0);
	hal_irq_restore(flags);
}

static void drain_call(void *unused)
{
	(void)unused;
	frame_drain_this_cpu();
}

void frame_drain_all(void)
{
	if (cpus_online_count() > 1)
		smp_call_many(&cpus_online, drain_call, NULL);
	else
		frame_drain_this_cpu();
	kstack_reuse_slots();
	frame_drain_this_cpu(); // what that gave back
}

static struct frame *take_block(unsigned order)
{
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	struct frame *frame = take_block_locked(order);
	spin_unlock_irqrestore(&buddy.lock, flags);
	return frame;
}

static bool is_kept_back(void)
{
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	bool is_kept = is_kept_back_locked();
	spin_unlock_irqrestore(&buddy.lock, flags);
	return is_kept;
}

/** The lists have nothing that fits. Collect what the caches hold; other CPUs can only be asked by
 *  who may be interrupted himself, or two that ask each other would wait for ever. Users' programs do not
 *  ask them for what is kept back: hundreds may want it again and again just then. */
static struct frame *alloc_after_drain(unsigned order)
{
	if (is_kept_back() && upcall_frame_claim() < FRAME_CLAIM_ROOT)
		return NULL;
	if (hal_irq_is_enabled() && hal_percpu()->irq_depth == 0)
		frame_drain_all();
	else
		frame_drain_this_cpu();
	struct frame *frame = take_block(order);
	if (frame)
		atomic_store_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

static no_inline struct frame *alloc_block(unsigned order)
{
	struct frame *frame = order <= FRAME_ORDER_MAX ? take_block(order) : NULL;
	if (!frame)
		return order <= FRAME_ORDER_MAX ? alloc_after_drain(order) : NULL;
	atomic_store_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

/** This CPU's stack is empty. */
static no_inline struct frame *alloc_single_slow(void)
{
	irqflags_t flags = hal_irq_save();
	struct frame_cpu *cpu = this_cpu_ptr(frame_cpu);
	struct frame *frame = NULL;
	if (cpu->count > 0 || refill(cpu))
		frame = cpu->frames[--cpu->count];
	hal_irq_restore(flags);
	if (!frame)
		return alloc_after_drain(0);
	atomic_store_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

static inline struct frame *alloc(unsigned order)
{
	if (alloc_may_fail(ALLOC_FRAME))
		return NULL;
	if (unlikely(order != 0))
		return alloc_block(order);
	irqflags_t flags = hal_irq_save();
	struct frame_cpu *cpu = this_cpu_ptr(frame_cpu);
	uint32_t count = cpu->count;
	if (unlikely(count == 0)) {
		hal_irq_restore(flags);
		return alloc_single_slow();
	}
	struct frame *frame = cpu->frames[count - 1];
	cpu->count = count - 1;
	hal_irq_restore(flags);
	atomic_store_explicit(&frame->refs, 1, memory_order_relaxed);
	return frame;
}

struct frame *frame_alloc(unsigned order)
{
	struct frame *frame = alloc(order);
	if (CONFIG_KASAN && frame)
		kasan_unpoison(frame_direct(frame), HAL_PAGE_SIZE << order);
	return frame;
}

struct frame *frame_alloc_zeroed(void)
{
	struct frame *frame = frame_alloc(0);
	if (frame)
		mem_zero_page(frame_direct(frame));
	return frame;
}

static no_inline void free_block(struct frame *frame, unsigned order)
{
	for (unsigned i = 0; i < 1u << order; i++)
		set_flags(frame + i, 0);
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	give_block_locked(frame, order);
	spin_unlock_irqrestore(&buddy.lock, flags);
}

static no_inline void free_single_slow(struct frame *frame)
{
	irqflags_t flags = hal_irq_save();
	struct frame_cpu *cpu = this_cpu_ptr(frame_cpu);
	if (cpu->count == CACHE_SIZE)
		flush(cpu, CACHE_SIZE / 2);
	cpu->frames[cpu->count++] = frame;
	hal_irq_restore(flags);
}

void frame_free(struct frame *frame, unsigned order)
{
	assert(!(get_flags(frame) & (FRAME_FREE | FRAME_RESERVED)));
	if (CONFIG_KASAN) {
		kasan_check_free_page(frame_direct(frame));
		kasan_poison(frame_direct(frame), HAL_PAGE_SIZE << order, KASAN_FREE_PAGE);
	}
	if (unlikely(order != 0)) {
		free_block(frame, order);
		return;
	}
	atomic_store_explicit(&frame->refs, 0, memory_order_relaxed);
	set_flags(frame, 0);
	irqflags_t flags = hal_irq_save();
	struct frame_cpu *cpu = this_cpu_ptr(frame_cpu);
	uint32_t count = cpu->count;
	if (unlikely(count == CACHE_SIZE)) {
		hal_irq_restore(flags);
		free_single_slow(frame);
		return;
	}
	cpu->frames[count] = frame;
	cpu->count = count + 1;
	hal_irq_restore(flags);
}

bool frame_is_ram(paddr_t pa)
{
	size_t section = pa >> FRAME_SECTION_SHIFT;
	if (section >= frame_section_count || !frame_sections[section])
		return false;
	return !(get_flags(frame_of(pa)) & FRAME_RESERVED);
}

/** Give RAM that is not in use to the lists, in the largest blocks that its alignment allows. */
static void give_range(paddr_t base, paddr_t end)
{
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	buddy.total += (end - base) >> HAL_PAGE_SHIFT;
	kasan_poison(hal_direct(base), end - base, KASAN_FREE_PAGE);
	while (base < end) {
		unsigned order = FRAME_ORDER_MAX;
		while (!is_aligned(base, HAL_PAGE_SIZE << order) ||
		       end - base < HAL_PAGE_SIZE << order)
			order--;
		for (unsigned i = 0; i < 1u << order; i++)
			set_flags(frame_of(base) + i, 0);
		give_block_locked(frame_of(base), order);
		base += HAL_PAGE_SIZE << order;
	}
	spin_unlock_irqrestore(&buddy.lock, flags);
}

void frame_release_reserved(paddr_t base, uint64_t size)
{
	if (size > UINT64_MAX - base)
		return;
	paddr_t end = align_down(base + size, (paddr_t)HAL_PAGE_SIZE);
	for (base = align_up(base, (paddr_t)HAL_PAGE_SIZE); base < end; base += HAL_PAGE_SIZE) {
		size_t section = base >> FRAME_SECTION_SHIFT;
		bool is_reserved = section < frame_section_count && frame_sections[section] &&
				   get_flags(frame_of(base)) & FRAME_RESERVED;
		verify(is_reserved);
		give_range(base, base + HAL_PAGE_SIZE);
	}
}

void frame_get_stats(struct frame_stats *stats)
{
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	stats->total = buddy.total;
	stats->free = buddy.free_count;
	spin_unlock_irqrestore(&buddy.lock, flags);
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		stats->free += cpu_ptr(frame_cpu, cpu)->count;
	stats->reserved = frame_ram_count() - stats->total;
}

void frame_lists_init(void)
{
	spin_init(&buddy.lock);
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++)
		list_init(&buddy.free[order]);
	frame_for_each_free(give_range);
	buddy.is_up = true;
}

bool frame_is_short(void)
{
	return is_kept_back() || !buddy.free_count;
}

void frame_keep_reserve(void)
{
	uint64_t part = max(256ul, min(buddy.total / 64, 2048ul));
	irqflags_t flags = spin_lock_irqsave(&buddy.lock);
	buddy.marks[FRAME_CLAIM_CALL] = 3 * part;
	buddy.marks[FRAME_CLAIM_FAULT] = 2 * part;
	buddy.marks[FRAME_CLAIM_HOLDER] = part + part / 2;
	buddy.marks[FRAME_CLAIM_ROOT] = part / 4;
	spin_unlock_irqrestore(&buddy.lock, flags);
}
