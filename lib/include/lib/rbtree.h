// SPDX-License-Identifier: MIT
// Intrusive red-black tree with a cached leftmost node. Equal elements keep their order of
// insertion. The caller holds whatever lock the tree needs.
#pragma once

#include <lib/types.h>

// parent_color: address of the parent, bit 0 set when the node is black. A node on no tree is its
// own parent.
struct rbnode {
	uintptr_t parent_color;
	struct rbnode *left;
	struct rbnode *right;
};

struct rbtree {
	struct rbnode *root;
	struct rbnode *first;
};

#define RBTREE_INIT {NULL, NULL}
#define rb_entry(node, type, member) container_of(node, type, member)

/** Whether @a stands before @b. */
typedef bool (*rbtree_less_fn)(const struct rbnode *a, const struct rbnode *b);

static inline void rbtree_init(struct rbtree *tree)
{
	tree->root = NULL;
	tree->first = NULL;
}

static inline bool rbtree_is_empty(const struct rbtree *tree)
{
	return tree->root == NULL;
}

/** The first node in O(1), NULL when the tree is empty. */
static inline struct rbnode *rbtree_first(const struct rbtree *tree)
{
	return tree->first;
}

static inline void rbnode_init(struct rbnode *node)
{
	node->parent_color = (uintptr_t)node;
}

/** Whether @node is on a tree. The node was initialised by rbnode_init(). */
static inline bool rbnode_is_linked(const struct rbnode *node)
{
	return (node->parent_color & ~(uintptr_t)1) != (uintptr_t)node;
}

struct rbnode *rbtree_last(const struct rbtree *tree);

/** The neighbour in order, NULL past the end. */
struct rbnode *rbtree_next(const struct rbnode *node);
struct rbnode *rbtree_prev(const struct rbnode *node);

/** Hang @node under @parent at *@link (&parent->left, &parent->right or &tree->root), found by the
 *  caller's own descent. rbtree_insert_fixup() must follow. */
static inline void rbtree_link(struct rbnode *node, struct rbnode *parent, struct rbnode **link)
{
	node->parent_color = (uintptr_t)parent;
	node->left = NULL;
	node->right = NULL;
	*link = node;
}

void rbtree_insert_fixup(struct rbtree *tree, struct rbnode *node);

/** Take @node off @tree; rbnode_is_linked() is false afterwards. */
void rbtree_remove(struct rbtree *tree, struct rbnode *node);

/** The cheap case of both: @tree is empty / @node is all that is on it. Inline, for trees that mostly
 *  hold one node or none. */
static inline void rbtree_insert_only(struct rbtree *tree, struct rbnode *node)
{
	node->parent_color = 1; // no parent, black
	node->left = NULL;
	node->right = NULL;
	tree->root = node;
	tree->first = node;
}

static inline bool rbtree_is_only(const struct rbtree *tree, const struct rbnode *node)
{
	return tree->root == node && !node->left && !node->right;
}

static inline void rbtree_remove_only(struct rbtree *tree, struct rbnode *node)
{
	tree->root = NULL;
	tree->first = NULL;
	rbnode_init(node);
}

/** Put @fresh, which compares equal, in the place of @old; @old is on no tree afterwards. */
void rbtree_replace(struct rbtree *tree, struct rbnode *old, struct rbnode *fresh);

/** Insert @node behind all that are not after it. Inline, so that @less is a direct call. */
static always_inline void rbtree_insert(struct rbtree *tree, struct rbnode *node,
					rbtree_less_fn less)
{
	struct rbnode **link = &tree->root;
	struct rbnode *parent = NULL;

	while (*link) {
		parent = *link;
		link = less(node, parent) ? &parent->left : &parent->right;
	}
	rbtree_link(node, parent, link);
	rbtree_insert_fixup(tree, node);
}

#define rbtree_entry_or_null_(node, type, member)                                                  \
	({                                                                                         \
		struct rbnode *node_ = (node);                                                     \
		node_ ? rb_entry(node_, type, member) : (type *)NULL;                              \
	})
#define rbtree_first_entry(tree, type, member)                                                     \
	rbtree_entry_or_null_(rbtree_first(tree), type, member)
#define rbtree_last_entry(tree, type, member)                                                      \
	rbtree_entry_or_null_(rbtree_last(tree), type, member)
#define rbtree_next_entry(pos, member)                                                             \
	rbtree_entry_or_null_(rbtree_next(&(pos)->member), __typeof__(*(pos)), member)
#define rbtree_prev_entry(pos, member)                                                             \
	rbtree_entry_or_null_(rbtree_prev(&(pos)->member), __typeof__(*(pos)), member)
