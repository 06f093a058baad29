// SPDX-License-Identifier: MIT
// Red-black tree. Invariants between calls: the root is black; a red node has black children; every
// way from the root to a missing child passes the same number of black nodes; `first` is the
// leftmost node. Mirror cases are written once: `side` is 0 for left and 1 for right.
#include <lib/rbtree.h>

#define BLACK ((uintptr_t)1)

static struct rbnode *parent_of(const struct rbnode *n)
{
	return (struct rbnode *)(n->parent_color & ~BLACK);
}

static bool is_red(const struct rbnode *n)
{
	return n && !(n->parent_color & BLACK);
}

static void set_black(struct rbnode *n)
{
	n->parent_color |= BLACK;
}

static void set_red(struct rbnode *n)
{
	n->parent_color &= ~BLACK;
}

static void set_parent(struct rbnode *n, struct rbnode *parent)
{
	n->parent_color = (uintptr_t)parent | (n->parent_color & BLACK);
}

static struct rbnode **child_at(struct rbnode *n, int side)
{
	return side ? &n->right : &n->left;
}

static struct rbnode *outermost(struct rbnode *n, int side)
{
	while (*child_at(n, side))
		n = *child_at(n, side);
	return n;
}

/** Make the link that led from @parent (NULL: the root) to @old lead to @fresh. */
static void replace_child(struct rbtree *tree, struct rbnode *parent, struct rbnode *old,
			  struct rbnode *fresh)
{
	if (!parent)
		tree->root = fresh;
	else
		*child_at(parent, parent->right == old) = fresh;
}

/** Turn @n down towards @side; its other child comes up in its place. */
static void rotate(struct rbtree *tree, struct rbnode *n, int side)
{
	struct rbnode *up = *child_at(n, !side);
	struct rbnode *inner = *child_at(up, side);
	struct rbnode *parent = parent_of(n);

	*child_at(n, !side) = inner;
	if (inner)
		set_parent(inner, n);
	*child_at(up, side) = n;
	set_parent(n, up);
	set_parent(up, parent);
	replace_child(tree, parent, n, up);
}

struct rbnode *rbtree_last(const struct rbtree *tree)
{
	return tree->root ? outermost(tree->root, 1) : NULL;
}

static struct rbnode *neighbour(const struct rbnode *node, int side)
{
	struct rbnode *n = (struct rbnode *)(uintptr_t)node;
	struct rbnode *parent;

	if (*child_at(n, side))
		return outermost(*child_at(n, side), !side);
	while ((parent = parent_of(n)) && n == *child_at(parent, side))
		n = parent;
	return parent;
}

struct rbnode *rbtree_next(const struct rbnode *node)
{
	return neighbour(node, 1);
}

struct rbnode *rbtree_prev(const struct rbnode *node)
{
	return neighbour(node, 0);
}

void rbtree_insert_fixup(struct rbtree *tree, struct rbnode *node)
{
	struct rbnode *parent;

	if (!tree->first || tree->first->left == node)
		tree->first = node;
	while ((parent = parent_of(node)) && is_red(parent)) {
		struct rbnode *grand = parent_of(parent); // a red node is never the root
		int side = parent == grand->right;
		struct rbnode *uncle = *child_at(grand, !side);

		if (is_red(uncle)) {
			set_black(parent);
			set_black(uncle);
			set_red(grand);
			node = grand;
			continue;
		}
		if (node == *child_at(parent, !side)) {
			rotate(tree, parent, side);
			parent = node;
		}
		set_black(parent);
		set_red(grand);
		rotate(tree, grand, !side);
		break;
	}
	set_black(tree->root);
}

/** One black node is missing on every way through @node (NULL: the missing child of @parent). */
static void remove_fixup(struct rbtree *tree, struct rbnode *parent, struct rbnode *node)
{
	while (node != tree->root && !is_red(node)) {
		int side = node == parent->right;
		struct rbnode *sib = *child_at(parent, !side);

		if (is_red(sib)) {
			set_black(sib);
			set_red(parent);
			rotate(tree, parent, side);
			sib = *child_at(parent, !side);
		}
		if (!is_red(sib->left) && !is_red(sib->right)) {
			set_red(sib);
			node = parent;
			parent = parent_of(node);
			continue;
		}
		if (!is_red(*child_at(sib, !side))) {
			set_black(*child_at(sib, side));
			set_red(sib);
			rotate(tree, sib, !side);
			sib = *child_at(parent, !side);
		}
		sib->parent_color = (sib->parent_color & ~BLACK) | (parent->parent_color & BLACK);
		set_black(parent);
		set_black(*child_at(sib, !side));
		rotate(tree, parent, side);
		return;
	}
	if (node)
		set_black(node);
}

/** Cut out @node, which has at most one child. */
static void unlink_simple(struct rbtree *tree, struct rbnode *node)
{
	struct rbnode *child = node->left ? node->left : node->right;
	struct rbnode *parent = parent_of(node);

	replace_child(tree, parent, node, child);
	if (child)
		set_parent(child, parent);
	if (!is_red(node))
		remove_fixup(tree, parent, child);
}

/** Cut out @node, which has two children: its successor takes its place and colour, so what is
 *  missing is the successor's colour at the successor's old place. */
static void unlink_inner(struct rbtree *tree, struct rbnode *node)
{
	struct rbnode *next = outermost(node->right, 0);
	struct rbnode *child = next->right;
	struct rbnode *parent = parent_of(next);
	bool was_red = is_red(next);

	if (parent == node) {
		parent = next;
	} else {
		parent->left = child;
		if (child)
			set_parent(child, parent);
		next->right = node->right;
		set_parent(next->right, next);
	}
	next->left = node->left;
	set_parent(next->left, next);
	next->parent_color = node->parent_color;
	replace_child(tree, parent_of(node), node, next);
	if (!was_red)
		remove_fixup(tree, parent, child);
}

void rbtree_remove(struct rbtree *tree, struct rbnode *node)
{
	if (tree->first == node)
		tree->first = rbtree_next(node);
	if (node->left && node->right)
		unlink_inner(tree, node);
	else
		unlink_simple(tree, node);
	rbnode_init(node);
}

void rbtree_replace(struct rbtree *tree, struct rbnode *old, struct rbnode *fresh)
{
	*fresh = *old;
	replace_child(tree, parent_of(old), old, fresh);
	if (fresh->left)
		set_parent(fresh->left, fresh);
	if (fresh->right)
		set_parent(fresh->right, fresh);
	if (tree->first == old)
		tree->first = fresh;
	rbnode_init(old);
}
