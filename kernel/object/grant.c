// SPDX-License-Identifier: MIT
// Grants and their tree.
//
// The tree (parent, children, sibling) has one lock, taken only to derive, revoke and free; nothing
// else is taken under it. A child keeps its parent in the tree, so a subtree is walked without
// recursion; but not the parent's rights, which go with the last holder: else a client's descriptor
// would keep the endpoint's receive right alive after the server's death.
// Revocation zeroes the rights words under the lock, then waits a grace period: an operation that had
// read the word before has ended (or is blocked and is found by the object's grant_gone()).
#include <kernel/lock.h>
#include <mm/slab.h>
#include <object/grant.h>
#include <object/init.h>
#include <uapi/errno.h>

static struct spinlock tree_lock = SPINLOCK_INIT;
static struct slab_cache *grant_cache;

void grant_init_cache(void)
{
	grant_cache = slab_cache_create("grant", sizeof(struct grant), 16);
}

static void grant_init(struct grant *grant, struct object *object, uint32_t rights, uint64_t badge)
{
	atomic_init(&grant->rights, rights);
	atomic_init(&grant->refs, 1);
	atomic_init(&grant->links, 1);
	grant->object = object;
	grant->badge = badge;
	grant->parent = NULL;
	list_init(&grant->children);
	list_init(&grant->sibling);
	grant->is_embedded = false;
}

struct grant *grant_create(struct object *object, uint32_t type_and_rights, uint64_t badge)
{
	struct grant *grant = slab_alloc(grant_cache);
	if (grant)
		grant_init(grant, object, type_and_rights, badge);
	return grant;
}

void grant_init_embedded(struct grant *grant, struct object *object, uint32_t type_and_rights)
{
	grant_init(grant, object, type_and_rights, 0);
	grant->is_embedded = true;
}

/** grant_derive() once the object knows of the new rights. */
static err_t derive(struct grant *parent, uint32_t rights, uint64_t badge, struct grant **child)
{
	struct grant *grant = grant_create(parent->object, 0, badge);
	if (!grant)
		return -ENOMEM;
	irqflags_t flags = spin_lock_irqsave(&tree_lock);
	uint32_t have = load_relaxed(&parent->rights);
	err_t err = !have ? -EBADF : (rights & ~have) ? -EPERM : 0;
	if (!err) {
		object_get(parent->object);
		fetch_add_relaxed(&parent->links, 1);
		grant->parent = parent;
		atomic_init(&grant->rights, (have & OBJECT_TYPE_MASK) | rights);
		list_push_back(&parent->children, &grant->sibling);
	}
	spin_unlock_irqrestore(&tree_lock, flags);
	if (err)
		slab_free(grant_cache, grant);
	else
		*child = grant;
	return err;
}

err_t grant_derive(struct grant *parent, uint32_t rights, uint64_t badge, struct grant **child)
{
	const struct object_ops *ops = parent->object->ops;
	if (ops->grant_new)
		ops->grant_new(parent->object, rights);
	err_t err = derive(parent, rights, badge, child);
	if (err && ops->grant_gone)
		ops->grant_gone(parent->object, rights);
	return err;
}

static void free_grant(struct quiesce *head)
{
	slab_free(grant_cache, container_of(head, struct grant, quiesce));
}

/** Neither a holder nor a child is left: leave the tree. Returns the parent, to which this grant was a
 *  link and which may be the next to go. */
static struct grant *grant_release(struct grant *grant)
{
	struct object *object = grant->object;
	struct grant *parent = grant->parent;
	if (parent) {
		irqflags_t flags = spin_lock_irqsave(&tree_lock);
		list_remove(&grant->sibling);
		spin_unlock_irqrestore(&tree_lock, flags);
	}
	if (!grant->is_embedded)
		quiesce_defer(&grant->quiesce, free_grant);
	object_put(object);
	return parent;
}

static void drop_link(struct grant *grant)
{
	while (grant && fetch_sub_acq_rel(&grant->links, 1) == 1)
		grant = grant_release(grant);
}

void grant_put(struct grant *grant)
{
	if (fetch_sub_acq_rel(&grant->refs, 1) != 1)
		return;
	uint32_t rights = exchange_acq_rel(&grant->rights, 0);
	if (rights && grant->object->ops->grant_gone)
		grant->object->ops->grant_gone(grant->object, rights);
	drop_link(grant);
}

/** The next grant of @top's subtree in depth-first order; NULL at the end (tree lock). */
static struct grant *next_descendant(struct grant *top, struct grant *at)
{
	struct grant *child = list_first_entry(&at->children, struct grant, sibling);
	if (child)
		return child;
	for (; at != top; at = at->parent) {
		if (at->sibling.next != &at->parent->children)
			return list_entry(at->sibling.next, struct grant, sibling);
	}
	return NULL;
}

/** A link to a grant of the tree, unless it is about to leave it (tree lock). */
static bool try_link(struct grant *grant)
{
	uint32_t links = load_relaxed(&grant->links);
	while (links && !cas_acq_rel(&grant->links, &links, links + 1))
		;
	return links != 0;
}

/** Kill one living descendant of @top; it is returned with a link, so that its object can be told
 *  outside the lock (not if *@rights is 0: its last holder was quicker). NULL: none is alive. */
static struct grant *kill_one(struct grant *top, uint32_t *rights)
{
	irqflags_t flags = spin_lock_irqsave(&tree_lock);
	struct grant *at = next_descendant(top, top);
	while (at && !(load_relaxed(&at->rights) && try_link(at)))
		at = next_descendant(top, at);
	if (at)
		*rights = exchange_acq_rel(&at->rights, 0);
	spin_unlock_irqrestore(&tree_lock, flags);
	return at;
}

void grant_revoke_descendants(struct grant *grant)
{
	struct grant *dead;
	uint32_t rights;
	bool any = false;
	while ((dead = kill_one(grant, &rights))) {
		any = true;
		if (rights && dead->object->ops->grant_gone)
			dead->object->ops->grant_gone(dead->object, rights);
		drop_link(dead);
	}
	if (any)
		quiesce_wait();
}
