// SPDX-License-Identifier: MIT
// If these fail, a bad pointer of a program does harm, or a good one is refused.
#include <hal/irqflags.h>
#include <lib/string.h>
#include <mm/ucopy.h>
#include <sched/thread.h>

#include "space_test.h"

/** Make @space the running thread's, NULL: none. Returns the one before. */
static struct mm_space *enter(struct mm_space *space)
{
	struct mm_space *before = current_thread()->mm.space;
	irqflags_t flags = hal_irq_save();
	current_thread()->mm.space = space;
	mm_space_activate(space);
	hal_irq_restore(flags);
	return before;
}

TEST(mm, user_copies_fault_pages_in)
{
	struct mm_space *space = mm_space_create(), *before = enter(space);
	vaddr_t at = t_map(space, 0, 3 * PAGE, RW);
	char text[32] = "across the boundary";
	EXPECT_EQ(mm_copy_out(at + PAGE - 5, text, sizeof(text)), 0);
	memset(text, 0, sizeof(text));
	EXPECT_EQ(mm_copy_in(text, at + PAGE - 5, sizeof(text)), 0);
	EXPECT_EQ(strcmp(text, "across the boundary"), 0);
	EXPECT_EQ(mm_copy_in_string(text, at + PAGE - 5, sizeof(text)), 19);
	EXPECT_EQ(mm_copy_in_string(text, at + PAGE - 5, 19), -ENAMETOOLONG);
	EXPECT_EQ(mm_copy_in_string(text, at + PAGE - 5, 20), 19);
	EXPECT_EQ(mm_clear_user(at + PAGE - 5, 10), 0);
	EXPECT_EQ(mm_copy_in_string(text, at + PAGE - 5, sizeof(text)), 0);
	uint32_t value;
	EXPECT_EQ(mm_store_user32(at + 8, 5), 0);
	EXPECT_EQ(mm_cas_user32(at + 8, 4, 6, &value), 0);
	EXPECT_EQ(value, 5);
	EXPECT_EQ(mm_cas_user32(at + 8, 5, 6, &value), 0);
	EXPECT_EQ(mm_load_user32(at + 8, &value), 0);
	EXPECT_EQ(value, 6);
	enter(before);
	mm_space_put(space);
}

TEST(mm, user_copies_refuse_bad_addresses)
{
	struct mm_space *space = mm_space_create(), *before = enter(space);
	vaddr_t at = t_map(space, 0, 2 * PAGE, RW);
	t_map(space, at + PAGE, PAGE, R);
	const uaddr_t bad[] = {0,
				      8,
				      HAL_USER_TOP - 4,
				      HAL_USER_TOP,
				      HAL_DIRECT_BASE,
				      HAL_KERNEL_BASE,
				      UINT64_MAX - 3,
				      0x8000000000000000};
	char buf[16] = "unchanged";
	uint32_t value = 77;
	for (unsigned i = 0; i < array_len(bad); i++) {
		EXPECT_EQ(mm_copy_in(buf, bad[i], 8), -EFAULT);
		EXPECT_EQ(mm_copy_out(bad[i], buf, 8), -EFAULT);
		EXPECT_EQ(mm_clear_user(bad[i], 8), -EFAULT);
		EXPECT_EQ(mm_copy_in_partial(buf, bad[i], 8), 0);
		EXPECT_EQ(mm_copy_out_partial(bad[i], buf, 8), 0);
		EXPECT_EQ(mm_copy_in_string(buf, bad[i], 8), -EFAULT);
		EXPECT_EQ(mm_load_user32(bad[i], &value), -EFAULT);
		EXPECT_EQ(mm_store_user32(bad[i], 1), -EFAULT);
		EXPECT_EQ(mm_cas_user32(bad[i], 1, 2, &value), -EFAULT);
	}
	EXPECT_EQ(value, 77);
	EXPECT_EQ(mm_copy_in(buf, at, SIZE_MAX), -EFAULT);
	EXPECT_EQ(mm_load_user32(at + 2, &value), -EINVAL);
	// Up to where it ends, and not into what may only be read.
	EXPECT_EQ(mm_copy_out_partial(at + PAGE - 4, buf, 8), 4);
	EXPECT_EQ(mm_copy_out(at + PAGE - 4, buf, 8), -EFAULT);
	EXPECT_EQ(mm_copy_in_partial(buf, at + 2 * PAGE - 4, 8), 4);
	EXPECT_EQ(mm_store_user32(at + PAGE, 1), -EFAULT);
	enter(before);
	mm_space_put(space);
	// A thread without a user space.
	if (!before)
		EXPECT_EQ(mm_copy_in(buf, at, 8), -EFAULT);
}

// The page that is copied to is shared by fork and then written by its own program, while the copy waits for the
// other side's page.
static struct mm_space *forked, *child;
static vaddr_t forked_at;

static err_t fork_in_between(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	child = mm_space_fork(forked);
	EXPECT(child != NULL);
	EXPECT_EQ(t_store(forked, forked_at, 1), 0);
	return t_slow_ops.get_page(object, index, for_write, frame);
}

TEST(mm, copies_to_another_space_survive_its_fork)
{
	struct mm_object_ops ops = t_slow_ops;
	struct t_file file;
	ops.get_page = fork_in_between;
	t_file_init(&file, &ops, 1);
	struct mm_space *space = mm_space_create(), *before = enter(space);
	vaddr_t here = t_map_object(space, 0, PAGE, R, &file.object, 0);
	forked = mm_space_create();
	forked_at = t_map(forked, 0, PAGE, RW);
	EXPECT_EQ(t_store(forked, forked_at + 8, 2), 0);
	bool is_theirs;
	EXPECT_EQ(mm_copy_to_space(forked, forked_at + 8, here, 4, &is_theirs), 0);
	EXPECT_EQ(t_get(forked, forked_at), 1);
	EXPECT_EQ(t_get(forked, forked_at + 8), 0xf11e0000u);
	enter(before);
	if (child)
		mm_space_put(child);
	mm_space_put(forked);
	mm_space_put(space);
	t_file_destroy(&file);
}
