// SPDX-License-Identifier: MIT
// If these fail, a program's map is not what it asked for.
#include <lib/string.h>

#include "space_test.h"

TEST(mm, map_touch_unmap)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, 5 * PAGE, RW);
	EXPECT(at != 0 && is_aligned(at, PAGE) && at + 5 * PAGE <= space->mmap_top);
	EXPECT_EQ(t_get(space, at + 4 * PAGE), 0);
	EXPECT_EQ(t_store(space, at, 7), 0);
	EXPECT_EQ(t_get(space, at), 7);
	EXPECT_EQ(mm_resident_pages(space), 2);
	EXPECT_EQ(space->total_pages, 5);
	EXPECT_EQ(mm_unmap(space, at + PAGE, 3 * PAGE), 0);
	EXPECT_EQ(t_area_count(space), 2);
	EXPECT_EQ(t_get(space, at), 7);
	uint32_t value;
	EXPECT_EQ(t_load(space, at + PAGE, &value), -EFAULT);
	EXPECT_EQ(t_load(space, at - PAGE, &value), -EFAULT);
	EXPECT_EQ(mm_unmap(space, at, 5 * PAGE), 0);
	EXPECT_EQ(space->total_pages, 0);
	EXPECT_EQ(mm_resident_pages(space), 0);
	EXPECT_EQ(t_load(space, at, &value), -EFAULT);
	// Mapped again, it is zero.
	EXPECT_EQ(t_map(space, at, PAGE, RW), at);
	EXPECT_EQ(t_get(space, at), 0);
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, map_refuses_bad_requests)
{
	struct mm_space *space = mm_space_create();
	vaddr_t addr;
	struct mm_map_request request = {.size = 0, .flags = RW};
	EXPECT_EQ(mm_map(space, &request, &addr), -EINVAL);
	request.size = UINT64_MAX;
	EXPECT_EQ(mm_map(space, &request, &addr), -ENOMEM);
	request.size = HAL_USER_TOP;
	EXPECT_EQ(mm_map(space, &request, &addr), -ENOMEM);
	request.size = PAGE;
	request.offset = 5;
	EXPECT_EQ(mm_map(space, &request, &addr), -EINVAL);
	request.offset = (uint64_t)INT64_MAX & ~(PAGE - 1);
	EXPECT_EQ(mm_map(space, &request, &addr), -EOVERFLOW);
	request.offset = 0;
	request.is_fixed = true;
	request.addr = 0x100001;
	EXPECT_EQ(mm_map(space, &request, &addr), -EINVAL);
	request.addr = 0;
	EXPECT_EQ(mm_map(space, &request, &addr), -EPERM);
	request.addr = HAL_USER_TOP - PAGE;
	request.size = 2 * PAGE;
	EXPECT_EQ(mm_map(space, &request, &addr), -ENOMEM);
	request.addr = (vaddr_t)0 - PAGE;
	EXPECT_EQ(mm_map(space, &request, &addr), -ENOMEM);
	request.addr = 0x100000;
	EXPECT_EQ(mm_map(space, &request, &addr), 0);
	request.no_replace = true;
	EXPECT_EQ(mm_map(space, &request, &addr), -EEXIST);
	request.addr = 0x100000 - PAGE;
	EXPECT_EQ(mm_map(space, &request, &addr), -EEXIST);
	request.addr = 0x100000 - 2 * PAGE;
	EXPECT_EQ(mm_map(space, &request, &addr), 0);
	EXPECT_EQ(mm_unmap(space, 0x100001, PAGE), -EINVAL);
	EXPECT_EQ(mm_unmap(space, 0x100000, 0), -EINVAL);
	EXPECT_EQ(mm_unmap(space, HAL_USER_TOP, PAGE), -EINVAL);
	EXPECT_EQ(mm_unmap(space, 0x100000, UINT64_MAX), -EINVAL);
	EXPECT_EQ(mm_unmap(space, 0x7000000, PAGE), 0); // nothing there: fine
	mm_space_put(space);
}

TEST(mm, map_limits)
{
	struct mm_space *space = mm_space_create();
	space->limit_as_pages = 10;
	space->limit_data_pages = 4;
	EXPECT_EQ(t_map(space, 0, 11 * PAGE, R), 0);
	EXPECT_EQ(t_map(space, 0, 5 * PAGE, RW), 0);
	EXPECT(t_map(space, 0, 4 * PAGE, RW) != 0);
	EXPECT_EQ(t_map(space, 0, PAGE, RW), 0);
	vaddr_t at = t_map(space, 0, 6 * PAGE, R);
	EXPECT(at != 0);
	EXPECT_EQ(t_map(space, 0, PAGE, R), 0);
	EXPECT_EQ(mm_protect(space, at, PAGE, RW), -ENOMEM);
	EXPECT_EQ(mm_unmap(space, at, PAGE), 0);
	EXPECT(t_map(space, 0, PAGE, R) != 0);
	mm_space_put(space);
}

TEST(mm, map_neighbours_join)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = 0x10000000;
	t_map(space, at, PAGE, RW);
	t_map(space, at + 2 * PAGE, PAGE, RW);
	EXPECT_EQ(t_area_count(space), 2);
	t_map(space, at + PAGE, PAGE, RW);
	EXPECT_EQ(t_area_count(space), 1);
	t_map(space, at + PAGE, PAGE, R);
	EXPECT_EQ(t_area_count(space), 3);
	EXPECT_EQ(mm_protect(space, at + PAGE, PAGE, RW), 0);
	EXPECT_EQ(t_area_count(space), 1);
	EXPECT_EQ(mm_protect(space, at + PAGE, PAGE, 0), 0);
	EXPECT_EQ(t_area_count(space), 3);
	EXPECT_EQ(mm_unmap(space, at + PAGE, PAGE), 0);
	EXPECT_EQ(t_area_count(space), 2);
	EXPECT_EQ(space->total_pages, 2);
	EXPECT_EQ(space->data_pages, 2);
	mm_space_put(space);
}

TEST(mm, map_place_is_found_from_the_top)
{
	struct mm_space *space = mm_space_create();
	vaddr_t a = t_map(space, 0, 4 * PAGE, RW), b = t_map(space, 0, 4 * PAGE, R);
	vaddr_t c = t_map(space, 0, 4 * PAGE, RW);
	EXPECT_EQ(a, space->mmap_top - 4 * PAGE);
	EXPECT_EQ(b, a - 4 * PAGE);
	EXPECT_EQ(c, b - 4 * PAGE);
	// A hole is used again, by what fits.
	EXPECT_EQ(mm_unmap(space, b, 4 * PAGE), 0);
	EXPECT_EQ(t_map(space, 0, 5 * PAGE, RW), c - 5 * PAGE);
	EXPECT_EQ(t_map(space, 0, 3 * PAGE, R), b + PAGE);
	EXPECT_EQ(t_map(space, 0, PAGE, X), b);
	// A hint is taken where it is free.
	struct mm_map_request request = {.addr = 0x20000123, .size = PAGE, .flags = RW};
	vaddr_t addr;
	EXPECT_EQ(mm_map(space, &request, &addr), 0);
	EXPECT_EQ(addr, 0x20000000);
	EXPECT_EQ(mm_map(space, &request, &addr), 0);
	EXPECT(addr != 0x20000000);
	mm_space_put(space);
}

/** What is too large for the addresses that are handed out first goes above them, if there are any; what
 *  follows fits still, and a request that nothing fits changes nothing. */
TEST(mm, map_place_beyond_the_first)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	vaddr_t far_top = min(HAL_USER_TOP, HAL_USER_FAR_TOP), top = space->mmap_top, at;
	struct mm_map_request request = {.size = far_top - PAGE, .flags = RW};
	vaddr_t first = t_map(space, 0, PAGE, RW);
	EXPECT_EQ(first, top - PAGE);
	EXPECT_EQ(mm_map(space, &request, &at), -ENOMEM);
	EXPECT_EQ(space->mmap_top, top);
	EXPECT_EQ(t_map(space, 0, PAGE, R), first - PAGE);
	request.size = HAL_USER_NEAR_TOP;
	if (far_top > HAL_USER_NEAR_TOP) {
		EXPECT_EQ(mm_map(space, &request, &at), 0);
		EXPECT_EQ(at, far_top - request.size);
		EXPECT_EQ(t_store(space, at, 1), 0);
		EXPECT_EQ(t_store(space, far_top - 4, 2), 0);
		EXPECT_EQ(t_map(space, 0, 2 * PAGE, R), at - 2 * PAGE);
		EXPECT_EQ(t_get(space, at), 1);
		EXPECT_EQ(mm_unmap(space, at, request.size), 0);
		EXPECT_EQ(t_map(space, 0, PAGE, X), far_top - PAGE);
		EXPECT_EQ(t_get(space, far_top - 4), 0);
	} else {
		EXPECT_EQ(mm_map(space, &request, &at), -ENOMEM);
	}
	EXPECT_EQ(t_get(space, first), 0);
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, protect_is_in_force)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, 4 * PAGE, RW);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(t_store(space, at + i * PAGE, i), 0);
	EXPECT_EQ(mm_protect(space, at + PAGE, PAGE, R), 0);
	EXPECT_EQ(t_store(space, at + PAGE, 9), -EACCES);
	EXPECT_EQ(t_get(space, at + PAGE), 1);
	EXPECT_EQ(mm_protect(space, at + PAGE, PAGE, 0), 0);
	uint32_t value;
	EXPECT_EQ(t_load(space, at + PAGE, &value), -EACCES);
	EXPECT_EQ(mm_fault(space, at + PAGE, HAL_FAULT_EXEC), -EACCES);
	// The page has kept what was in it.
	EXPECT_EQ(mm_protect(space, at, 4 * PAGE, RW), 0);
	EXPECT_EQ(t_get(space, at + PAGE), 1);
	EXPECT_EQ(t_store(space, at + PAGE, 9), 0);
	EXPECT_EQ(mm_fault(space, at, HAL_FAULT_EXEC), -EACCES);
	EXPECT_EQ(mm_protect(space, at, PAGE, R | X), 0);
	EXPECT_EQ(mm_fault(space, at, HAL_FAULT_EXEC), 0);
	EXPECT_EQ(mm_protect(space, at, 5 * PAGE, R), -ENOMEM);
	EXPECT_EQ(mm_protect(space, at + 1, PAGE, R), -EINVAL);
	EXPECT_EQ(mm_protect(space, at, 0, R), 0);
	EXPECT_EQ(mm_protect(space, at, UINT64_MAX, R), -ENOMEM);
	EXPECT_EQ(t_store(space, at + 3 * PAGE, 1), 0);
	mm_space_put(space);
}

TEST(mm, protect_honours_what_the_file_allows)
{
	struct t_file file;
	t_file_init(&file, &t_memory_ops, 2);
	struct mm_space *space = mm_space_create();
	struct mm_map_request request = {
		.size = 2 * PAGE, .flags = R | MM_SHARED, .object = &file.object, .max_prot = R};
	vaddr_t at;
	EXPECT_EQ(mm_map(space, &request, &at), 0);
	EXPECT_EQ(mm_protect(space, at, PAGE, RW), -EACCES);
	EXPECT_EQ(t_store(space, at, 1), -EACCES);
	mm_space_put(space);
	t_file_destroy(&file);
}

TEST(mm, brk_grows_and_shrinks)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	vaddr_t base = 0x555000;
	space->brk_start = space->brk = base + 100;
	EXPECT_EQ(mm_brk(space, 0), base + 100);
	EXPECT_EQ(mm_brk(space, base + 200), base + 200);
	EXPECT_EQ(mm_brk(space, base + 3 * PAGE), base + 3 * PAGE);
	EXPECT_EQ(t_area_count(space), 1);
	EXPECT_EQ(t_store(space, base + 3 * PAGE - 4, 5), 0);
	EXPECT_EQ(mm_brk(space, base + 4 * PAGE + 1), base + 4 * PAGE + 1);
	EXPECT_EQ(t_area_count(space), 1);
	struct mm_area_info info;
	EXPECT(mm_area_next(space, base, &info) && strcmp(info.name, "[heap]") == 0);
	EXPECT_EQ(info.resident_pages, 1);
	EXPECT_EQ(mm_brk(space, base + PAGE + 1), base + PAGE + 1);
	EXPECT_EQ(mm_brk(space, base + 3 * PAGE), base + 3 * PAGE);
	EXPECT_EQ(t_get(space, base + 3 * PAGE - 4), 0);
	// Something in the way, a limit, nonsense.
	t_map(space, base + 5 * PAGE, PAGE, R);
	EXPECT_EQ(mm_brk(space, base + 5 * PAGE), base + 5 * PAGE);
	EXPECT_EQ(mm_brk(space, base + 6 * PAGE), base + 5 * PAGE);
	space->limit_data_pages = 3;
	EXPECT_EQ(mm_brk(space, base + 3 * PAGE), base + 3 * PAGE);
	EXPECT_EQ(mm_brk(space, base + 5 * PAGE), base + 3 * PAGE);
	EXPECT_EQ(mm_brk(space, UINT64_MAX), base + 3 * PAGE);
	EXPECT_EQ(mm_brk(space, base), base + 3 * PAGE);
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, stack_grows_to_its_limit)
{
	struct mm_space *space = mm_space_create();
	vaddr_t top = HAL_USER_TOP - PAGE;
	space->limit_stack = MIB(1);
	EXPECT(t_map(space, top - PAGE, PAGE, RW | MM_STACK) != 0);
	EXPECT_EQ(t_store(space, top - 4, 1), 0);
	EXPECT_EQ(t_store(space, top - 10 * PAGE, 2), 0);
	EXPECT_EQ(t_store(space, top - MIB(1), 3), 0);
	uint32_t value;
	EXPECT_EQ(t_load(space, top - MIB(1) - 4, &value), -EFAULT);
	EXPECT_EQ(t_load(space, top - MIB(2), &value), -EFAULT);
	EXPECT_EQ(t_get(space, top - 4), 1);
	EXPECT_EQ(t_area_count(space), 1);
	// It keeps its distance from what lies below.
	space->limit_stack = MIB(8);
	EXPECT(t_map(space, top - MIB(4), PAGE, RW) != 0);
	EXPECT_EQ(t_load(space, top - MIB(4) + MIB(1), &value), -EFAULT);
	EXPECT_EQ(t_load(space, top - MIB(4) + MIB(1) + PAGE, &value), 0);
	mm_space_put(space);
}

TEST(mm, remap_keeps_contents)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	vaddr_t at = 0x10000000, moved;
	t_map(space, at, 4 * PAGE, RW);
	for (unsigned i = 0; i < 4; i++)
		t_store(space, at + i * PAGE, 100 + i);
	// In place, as far as there is room.
	EXPECT_EQ(mm_remap(space, at, 4 * PAGE, 6 * PAGE, 0, 0, &moved), 0);
	EXPECT_EQ(moved, at);
	EXPECT_EQ(t_get(space, at + 5 * PAGE), 0);
	t_map(space, at + 6 * PAGE, PAGE, R);
	EXPECT_EQ(mm_remap(space, at, 6 * PAGE, 7 * PAGE, 0, 0, &moved), -ENOMEM);
	// By moving.
	EXPECT_EQ(mm_remap(space, at, 6 * PAGE, MIB(4), 1, 0, &moved), 0);
	EXPECT(moved != at);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_EQ(t_get(space, moved + i * PAGE), 100 + i);
	uint32_t value;
	EXPECT_EQ(t_load(space, at, &value), -EFAULT);
	// To a place, over what is there; out of the middle of an area.
	EXPECT_EQ(mm_remap(space, moved + PAGE, 2 * PAGE, 2 * PAGE, 3, at + 6 * PAGE, &at), 0);
	EXPECT_EQ(t_get(space, at), 101);
	EXPECT_EQ(t_get(space, at + PAGE), 102);
	EXPECT_EQ(t_get(space, moved), 100);
	EXPECT_EQ(t_load(space, moved + PAGE, &value), -EFAULT);
	EXPECT_EQ(t_get(space, moved + 3 * PAGE), 103);
	// Shrinking.
	EXPECT_EQ(mm_remap(space, moved + 3 * PAGE, MIB(1), PAGE, 0, 0, &moved), 0);
	EXPECT_EQ(t_get(space, moved), 103);
	EXPECT_EQ(t_load(space, moved + PAGE, &value), -EFAULT);
	// Nonsense.
	EXPECT_EQ(mm_remap(space, at, 3 * PAGE, PAGE, 0, 0, &moved), -EFAULT);
	EXPECT_EQ(mm_remap(space, at + 1, PAGE, PAGE, 0, 0, &moved), -EINVAL);
	EXPECT_EQ(mm_remap(space, at, PAGE, 0, 0, 0, &moved), -EINVAL);
	EXPECT_EQ(mm_remap(space, at, PAGE, PAGE, 2, 0x30000000, &moved), -EINVAL);
	EXPECT_EQ(mm_remap(space, at, 2 * PAGE, 2 * PAGE, 3, at + PAGE, &moved), -EINVAL);
	EXPECT_EQ(mm_remap(space, at, PAGE, UINT64_MAX, 1, 0, &moved), -EINVAL);
	EXPECT_EQ(mm_remap(space, at, 0, PAGE, 1, 0, &moved), -EINVAL);
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, advise_drops_pages)
{
	struct mm_space *space = mm_space_create();
	vaddr_t at = t_map(space, 0, 4 * PAGE, RW);
	uint8_t vec[4];
	for (unsigned i = 0; i < 3; i++)
		t_store(space, at + i * PAGE, 1);
	EXPECT_EQ(mm_incore(space, at, 4 * PAGE, vec), 0);
	EXPECT(vec[0] == 1 && vec[2] == 1 && vec[3] == 0);
	EXPECT_EQ(mm_advise(space, at + PAGE, PAGE, 4), 0);
	EXPECT_EQ(mm_incore(space, at, 4 * PAGE, vec), 0);
	EXPECT(vec[0] == 1 && vec[1] == 0 && vec[2] == 1);
	EXPECT_EQ(t_get(space, at + PAGE), 0);
	EXPECT_EQ(t_get(space, at), 1);
	EXPECT_EQ(mm_advise(space, at, PAGE, 99), -EINVAL);
	EXPECT_EQ(mm_advise(space, at, 5 * PAGE, 0), -ENOMEM);
	EXPECT_EQ(mm_advise(space, at + 1, PAGE, 4), -EINVAL);
	EXPECT_EQ(mm_incore(space, at, 5 * PAGE, vec), -ENOMEM);
	EXPECT_EQ(mm_populate(space, at, 4 * PAGE, true), 0);
	EXPECT_EQ(mm_resident_pages(space), 4);
	EXPECT_EQ(mm_populate(space, at, 5 * PAGE, true), -ENOMEM);
	mm_space_put(space);
}

TEST(mm, many_sparse_pages_leave_no_tables)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	for (unsigned i = 0; i < 300; i++) {
		vaddr_t at = 0x10000000 + i * MIB(4);
		EXPECT_EQ(t_map(space, at, PAGE, RW), at);
		t_store(space, at, i);
		EXPECT_EQ(mm_unmap(space, at, PAGE), 0);
	}
	EXPECT(atomic_load(&space->table.table_count) < 80);
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, zeroing_keeps_what_stands_around)
{
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	EXPECT(space);
	vaddr_t base = t_map(space, 0, 4 * PAGE, RW);
	EXPECT(base);
	for (vaddr_t at = base; at < base + 3 * PAGE; at += 4)
		EXPECT_EQ(t_store(space, at, 0x11223344), 0);
	// From the middle of a page over a whole one into the middle of a third.
	EXPECT_EQ(mm_space_zero(space, base + PAGE / 2 + 1, 2 * PAGE), 0);
	EXPECT_EQ(t_get(space, base + PAGE / 2), 0x44);
	EXPECT_EQ(t_get(space, base + 5 * PAGE / 2), 0x11223300);
	for (vaddr_t at = base + PAGE / 2 + 4; at < base + 5 * PAGE / 2; at += 4)
		EXPECT_EQ(t_get(space, at), 0);
	EXPECT_EQ(t_get(space, base + PAGE / 2 - 4), 0x11223344);
	EXPECT_EQ(t_get(space, base + 5 * PAGE / 2 + 4), 0x11223344);
	EXPECT_EQ(mm_space_zero(space, base + 3 * PAGE, 0), 0);
	EXPECT_EQ(mm_space_zero(space, base + 3 * PAGE, PAGE + 1), -EFAULT);
	mm_space_put(space);
	t_books_close(&books);
}

// Areas whose leaf table is the next one's too, and not: all tables go with the space.
TEST(mm, tables_of_neighbours_go_with_the_last)
{
	static const unsigned spans[] = {8, 8, 9, 11, 600, 600, 601};
	struct t_books books = t_books_open();
	struct mm_space *space = mm_space_create();
	EXPECT(space);
	for (unsigned i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		vaddr_t at = spans[i] * PAGETABLE_SPAN + 2 * i * PAGE;
		EXPECT_EQ(t_map(space, at, PAGE, RW), at);
		EXPECT_EQ(t_store(space, at, 1), 0);
	}
	mm_space_put(space);
	t_books_close(&books);
}

TEST(mm, futex_keys_name_the_word)
{
	struct mm_object *shared = mm_object_create_anon(4);
	struct mm_space *a = mm_space_create(), *b = mm_space_create();
	vaddr_t at_a = t_map_object(a, 0, 2 * PAGE, RW | MM_SHARED, shared, 0);
	vaddr_t at_b = t_map_object(b, 0x40000000, 2 * PAGE, RW | MM_SHARED, shared, 1);
	struct mm_key ka, kb;
	EXPECT_EQ(mm_futex_key(a, at_a + PAGE + 8, false, &ka), 0);
	EXPECT_EQ(mm_futex_key(b, at_b + 8, false, &kb), 0);
	EXPECT(ka.owner == kb.owner && ka.offset == kb.offset);
	EXPECT_EQ(mm_futex_key(b, at_b + 12, false, &kb), 0);
	EXPECT(ka.offset != kb.offset);
	EXPECT_EQ(mm_futex_key(a, at_a, true, &ka), 0);
	EXPECT(ka.owner == (uintptr_t)a && ka.offset == at_a);
	EXPECT_EQ(mm_futex_key(a, at_a + 1, true, &ka), -EINVAL);
	EXPECT_EQ(mm_futex_key(a, HAL_USER_TOP, true, &ka), -EFAULT);
	EXPECT_EQ(mm_futex_key(a, 0x50000000, false, &ka), -EFAULT);
	mm_space_put(a);
	mm_space_put(b);
	shared->ops->put(shared);
}
