// SPDX-License-Identifier: MIT
// Objects of one size. A cache cuts blocks of frames ("slabs") into objects. Free objects are linked
// through their first word: those of a slab behind the slab's head descriptor, those that a CPU keeps
// for itself in one list per CPU and cache. Allocating and freeing is a push or pop on the CPU's list
// with interrupts off; only when that runs empty or full, a batch moves under the cache's lock.
//
// The head descriptor's `refs` word holds the number of objects that are outside the slab (low half)
// and where its first free object is, in units of 8 bytes (high half). A slab with free objects is on
// the cache's partial list. One wholly free slab is kept per cache, further ones are given back.
//
// Lock: a cache's lock, interrupts off; frames are allocated and freed outside it.
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/smp.h>
#include <lib/string.h>
#include <mm/failpoint.h>
#include <mm/frame.h>
#include <mm/slab.h>

#include "kasan.h"
#include "private.h"

#define CACHES_MAX 64
#define SLAB_ORDER_MAX 3
#define CACHE_ID_SHIFT 16
#define NO_OBJECT 0xffffu
#define POISON 0x6b

struct slab_cache {
	uint32_t id;
	uint32_t size; // stride of the objects
	uint32_t limit; // objects that a CPU keeps at most
	uint32_t per_slab;
	unsigned order;
	const char *name;
	bool keeps_memory; // never put to another use
	void (*construct)(void *object); // not NULL: type-stable
	struct spinlock lock;
	struct list partial; // slabs with free objects (lock)
	uint32_t empty_count; // wholly free slabs among them (lock)
	uint64_t slab_count; // (lock)
	uint64_t free_count; // free objects in slabs (lock)
};

struct slab_cpu {
	void *free;
	uint32_t count;
};
struct slab_cpus {
	struct slab_cpu caches[CACHES_MAX];
};
static DEFINE_PERCPU(struct slab_cpus, slab_cpus);

static struct slab_cache caches[CACHES_MAX];
static uint32_t cache_count;

static inline struct slab_cpu *this_slab_cpu(const struct slab_cache *cache)
{
	return &this_cpu_ptr(slab_cpus)->caches[cache->id];
}

static inline void *pop(struct slab_cpu *cpu)
{
	void *object = cpu->free;
	cpu->free = *(void **)object;
	cpu->count--;
	return object;
}

static inline void push(struct slab_cpu *cpu, void *object)
{
	*(void **)object = cpu->free;
	cpu->free = object;
	cpu->count++;
}

static inline uint32_t head_word(struct frame *slab)
{
	return atomic_load_explicit(&slab->refs, memory_order_relaxed);
}

static inline void set_head_word(struct frame *slab, uint32_t used, uint32_t first)
{
	atomic_store_explicit(&slab->refs, used | first << 16, memory_order_relaxed);
}

/** Head descriptor of the slab or large block that @p lies in. */
static inline struct frame *head_of(const void *p)
{
	struct frame *frame = frame_of(hal_direct_paddr(p));
	if (atomic_load_explicit(&frame->flags, memory_order_relaxed) & FRAME_SLAB_TAIL)
		frame = frame->owner;
	return frame;
}

/** Take the first free object of @slab, which has one. */
static void *slab_take(struct frame *slab)
{
	uint32_t word = head_word(slab);
	char *base = frame_direct(slab);
	void **object = (void **)(base + (word >> 16) * 8ul);
	uint32_t next = *object ? (uint32_t)((char *)*object - base) / 8 : NO_OBJECT;
	set_head_word(slab, (word & 0xffff) + 1, next);
	return object;
}

static void slab_give(struct frame *slab, void *object)
{
	uint32_t word = head_word(slab);
	char *base = frame_direct(slab);
	*(void **)object = word >> 16 == NO_OBJECT ? NULL : base + (word >> 16) * 8ul;
	set_head_word(slab, (word & 0xffff) - 1, (uint32_t)((char *)object - base) / 8);
}

static inline bool slab_is_full(struct frame *slab)
{
	return head_word(slab) >> 16 == NO_OBJECT;
}

/** Move up to half a CPU's limit of objects from slabs to @cpu. */
static void refill(struct slab_cache *cache, struct slab_cpu *cpu)
{
	uint32_t wanted = max(cache->limit / 2, 1u);
	spin_lock(&cache->lock);
	while (cpu->count < wanted) {
		struct frame *slab = list_first_entry(&cache->partial, struct frame, node);
		if (!slab)
			break;
		if ((head_word(slab) & 0xffff) == 0)
			cache->empty_count--;
		push(cpu, slab_take(slab));
		cache->free_count--;
		if (slab_is_full(slab))
			list_remove(&slab->node);
	}
	spin_unlock(&cache->lock);
}

/** Put @object back into its slab. Returns the slab if it should be given back. */
static struct frame *return_locked(struct slab_cache *cache, void *object)
{
	struct frame *slab = head_of(object);
	if (slab_is_full(slab))
		list_push_front(&cache->partial, &slab->node);
	slab_give(slab, object);
	cache->free_count++;
	if ((head_word(slab) & 0xffff) != 0)
		return NULL;
	if (cache->empty_count == 0 || cache->keeps_memory) {
		// Kept, but used last.
		cache->empty_count++;
		list_remove(&slab->node);
		list_push_back(&cache->partial, &slab->node);
		return NULL;
	}
	list_remove(&slab->node);
	cache->slab_count--;
	cache->free_count -= cache->per_slab;
	return slab;
}

/** Return objects of @cpu until it has @keep. */
static no_inline void flush(struct slab_cache *cache, struct slab_cpu *cpu, uint32_t keep)
{
	struct list empties;
	list_init(&empties);
	spin_lock(&cache->lock);
	while (cpu->count > keep) {
		struct frame *slab = return_locked(cache, pop(cpu));
		if (slab)
			list_push_back(&empties, &slab->node);
	}
	spin_unlock(&cache->lock);
	struct frame *slab;
	while ((slab = list_pop_front_entry(&empties, struct frame, node)))
		frame_free(slab, cache->order);
}

static void release_empties(struct slab_cache *cache)
{
	if (cache->keeps_memory)
		return;
	struct list empties;
	list_init(&empties);
	spin_lock(&cache->lock);
	struct frame *slab, *next;
	list_for_each_entry_safe(slab, next, &cache->partial, node) {
		if ((head_word(slab) & 0xffff) != 0)
			continue;
		list_remove(&slab->node);
		list_push_back(&empties, &slab->node);
		cache->slab_count--;
		cache->free_count -= cache->per_slab;
	}
	cache->empty_count = 0;
	spin_unlock(&cache->lock);
	while ((slab = list_pop_front_entry(&empties, struct frame, node)))
		frame_free(slab, cache->order);
}

/** Chain the objects of the new slab and describe its frames. */
static void slab_format(struct slab_cache *cache, struct frame *slab)
{
	char *base = frame_direct(slab);
	for (uint32_t i = 0; cache->construct && i < cache->per_slab; i++)
		cache->construct(base + (size_t)i * cache->size);
	for (uint32_t i = 0; i < cache->per_slab; i++)
		*(void **)(base + (size_t)i * cache->size) =
			i + 1 < cache->per_slab ? base + (size_t)(i + 1) * cache->size : NULL;
	if (!cache->keeps_memory)
		kasan_poison(base, HAL_PAGE_SIZE << cache->order, KASAN_REDZONE_BYTE);
	set_head_word(slab, 0, 0);
	atomic_store_explicit(&slab->flags, FRAME_SLAB | cache->id << CACHE_ID_SHIFT,
			      memory_order_relaxed);
	for (unsigned i = 1; i < 1u << cache->order; i++) {
		atomic_store_explicit(&slab[i].flags, FRAME_SLAB_TAIL, memory_order_relaxed);
		slab[i].owner = slab;
	}
}

static bool grow(struct slab_cache *cache)
{
	struct frame *slab = frame_alloc(cache->order);
	if (!slab)
		return false;
	slab_format(cache, slab);
	irqflags_t flags = spin_lock_irqsave(&cache->lock);
	list_push_front(&cache->partial, &slab->node);
	cache->slab_count++;
	cache->free_count += cache->per_slab;
	cache->empty_count++;
	spin_unlock_irqrestore(&cache->lock, flags);
	return true;
}

/** This CPU has no object of @cache. */
static no_inline void *alloc_slow(struct slab_cache *cache)
{
	for (;;) {
		irqflags_t flags = hal_irq_save();
		struct slab_cpu *cpu = this_slab_cpu(cache);
		if (!cpu->free)
			refill(cache, cpu);
		void *object = cpu->free ? pop(cpu) : NULL;
		hal_irq_restore(flags);
		// With the caller's interrupts, so that frame_alloc() may ask other CPUs.
		if (object || !grow(cache))
			return object;
	}
}

static inline void *alloc_fast(struct slab_cache *cache)
{
	irqflags_t flags = hal_irq_save();
	struct slab_cpu *cpu = this_slab_cpu(cache);
	if (unlikely(!cpu->free)) {
		hal_irq_restore(flags);
		return alloc_slow(cache);
	}
	void *object = pop(cpu);
	hal_irq_restore(flags);
	return object;
}

static inline void give_back(struct slab_cache *cache, void *object)
{
	irqflags_t flags = hal_irq_save();
	struct slab_cpu *cpu = this_slab_cpu(cache);
	push(cpu, object);
	if (unlikely(cpu->count > cache->limit))
		flush(cache, cpu, cache->limit / 2);
	hal_irq_restore(flags);
}

static inline void free_fast(struct slab_cache *cache, void *object)
{
	if (CONFIG_KASAN) {
		kasan_check_free(object);
		kasan_unpoison(object, cache->size);
	}
	if (CONFIG_DEBUG && !cache->construct)
		memset(object, POISON, cache->size);
	if (CONFIG_KASAN && !cache->keeps_memory) {
		kasan_poison(object, cache->size, KASAN_FREED);
		struct kasan_freed out = kasan_keep((struct kasan_freed){cache, object});
		if (!out.object)
			return;
		cache = out.cache;
		object = out.object;
	}
	give_back(cache, object);
}

/** Of the @whole bytes at @object, @size were asked for. */
static inline void bound(void *object, size_t size, size_t whole)
{
	kasan_poison(object, whole, KASAN_REDZONE_BYTE);
	kasan_unpoison(object, size);
}

static always_inline void *alloc_sized(struct slab_cache *cache, size_t size)
{
	void *object = alloc_may_fail(ALLOC_SLAB) ? NULL : alloc_fast(cache);
	if (CONFIG_KASAN && object && !cache->keeps_memory)
		bound(object, size, cache->size);
	return object;
}

void *slab_alloc(struct slab_cache *cache)
{
	return alloc_sized(cache, cache->size - KASAN_REDZONE);
}

static void give_back_kept(void)
{
	struct kasan_freed freed;
	for (unsigned i = 0; CONFIG_KASAN && i < KASAN_KEPT; i++) {
		freed = kasan_keep((struct kasan_freed){NULL, NULL});
		if (freed.object)
			give_back(freed.cache, freed.object);
	}
}

void slab_drain_this_cpu(void)
{
	give_back_kept();
	for (uint32_t i = 0; i < cache_count; i++) {
		flush(&caches[i], this_slab_cpu(&caches[i]), 0);
		release_empties(&caches[i]);
	}
}

void *slab_alloc_zeroed(struct slab_cache *cache)
{
	void *object = slab_alloc(cache);
	return object ? memset(object, 0, cache->size - KASAN_REDZONE) : NULL;
}

/** The cache of @head, the head of a slab; NULL when it is none. */
static inline struct slab_cache *cache_of(struct frame *head)
{
	uint32_t flags = atomic_load_explicit(&head->flags, memory_order_relaxed);
	return flags & FRAME_SLAB ? &caches[flags >> CACHE_ID_SHIFT] : NULL;
}

void slab_free(struct slab_cache *cache, void *object)
{
	assert(cache_of(head_of(object)) == cache);
	free_fast(cache, object);
}

/** The smallest slab that wastes at most an eighth and holds at least four objects. */
static unsigned choose_order(size_t size)
{
	for (unsigned order = 0; order < SLAB_ORDER_MAX; order++) {
		size_t bytes = HAL_PAGE_SIZE << order;
		if (bytes / size >= 4 && bytes % size <= bytes / 8)
			return order;
	}
	return SLAB_ORDER_MAX;
}

struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align)
{
	verify(cache_count < CACHES_MAX);
	size = align_up(max(size, sizeof(void *)) + KASAN_REDZONE, max(align, sizeof(void *)));
	unsigned order = choose_order(size);
	verify(size <= HAL_PAGE_SIZE << order);
	struct slab_cache *cache = &caches[cache_count];
	cache->id = cache_count++;
	cache->name = name;
	cache->size = (uint32_t)size;
	cache->order = order;
	cache->per_slab = (uint32_t)((HAL_PAGE_SIZE << order) / size);
	// What reclaim frees in one go (kernel/quiesce.c: 64 and more) stays with the CPU for the next allocations.
	cache->limit = size <= 256 ? 96 : size <= 1024 ? 16 : 8;
	spin_init(&cache->lock);
	list_init(&cache->partial);
	return cache;
}

struct slab_cache *slab_cache_create_kept(const char *name, size_t size, size_t align)
{
	struct slab_cache *cache = slab_cache_create(name, size, align);
	cache->keeps_memory = true;
	return cache;
}

struct slab_cache *slab_cache_create_stable(const char *name, size_t size, size_t align,
					    void (*construct)(void *object))
{
	struct slab_cache *cache = slab_cache_create_kept(name, size, align);
	cache->construct = construct;
	return cache;
}

static void count_objects(struct slab_cache *cache, uint64_t *in_use, uint64_t *total)
{
	irqflags_t flags = spin_lock_irqsave(&cache->lock);
	*total = cache->slab_count * cache->per_slab;
	uint64_t free = cache->free_count;
	spin_unlock_irqrestore(&cache->lock, flags);
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		free += cpu_ptr(slab_cpus, cpu)->caches[cache->id].count;
	free += kasan_kept(cache);
	*in_use = *total - free;
}

uint64_t slab_in_use(const struct slab_cache *cache)
{
	uint64_t in_use, total;
	count_objects((struct slab_cache *)cache, &in_use, &total);
	return in_use;
}

void slab_for_each(void (*visit)(void *arg, const struct slab_info *info), void *arg)
{
	for (uint32_t i = 0; i < cache_count; i++) {
		struct slab_info info = {.name = caches[i].name,
					 .size = caches[i].size,
					 .per_slab = caches[i].per_slab,
					 .pages_per_slab = 1u << caches[i].order};
		count_objects(&caches[i], &info.in_use, &info.total);
		visit(arg, &info);
	}
}

// kmalloc: caches of a few sizes, so that at most a third of an object is wasted, then whole frames.

static const uint16_t class_sizes[] = {16,  32,	 48,  64,  96,	128,  192,
				       256, 384, 512, 768, 1024, 1536, 2048};
#define KMALLOC_SLAB_MAX 2048
static const char *const class_names[array_len(class_sizes)] = {
	"kmalloc-16",  "kmalloc-32",  "kmalloc-48",  "kmalloc-64",   "kmalloc-96",
	"kmalloc-128", "kmalloc-192", "kmalloc-256", "kmalloc-384",  "kmalloc-512",
	"kmalloc-768", "kmalloc-1024", "kmalloc-1536", "kmalloc-2048"};
static struct slab_cache *class_of_size[KMALLOC_SLAB_MAX / 16 + 1]; // by size / 16, rounded up

void slab_init(void)
{
	size_t next = 0;
	for (size_t i = 0; i < array_len(class_sizes); i++) {
		struct slab_cache *cache = slab_cache_create(class_names[i], class_sizes[i], 16);
		while (next <= class_sizes[i] / 16u)
			class_of_size[next++] = cache;
	}
}

static no_inline void *alloc_large(size_t size)
{
	unsigned order = 0;
	while (order <= FRAME_ORDER_MAX && HAL_PAGE_SIZE << order < size)
		order++;
	struct frame *frame = order <= FRAME_ORDER_MAX ? frame_alloc(order) : NULL;
	if (!frame)
		return NULL;
	atomic_store_explicit(&frame->flags, FRAME_LARGE | order, memory_order_relaxed);
	bound(frame_direct(frame), size, HAL_PAGE_SIZE << order);
	return frame_direct(frame);
}

void *kmalloc(size_t size)
{
	if (unlikely(size > KMALLOC_SLAB_MAX))
		return alloc_large(size);
	return alloc_sized(class_of_size[(size + 15) / 16], size);
}

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);
	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return kzalloc(bytes);
}

static unsigned large_order(struct frame *head)
{
	uint32_t flags = atomic_load_explicit(&head->flags, memory_order_relaxed);
	verify(flags & FRAME_LARGE);
	return flags & FRAME_ORDER_MASK;
}

static size_t usable_size(const void *p)
{
	struct frame *head = head_of(p);
	struct slab_cache *cache = cache_of(head);
	return cache ? cache->size - KASAN_REDZONE : HAL_PAGE_SIZE << large_order(head);
}

size_t kmalloc_size(const void *p)
{
	size_t size = usable_size(p);
	kasan_unpoison(p, size); // who asks may use it all
	return size;
}

void kfree(void *p)
{
	if (!p)
		return;
	struct frame *head = head_of(p);
	struct slab_cache *cache = cache_of(head);
	if (likely(cache != NULL))
		free_fast(cache, p);
	else
		frame_free(head, large_order(head));
}

void *krealloc(void *p, size_t size)
{
	if (!p)
		return kmalloc(size);
	size_t old_size = usable_size(p);
	if (size <= old_size && size > old_size / 4) {
		kasan_unpoison(p, size);
		return p;
	}
	void *fresh = kmalloc(size);
	if (!fresh)
		return size <= old_size ? p : NULL;
	kasan_unpoison(p, old_size); // all of it is copied
	memcpy(fresh, p, min(size, old_size));
	kfree(p);
	return fresh;
}
