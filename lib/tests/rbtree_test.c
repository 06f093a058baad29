// SPDX-License-Identifier: MIT
// If these fail, run queues and timers lose threads, run them out of order, or walk astray.
#include <lib/hash.h>
#include <lib/rbtree.h>
#include <lib/test.h>

#define NODES 200

struct item {
	uint32_t key;
	uint32_t serial;
	struct rbnode node;
};

static struct item items[NODES];

static bool item_less(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, struct item, node)->key < rb_entry(b, struct item, node)->key;
}

static struct rbnode *parent_of(const struct rbnode *n)
{
	return (struct rbnode *)(n->parent_color & ~(uintptr_t)1);
}

static bool is_red(const struct rbnode *n)
{
	return n && !(n->parent_color & 1);
}

static unsigned black_height(const struct rbnode *n)
{
	unsigned height = 0;

	for (; n; n = n->left)
		height += !is_red(n);
	return height;
}

/** Every invariant that concerns @n and its children. */
static bool node_is_sound(const struct rbnode *n)
{
	if (is_red(n) && (is_red(n->left) || is_red(n->right)))
		return false;
	if ((n->left && parent_of(n->left) != n) || (n->right && parent_of(n->right) != n))
		return false;
	return black_height(n->left) == black_height(n->right);
}

/** Walk both ways; equal keys stand in order of insertion. Returns the number of nodes, -1. */
static int check_tree(const struct rbtree *tree)
{
	struct rbnode *prev = NULL;
	int count = 0;

	if (is_red(tree->root) || (tree->root && parent_of(tree->root)))
		return -1;
	for (struct rbnode *n = rbtree_first(tree); n; prev = n, n = rbtree_next(n), count++) {
		if (!node_is_sound(n) || rbtree_prev(n) != prev)
			return -1;
		if (!prev)
			continue;
		struct item *a = rb_entry(prev, struct item, node);
		struct item *b = rb_entry(n, struct item, node);

		if (a->key > b->key || (a->key == b->key && a->serial > b->serial))
			return -1;
	}
	return rbtree_last(tree) == prev ? count : -1;
}

static void insert(struct rbtree *tree, struct item *it, uint32_t key, uint32_t serial)
{
	it->key = key;
	it->serial = serial;
	rbtree_insert(tree, &it->node, item_less);
}

TEST(lib, rbtree_stays_balanced_under_random_work)
{
	struct rbtree tree = RBTREE_INIT;
	int count = 0, broken = 0;

	for (int i = 0; i < NODES; i++)
		rbnode_init(&items[i].node);
	for (uint32_t step = 0; step < 4000; step++) {
		uint64_t r = hash_u64(step + 1);
		struct item *it = &items[r % NODES];

		if (rbnode_is_linked(&it->node)) {
			rbtree_remove(&tree, &it->node);
			count--;
		} else {
			insert(&tree, it, (r >> 32) % 64, step);
			count++;
		}
		if (step % 16 == 0 || count < 8)
			broken += check_tree(&tree) != count;
	}
	EXPECT_EQ(broken, 0);
	while (rbtree_first(&tree))
		rbtree_remove(&tree, rbtree_first(&tree));
	EXPECT(rbtree_is_empty(&tree) && rbtree_last(&tree) == NULL);
}

TEST(lib, rbtree_takes_ascending_and_descending_keys)
{
	struct rbtree tree;
	int broken = 0;

	rbtree_init(&tree);
	for (int i = 0; i < NODES; i++)
		insert(&tree, &items[i], i < NODES / 2 ? i : 2 * NODES - i, i);
	EXPECT_EQ(check_tree(&tree), NODES);
	EXPECT(black_height(tree.root) <= 8);
	for (int i = NODES - 1; i > 0; i--) {
		rbtree_remove(&tree, rbtree_last(&tree));
		broken += check_tree(&tree) != i;
	}
	EXPECT_EQ(broken, 0);
	EXPECT(rbtree_first_entry(&tree, struct item, node) == &items[0]);
	EXPECT(rbtree_next_entry(&items[0], node) == NULL);
}

TEST(lib, rbtree_replaces_in_place)
{
	struct rbtree tree = RBTREE_INIT;
	struct item fresh = {.key = 0};

	for (int i = 0; i < 20; i++)
		insert(&tree, &items[i], i, i);
	for (int i = 0; i < 20; i++) {
		fresh.key = i;
		fresh.serial = i;
		rbtree_replace(&tree, &items[i].node, &fresh.node);
		EXPECT(!rbnode_is_linked(&items[i].node));
		EXPECT_EQ(check_tree(&tree), 20);
		rbtree_replace(&tree, &fresh.node, &items[i].node);
		EXPECT_EQ(check_tree(&tree), 20);
	}
}
