// SPDX-License-Identifier: MIT
// Names of views, without a mount: what lookups find.
#include "../view.h"

#include <lib/string.h>
#include <lib/test.h>
#include <uapi/errno.h>

static int64_t next_even(const struct view_id *id, uint32_t from)
{
	(void)id;
	from += from & 1;
	return from <= 10 ? (int64_t)from : -1;
}

static err_t enter_even(const struct view_id *id, uint32_t number, struct view_id *child)
{
	child->number = number;
	return next_even(id, number) == (int64_t)number ? 0 : -ENOENT;
}

static err_t show_number(struct text *out, const struct view_id *id)
{
	text_printf(out, "%u", id->number);
	return 0;
}

static const struct view_entry entries[] = {VIEW_TEXT("fixed", "text\n"), VIEW_TEXT("n3", "")};
static const struct view_entry each = {.mode = FS_IFLNK | 0777, .show = show_number};
static const struct view_dir dir = {
	.entries = entries,
	.count = array_len(entries),
	.each = &each,
	.prefix = "n",
	.next = next_even,
	.enter = enter_even,
};
static const struct view_entry root = {.mode = FS_IFDIR | 0555, .dir = &dir};
static const struct fs_type type = {.name = "view test"};

static err_t look_up(struct fs_super *super, const char *name, struct vnode **vnode)
{
	*vnode = NULL;
	return super->root->ops->lookup(super->root, name, strlen(name), vnode);
}

TEST(abi, view_finds_names_and_numbers)
{
	static struct view_fs fs = {.root = &root};
	struct fs_super *super;
	struct vnode *vnode, *again;
	view_fs_init(&fs);
	EXPECT_EQ(view_fs_mount(&fs, &type, &super), 0);
	EXPECT_EQ(look_up(super, "fixed", &vnode), 0);
	EXPECT_EQ(vnode->mode, FS_IFREG | 0444);
	EXPECT_EQ(vnode->uid, 0);
	vnode_put(vnode);
	char text[8];
	EXPECT_EQ(look_up(super, "n10", &vnode), 0);
	EXPECT_EQ(vnode->ops->readlink(vnode, text, sizeof(text)), 2);
	EXPECT(!memcmp(text, "10", 2));
	EXPECT_EQ(vnode->ops->readlink(vnode, text, 1), 1);
	// The same name has the same inode number, another one has another.
	EXPECT_EQ(look_up(super, "n10", &again), 0);
	EXPECT_EQ(vnode->ino, again->ino);
	vnode_put(again);
	EXPECT_EQ(look_up(super, "n3", &again), 0); // a fixed name goes before numbers
	EXPECT(vnode->ino != again->ino);
	vnode_put(again);
	vnode_put(vnode);
}

TEST(abi, view_refuses_other_names)
{
	static const char *const names[] = {
		"",    "n",    "n5",	 "n12", "n02",			  "n+2",
		"n2 ", "fixe", "fixed2", "2",	"n99999999999999999999"};
	static struct view_fs fs = {.root = &root};
	struct fs_super *super;
	struct vnode *vnode;
	view_fs_init(&fs);
	EXPECT_EQ(view_fs_mount(&fs, &type, &super), 0);
	for (unsigned i = 0; i < array_len(names); i++)
		EXPECT_EQ(look_up(super, names[i], &vnode), -ENOENT);
}
