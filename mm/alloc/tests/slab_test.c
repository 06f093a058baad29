// SPDX-License-Identifier: MIT
// If these fail, objects overlap, are lost, or the books of a cache are wrong.
#include <kernel/smp.h>
#include <lib/string.h>
#include <lib/test.h>
#include <mm/failpoint.h>
#include <mm/frame.h>
#include <mm/slab.h>

#define OBJECTS 1000
static void *objects[OBJECTS];

static struct slab_cache *test_cache(void)
{
	static struct slab_cache *cache;
	if (!cache)
		cache = slab_cache_create("test", 120, 8);
	return cache;
}

TEST(mm, slab_objects_do_not_overlap)
{
	struct slab_cache *cache = test_cache();
	uint64_t before = slab_in_use(cache);
	for (uintptr_t i = 0; i < OBJECTS; i++) {
		objects[i] = slab_alloc(cache);
		EXPECT(objects[i] != NULL && is_aligned((uintptr_t)objects[i], 8));
		if (!objects[i])
			return;
		memset(objects[i], (int)i, 120);
	}
	EXPECT_EQ(slab_in_use(cache), before + OBJECTS);
	for (uintptr_t i = 0; i < OBJECTS; i++) {
		const unsigned char *bytes = objects[i];
		EXPECT(bytes[0] == (unsigned char)i && bytes[119] == (unsigned char)i);
	}
	// Returned in an order that empties all slabs late.
	for (unsigned step = 0; step < 7; step++) {
		for (unsigned i = step; i < OBJECTS; i += 7)
			slab_free(cache, objects[i]);
	}
	EXPECT_EQ(slab_in_use(cache), before);
}

TEST(mm, slab_gives_empty_slabs_back)
{
	struct slab_cache *cache = test_cache();
	struct frame_stats before, after;
	frame_drain_all();
	frame_get_stats(&before);
	for (unsigned i = 0; i < OBJECTS; i++)
		objects[i] = slab_alloc_zeroed(cache);
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (objects[i])
			slab_free(cache, objects[i]);
	}
	frame_drain_all();
	frame_get_stats(&after);
	EXPECT_EQ(before.free, after.free);
}

static void free_all(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < OBJECTS; i++)
		slab_free(test_cache(), objects[i]);
}

TEST(mm, slab_object_may_be_freed_on_another_cpu)
{
	struct slab_cache *cache = test_cache();
	uint64_t before = slab_in_use(cache);
	cpuid_t other = (cpuid_t)bitmap_find_next_set(cpus_online.bits, CPUS_MAX, this_cpu() + 1);
	if (other == CPUS_MAX)
		other = (cpuid_t)bitmap_find_first_set(cpus_online.bits, CPUS_MAX);
	for (unsigned i = 0; i < OBJECTS; i++) {
		objects[i] = slab_alloc(cache);
		EXPECT(objects[i] != NULL);
	}
	smp_call(other, free_all, NULL);
	EXPECT_EQ(slab_in_use(cache), before);
}

TEST(mm, kmalloc_any_size)
{
	static const size_t sizes[] = {0,    1,	   8,	 16,   17,   100,   500,    1000,
				       2047, 2048, 2049, 4096, 5000, 65536, MIB(1), MIB(4)};
	for (size_t i = 0; i < array_len(sizes); i++) {
		void *p = kzalloc(sizes[i]), *q = kmalloc(sizes[i]);
		EXPECT(p != NULL && q != NULL && p != q);
		if (!p || !q)
			return;
		EXPECT(is_aligned((uintptr_t)p, 16));
		EXPECT(kmalloc_size(p) >= sizes[i]);
		memset(q, 0xff, kmalloc_size(q));
		unsigned char sum = 0;
		for (size_t at = 0; at < sizes[i]; at++)
			sum |= ((unsigned char *)p)[at];
		EXPECT_EQ(sum, 0);
		kfree(p);
		kfree(q);
	}
	kfree(NULL);
}

TEST(mm, kmalloc_refuses_what_is_too_large)
{
	EXPECT(kmalloc(MIB(4) + 1) == NULL);
	EXPECT(kmalloc(SIZE_MAX) == NULL);
	EXPECT(kcalloc(SIZE_MAX / 2, 3) == NULL);
	EXPECT(kcalloc((size_t)1 << 33, (size_t)1 << 33) == NULL);
}

TEST(mm, krealloc_keeps_contents)
{
	char *p = krealloc(NULL, 10);
	EXPECT(p != NULL);
	if (!p)
		return;
	memcpy(p, "abcdefghi", 10);
	char *q = krealloc(p, 100000);
	EXPECT(q != NULL && strcmp(q, "abcdefghi") == 0);
	if (!q)
		return;
	char *r = krealloc(q, 12);
	EXPECT(r != NULL && strncmp(r, "abcdefghi", 9) == 0);
	EXPECT(kmalloc_size(r) < 100);
	kfree(r);
}

TEST(mm, kmalloc_fails_when_told)
{
	alloc_fail_arm(1);
	EXPECT(kmalloc(100) == NULL);
	void *p = kmalloc(100);
	EXPECT(p != NULL);
	alloc_fail_arm(1);
	EXPECT(krealloc(p, 5000) == NULL);
	alloc_fail_arm(1);
	EXPECT(slab_alloc(test_cache()) == NULL);
	EXPECT(!alloc_fail_is_armed());
	kfree(p);
}
