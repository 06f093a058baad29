// SPDX-License-Identifier: MIT
// Objects of one size (caches) and of any size (kmalloc), with per-CPU free lists.
#pragma once

#include <lib/types.h>

struct slab_cache;

/** A cache of objects of @size bytes; boot only, panics when there is no memory. */
struct slab_cache *slab_cache_create(const char *name, size_t size, size_t align);
/** The same for objects whose memory is never put to another use, so that a stale pointer to one may be read. */
struct slab_cache *slab_cache_create_kept(const char *name, size_t size, size_t align);
/** The same for type-stable objects: @construct runs once on new memory, and an object comes back from
 *  slab_alloc() as it was freed (but for its first word, which is the allocator's while it is free). So a stale
 *  pointer to it may be locked, too. */
struct slab_cache *slab_cache_create_stable(const char *name, size_t size, size_t align,
					    void (*construct)(void *object));
/** One object, not zeroed / zeroed; NULL when out of memory. Any context; no spinning lock is held
 *  with interrupts on, see frame_alloc(). The same for kmalloc(). */
must_check void *slab_alloc(struct slab_cache *cache);
must_check void *slab_alloc_zeroed(struct slab_cache *cache);
void slab_free(struct slab_cache *cache, void *object);
/** Objects handed out and not returned, over all CPUs (tests balance their books with it). */
uint64_t slab_in_use(const struct slab_cache *cache);
struct slab_info {
	const char *name;
	size_t size; // of an object
	uint64_t in_use, total; // objects
	uint32_t per_slab, pages_per_slab;
};
/** Visit all caches: /proc/slabinfo. */
void slab_for_each(void (*visit)(void *arg, const struct slab_info *info), void *arg);

/** Any size; up to 4 MiB, larger fails. 16-byte aligned. kfree(NULL) is harmless. */
must_check void *kmalloc(size_t size);
must_check void *kzalloc(size_t size);
/** @n * @size with overflow check, zeroed. */
must_check void *kcalloc(size_t n, size_t size);
must_check void *krealloc(void *p, size_t size);
void kfree(void *p);
/** Bytes that kmalloc'ed @p really has. */
size_t kmalloc_size(const void *p);
