// SPDX-License-Identifier: MIT
// The checker of memory errors (kasan.c) as the allocators see it. Nothing at all in images that are not
// sanitized.
#pragma once

#include <lib/types.h>

/** Bytes behind each object that nobody may touch. */
#define KASAN_REDZONE (CONFIG_KASAN ? 16u : 0u)

#define KASAN_KEPT 256 // freed objects that are kept for a while

/** Why an address must not be touched; what its shadow byte is. */
enum kasan_poison { KASAN_REDZONE_BYTE = 0xfc, KASAN_FREED = 0xfb, KASAN_FREE_PAGE = 0xff };

struct slab_cache;
struct kasan_freed {
	struct slab_cache *cache;
	void *object;
};

#if CONFIG_KASAN
/** Boot memory is there, frames are not. */
void kasan_init(void);
/** [@p, @p + @size) of the direct map may be touched; must not be, for that reason, @size a multiple of
 *  8. @p is aligned to 8. */
void kasan_unpoison(const void *p, size_t size);
void kasan_poison(const void *p, size_t size, enum kasan_poison why);
/** @object is about to be freed: panics if it is not allocated. */
void kasan_check_free(const void *object);
/** The same for the first page of a block of frames. */
void kasan_check_free_page(const void *page);
/** Keep a freed object for a while; returns one that has been kept long enough, or none. */
struct kasan_freed kasan_keep(struct kasan_freed freed);
/** How many of @cache are kept. */
uint64_t kasan_kept(const struct slab_cache *cache);
/** Do what `plant=` of the command line asks for, one of the errors that are to be found. */
void kasan_plant(void);
#else
static inline void kasan_init(void)
{
}
static inline void kasan_unpoison(const void *p, size_t size)
{
	(void)p;
	(void)size;
}
static inline void kasan_poison(const void *p, size_t size, enum kasan_poison why)
{
	(void)p;
	(void)size;
	(void)why;
}
static inline void kasan_check_free(const void *object)
{
	(void)object;
}
static inline void kasan_check_free_page(const void *page)
{
	(void)page;
}
static inline struct kasan_freed kasan_keep(struct kasan_freed freed)
{
	return freed;
}
static inline uint64_t kasan_kept(const struct slab_cache *cache)
{
	(void)cache;
	return 0;
}
static inline void kasan_plant(void)
{
}
#endif
