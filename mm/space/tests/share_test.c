// SPDX-License-Identifier: MIT
// If these fail, processes see each other's private memory, or do not see what they share.
#include "space_test.h"

TEST(mm, fork_gives_each_its_own_pages)
{
	struct t_books books = t_books_open();
	struct mm_space *one = mm_space_create();
	vaddr_t at = t_map(one, 0, 8 * PAGE, RW);
	for (unsigned i = 0; i < 4; i++)
		t_store(one, at + i * PAGE, i);
	struct mm_space *two = mm_space_fork(one), *three = mm_space_fork(two);
	EXPECT(two && three);
	if (!two || !three)
		return;
	EXPECT_EQ(t_store(one, at, 10), 0);
	EXPECT_EQ(t_store(two, at, 20), 0);
	EXPECT_EQ(t_store(three, at, 30), 0);
	EXPECT_EQ(t_store(two, at + 5 * PAGE, 25), 0);
	EXPECT_EQ(t_get(one, at), 10);
	EXPECT_EQ(t_get(two, at), 20);
	EXPECT_EQ(t_get(three, at), 30);
	EXPECT_EQ(t_get(three, at + PAGE), 1);
	EXPECT_EQ(t_get(one, at + 5 * PAGE), 0);
	EXPECT_EQ(t_get(two, at + 5 * PAGE), 25);
	mm_space_put(one);
	EXPECT_EQ(t_get(two, at + 2 * PAGE), 2);
	EXPECT_EQ(t_store(two, at + 2 * PAGE, 22), 0);
	EXPECT_EQ(t_get(three, at + 2 * PAGE), 2);
	mm_space_put(two);
	EXPECT_EQ(t_get(three, at + 2 * PAGE), 2);
	EXPECT_EQ(t_store(three, at + 3 * PAGE, 33), 0);
	mm_space_put(three);
	t_books_close(&books);
}

TEST(mm, fork_copies_no_page_that_one_alone_has)
{
	struct mm_space *one = mm_space_create();
	vaddr_t at = t_map(one, 0, PAGE, RW);
	t_store(one, at, 1);
	struct mm_space *two = mm_space_fork(one);
	mm_space_put(one);
	struct frame *before, *after;
	EXPECT_EQ(mm_space_pin(two, at, false, &before), 0);
	frame_put(before);
	EXPECT_EQ(t_store(two, at, 2), 0);
	EXPECT_EQ(mm_space_pin(two, at, false, &after), 0);
	frame_put(after);
	EXPECT(before == after);
	mm_space_put(two);
}

TEST(mm, fork_keeps_protection)
{
	struct mm_space *one = mm_space_create();
	vaddr_t at = t_map(one, 0, 3 * PAGE, RW);
	for (unsigned i = 0; i < 3; i++)
		t_store(one, at + i * PAGE, i + 1);
	mm_protect(one, at, PAGE, R);
	mm_protect(one, at + PAGE, PAGE, 0);
	struct mm_space *two = mm_space_fork(one);
	uint32_t value;
	EXPECT_EQ(t_store(two, at, 9), -EACCES);
	EXPECT_EQ(t_load(two, at + PAGE, &value), -EACCES);
	// Given back, each still has its own.
	EXPECT_EQ(mm_protect(two, at, 3 * PAGE, RW), 0);
	EXPECT_EQ(t_get(two, at + PAGE), 2);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(t_store(two, at + i * PAGE, 50 + i), 0);
	EXPECT_EQ(mm_protect(one, at, 3 * PAGE, RW), 0);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(t_get(one, at + i * PAGE), i + 1);
	mm_space_put(one);
	mm_space_put(two);
}

TEST(mm, fork_obeys_advice)
{
	struct mm_space *one = mm_space_create();
	vaddr_t at = t_map(one, 0, 3 * PAGE, RW);
	for (unsigned i = 0; i < 3; i++)
		t_store(one, at + i * PAGE, i + 1);
	EXPECT_EQ(mm_advise(one, at, PAGE, 10), 0); // DONTFORK
	EXPECT_EQ(mm_advise(one, at + PAGE, PAGE, 18), 0); // WIPEONFORK
	struct mm_space *two = mm_space_fork(one);
	uint32_t value;
	EXPECT_EQ(t_load(two, at, &value), -EFAULT);
	EXPECT_EQ(t_get(two, at + PAGE), 0);
	EXPECT_EQ(t_get(two, at + 2 * PAGE), 3);
	EXPECT_EQ(t_get(one, at + PAGE), 2);
	EXPECT_EQ(mm_advise(one, at, 3 * PAGE, 11), 0);
	EXPECT_EQ(mm_advise(one, at, 3 * PAGE, 19), 0);
	EXPECT_EQ(t_area_count(one), 1);
	mm_space_put(one);
	mm_space_put(two);
}

TEST(mm, shared_memory_is_shared)
{
	struct t_books books = t_books_open();
	struct mm_object *object = mm_object_create_anon(700);
	EXPECT(object != NULL);
	struct mm_space *one = mm_space_create();
	vaddr_t at = t_map_object(one, 0, 700 * PAGE, RW | MM_SHARED, object, 0);
	object->ops->put(object);
	EXPECT_EQ(t_get(one, at), 0);
	EXPECT_EQ(t_store(one, at + PAGE, 5), 0);
	struct mm_space *two = mm_space_fork(one);
	EXPECT_EQ(t_store(two, at, 6), 0);
	EXPECT_EQ(t_store(two, at + 699 * PAGE, 7), 0);
	EXPECT_EQ(t_get(one, at), 6);
	EXPECT_EQ(t_get(one, at + 699 * PAGE), 7);
	EXPECT_EQ(t_get(two, at + PAGE), 5);
	mm_space_put(one);
	EXPECT_EQ(t_get(two, at), 6);
	// Beyond the object's end there is nothing.
	vaddr_t more;
	EXPECT_EQ(mm_remap(two, at, 700 * PAGE, 701 * PAGE, 1, 0, &more), 0);
	uint32_t value;
	EXPECT_EQ(t_load(two, more + 700 * PAGE, &value), -EIO);
	EXPECT_EQ(t_get(two, more + PAGE), 5);
	mm_space_put(two);
	t_books_close(&books);
	EXPECT(mm_object_create_anon(UINT64_MAX) == NULL);
}

static void try_private_file(const struct mm_object_ops *ops)
{
	struct t_file file;
	t_file_init(&file, ops, 20);
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map_object(space, 0, 21 * PAGE, RW, &file.object, 0);
	EXPECT_EQ(t_get(space, at + 3 * PAGE), 0xf11e0003);
	EXPECT_EQ(t_store(space, at + 3 * PAGE, 1), 0); // read before
	EXPECT_EQ(t_store(space, at + 19 * PAGE + 4, 2), 0); // not read before
	EXPECT_EQ(t_get(space, at + 19 * PAGE), 0xf11e0013);
	EXPECT_EQ(t_get(space, at + 19 * PAGE + 4), 2);
	EXPECT_EQ(t_get(space, at + 3 * PAGE), 1);
	EXPECT_EQ(*(uint32_t *)frame_direct(file.frames[3]), 0xf11e0003);
	EXPECT_EQ(*((uint32_t *)frame_direct(file.frames[19]) + 1), 0);
	uint32_t value;
	EXPECT_EQ(t_load(space, at + 20 * PAGE, &value), -EIO);
	EXPECT_EQ(t_store(space, at + 20 * PAGE, 1), -EIO);
	EXPECT_EQ(file.write_gets, 0);
	mm_space_put(space);
	for (unsigned i = 0; i < 20; i++)
		EXPECT_EQ(atomic_load(&file.frames[i]->refs), 1);
	t_file_destroy(&file);
}

TEST(mm, private_file_mapping_leaves_the_file_alone)
{
	struct t_books books = t_books_open();
	try_private_file(&t_slow_ops);
	try_private_file(&t_memory_ops);
	t_books_close(&books);
}

TEST(mm, shared_file_mapping_writes_the_file)
{
	struct t_file file;
	t_file_init(&file, &t_slow_ops, 4);
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map_object(space, 0, 4 * PAGE, RW | MM_SHARED, &file.object, 0);
	EXPECT_EQ(t_get(space, at), 0xf11e0000);
	EXPECT_EQ(file.write_gets, 0);
	EXPECT_EQ(t_store(space, at, 1), 0);
	EXPECT_EQ(file.write_gets, 1);
	EXPECT_EQ(t_store(space, at + PAGE, 2), 0);
	EXPECT_EQ(file.write_gets, 2);
	EXPECT_EQ(*(uint32_t *)frame_direct(file.frames[0]), 1);
	EXPECT_EQ(*(uint32_t *)frame_direct(file.frames[1]), 2);
	// Write permission that went comes back with the file's knowledge.
	EXPECT_EQ(mm_protect(space, at, 4 * PAGE, R), 0);
	EXPECT_EQ(mm_protect(space, at, 4 * PAGE, RW), 0);
	EXPECT_EQ(t_store(space, at, 3), 0);
	EXPECT_EQ(file.write_gets, 3);
	EXPECT_EQ(mm_resident_pages(space), 2);
	mm_space_put(space);
	t_file_destroy(&file);
}

TEST(mm, one_fault_maps_the_neighbours)
{
	struct t_file file;
	t_file_init(&file, &t_memory_ops, 40);
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map_object(space, 0x40000000, 40 * PAGE, R | X, &file.object, 0);
	EXPECT_EQ(t_get(space, at + 20 * PAGE), 0xf11e0014);
	EXPECT_EQ(mm_resident_pages(space), 16);
	EXPECT_EQ(file.gets, 0);
	EXPECT_EQ(t_get(space, at + 39 * PAGE), 0xf11e0027);
	EXPECT_EQ(mm_resident_pages(space), 24);
	for (unsigned i = 16; i < 40; i++)
		EXPECT_EQ(t_get(space, at + i * PAGE), 0xf11e0000 + i);
	mm_space_put(space);
	t_file_destroy(&file);
}

TEST(mm, object_is_unmapped_everywhere)
{
	struct t_file file;
	t_file_init(&file, &t_memory_ops, 32);
	struct mm_space *one = mm_space_create(), *two;
	vaddr_t shared = t_map_object(one, 0, 16 * PAGE, RW | MM_SHARED, &file.object, 8);
	vaddr_t private = t_map_object(one, 0, 32 * PAGE, RW, &file.object, 0);
	for (unsigned i = 0; i < 32; i++)
		t_store(one, private + i * PAGE, i);
	for (unsigned i = 0; i < 16; i++)
		t_store(one, shared + i * PAGE, 0x5a);
	mm_protect(one, private, 10 * PAGE, R); // cut
	two = mm_space_fork(one);
	// Truncation to 10 pages: first the file, then the mappings.
	file.pages = 10;
	mm_object_unmap(&file.object, 10, UINT64_MAX);
	struct mm_space *spaces[] = {one, two};
	uint32_t value;
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_EQ(t_load(spaces[i], shared + 2 * PAGE, &value), -EIO);
		EXPECT_EQ(t_load(spaces[i], private + 10 * PAGE, &value), -EIO);
		EXPECT_EQ(t_load(spaces[i], private + 31 * PAGE, &value), -EIO);
		EXPECT_EQ(t_get(spaces[i], private + 9 * PAGE), 9);
		EXPECT_EQ(t_get(spaces[i], shared + PAGE), 0x5a);
	}
	mm_object_unmap(&file.object, 9, 9);
	EXPECT_EQ(t_get(one, private + 9 * PAGE), 0x5a); // the private copy is gone, too
	EXPECT_EQ(t_get(two, private + 8 * PAGE), 8);
	mm_space_put(one);
	mm_space_put(two);
	mm_object_unmap(&file.object, 0, UINT64_MAX); // nobody there
	file.pages = 32;
	t_file_destroy(&file);
}
