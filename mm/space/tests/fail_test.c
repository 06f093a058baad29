// SPDX-License-Identifier: MIT
// If this fails, running out of memory in the middle of a call loses memory or breaks a map. Every
// allocation of a scenario that uses most of mm/space fails once.
#include <mm/failpoint.h>

#include "space_test.h"

static err_t use_everything(struct mm_space *space, struct t_file *file)
{
	vaddr_t at = t_map(space, 0x10000000, 8 * PAGE, RW), moved;
	if (!at)
		return -ENOMEM;
	err_t err = t_store(space, at, 1);
	err = err ? err : t_store(space, at + 5 * PAGE, 2);
	err = err ? err : mm_protect(space, at + PAGE, PAGE, R);
	err = err ? err : mm_unmap(space, at + 3 * PAGE, PAGE);
	vaddr_t mapped = t_map_object(space, 0, 4 * PAGE, RW, &file->object, 0);
	err = err ? err : mapped ? t_store(space, mapped + PAGE, 3) : -ENOMEM;
	err = err ? err : mm_remap(space, at + 5 * PAGE, PAGE, MIB(3), 1, 0, &moved);
	if (err)
		return err;
	struct mm_space *child = mm_space_fork(space);
	if (!child)
		return -ENOMEM;
	err = t_store(child, at, 5);
	err = err ? err : t_store(space, moved, 6);
	if (!err) {
		EXPECT_EQ(t_get(space, at), 1);
		EXPECT_EQ(t_get(child, at), 5);
		EXPECT_EQ(t_get(child, moved), 2);
		EXPECT_EQ(t_get(space, mapped + PAGE), 3);
	}
	mm_space_put(child);
	return err;
}

TEST(mm, every_allocation_may_fail)
{
	struct t_file file;
	t_file_init(&file, &t_memory_ops, 4);
	unsigned nth = 1, failed = 0;
	for (bool was_reached = true; was_reached && nth < 1000; nth++) {
		struct t_books books = t_books_open();
		alloc_fail_arm(nth);
		struct mm_space *space = mm_space_create();
		err_t err = space ? use_everything(space, &file) : -ENOMEM;
		was_reached = !alloc_fail_is_armed();
		alloc_fail_arm(0);
		EXPECT_EQ(err, was_reached ? -ENOMEM : 0);
		failed += was_reached;
		if (space)
			mm_space_put(space);
		t_books_close(&books);
	}
	EXPECT(failed > 15 && nth < 1000);
	t_file_destroy(&file);
}
