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
#include <kernel/time.h>
#include <mm/slab.h>
#include <object/account.h>
#include <object/grant.h>
#include <object/init.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

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
	grant->terms = NULL;
	grant->account = NULL;
	grant->charged = 0;
}

// ---- terms --------------------------------------------------------------------------------------

struct grant_terms *grant_terms_create(void)
{
	struct grant_terms *terms = kzalloc(sizeof(*terms));
	if (terms)
		atomic_init(&terms->refs, 1);
	return terms;
}

void grant_terms_tell(struct grant_terms *terms, struct object *told, uint64_t bits)
{
	object_get(told);
	terms->told = told;
	terms->told_bits = bits;
}

err_t grant_terms_limit(struct grant_terms *terms, uint64_t rate, uint64_t burst)
{
	if (!rate || rate > GRANT_RATE_MAX || !burst || burst > GRANT_RATE_MAX)
		return -EINVAL;
	terms->interval = NSEC_PER_SEC / rate;
	terms->tolerance = terms->interval * (burst - 1);
	return 0;
}

void grant_terms_put(struct grant_terms *terms)
{
	while (terms && fetch_sub_acq_rel(&terms->refs, 1) == 1) {
		struct grant_terms *parent = terms->parent;
		if (terms->told)
			object_put(terms->told);
		kfree(terms);
		terms = parent;
	}
}

/** What a new grant below one on @above lives on: @own, whose reference it takes over, or the same. */
static struct grant_terms *terms_inherit(struct grant_terms *own, struct grant_terms *above)
{
	struct grant_terms *terms = own ? own : above;
	if (own)
		own->parent = above;
	if (above) {
		fetch_add_relaxed(&above->refs, 1);
		fetch_add_relaxed(&above->living, 1);
	}
	if (own)
		atomic_init(&own->living, 1);
	return terms;
}

/** One living grant less on @terms. */
static void terms_end(struct grant_terms *terms)
{
	for (; terms && fetch_sub_acq_rel(&terms->living, 1) == 1; terms = terms->parent) {
		if (terms->told)
			terms->told->ops->signal(terms->told, terms->told_bits);
	}
}

/** One message each interval is due; it may come early by the tolerance, and a late one moves those
 *  after it: so it is never more than the burst at once, and the rate in the long run. */
static bool terms_admit(struct grant_terms *terms, nsec_t now)
{
	uint64_t due = load_relaxed(&terms->due);
	do {
		if (due > now && due - now > terms->tolerance)
			return false;
	} while (!cas_acq_rel(&terms->due, &due, max(due, now) + terms->interval));
	return true;
}

bool grant_admit(struct grant *grant)
{
	for (struct grant_terms *terms = grant->terms; terms; terms = terms->parent) {
		if (terms->interval && !terms_admit(terms, time_now()))
			return false;
	}
	return true;
}

// ---- life ---------------------------------------------------------------------------------------

err_t grant_create(struct object *object, uint32_t type_and_rights, uint64_t badge, size_t bytes,
		   struct grant **created)
{
	struct account *account;
	bytes += sizeof(struct grant);
	err_t err = account_charge(bytes, &account);
	if (err)
		return err;
	struct grant *grant = slab_alloc(grant_cache);
	if (!grant) {
		account_uncharge(account, bytes);
		return -ENOMEM;
	}
	grant_init(grant, object, type_and_rights, badge);
	grant->account = account;
	grant->charged = (uint32_t)bytes;
	*created = grant;
	return 0;
}

/** @grant was never used. */
static void discard(struct grant *grant)
{
	account_uncharge(grant->account, grant->charged);
	slab_free(grant_cache, grant);
}

void grant_init_embedded(struct grant *grant, struct object *object, uint32_t type_and_rights)
{
	grant_init(grant, object, type_and_rights, 0);
	grant->charged = GRANT_EMBEDDED; // freed with it
}

/** Tree lock. */
static void link_below(struct grant *parent, struct grant *child)
{
	fetch_add_relaxed(&parent->links, 1);
	child->parent = parent;
	list_push_back(&parent->children, &child->sibling);
}

err_t grant_create_below(struct grant *parent, struct object *object, uint32_t type_and_rights, size_t bytes,
			 struct grant **child)
{
	err_t err = grant_create(object, type_and_rights, 0, bytes, child);
	if (err)
		return err;
	irqflags_t flags = spin_lock_irqsave(&tree_lock);
	err = load_relaxed(&parent->rights) ? 0 : -EBADF;
	if (!err)
		link_below(parent, *child);
	spin_unlock_irqrestore(&tree_lock, flags);
	if (err)
		discard(*child);
	return err;
}

/** grant_derive_on() once the object knows of the new rights. */
static err_t derive(struct grant *parent, uint32_t rights, uint64_t badge, struct grant_terms *terms,
		    struct grant **child)
{
	struct grant *grant;
	err_t err = grant_create(parent->object, 0, badge, terms ? sizeof(*terms) : 0, &grant);
	if (err)
		return err;
	irqflags_t flags = spin_lock_irqsave(&tree_lock);
	uint32_t have = load_relaxed(&parent->rights);
	err = !have ? -EBADF : (rights & ~have) ? -EPERM : 0;
	if (!err) {
		object_get(parent->object);
		link_below(parent, grant);
		grant->terms = terms_inherit(terms, parent->terms);
		if (terms && terms->interval)
			have |= GRANT_LIMITED;
		atomic_init(&grant->rights, (have & OBJECT_TYPE_MASK) | rights);
	}
	spin_unlock_irqrestore(&tree_lock, flags);
	if (err)
		discard(grant);
	else
		*child = grant;
	return err;
}

err_t grant_derive_on(struct grant *parent, uint32_t rights, uint64_t badge, struct grant_terms *terms,
		      struct grant **child)
{
	const struct object_ops *ops = parent->object->ops;
	if (ops->grant_new)
		ops->grant_new(parent->object, rights);
	err_t err = derive(parent, rights, badge, terms, child);
	if (!err)
		return 0;
	if (ops->grant_gone)
		ops->grant_gone(parent->object, rights);
	grant_terms_put(terms);
	return err;
}

err_t grant_derive(struct grant *parent, uint32_t rights, uint64_t badge, struct grant **child)
{
	return grant_derive_on(parent, rights, badge, NULL, child);
}

err_t grant_check_passing(struct grant *grant)
{
	uint32_t rights = load_relaxed(&grant->rights), type = rights & OBJECT_TYPE_MASK;
	if (!rights)
		return -EBADF;
	return type == OBJECT_FILE || (type != OBJECT_REPLY && (rights & IPC_RIGHT_GRANT)) ? 0 : -EPERM;
}

static void free_grant(struct quiesce *head)
{
	struct grant *grant = container_of(head, struct grant, quiesce);
	grant_terms_put(grant->terms);
	slab_free(grant_cache, grant);
}

/** @grant had @rights and has none any more (the caller holds a link). */
static void grant_died(struct grant *grant, uint32_t rights)
{
	if (grant->object->ops->grant_gone)
		grant->object->ops->grant_gone(grant->object, rights);
	terms_end(grant->terms);
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
	if (grant->charged != GRANT_EMBEDDED) {
		account_uncharge(grant->account, grant->charged);
		quiesce_defer(&grant->quiesce, free_grant);
	}
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
	if (rights)
		grant_died(grant, rights);
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

/** Which grants to kill: the descendants of @top, but @spared; with this badge, if there is one. */
struct victims {
	struct grant *top, *spared;
	const uint64_t *badge;
};

static bool is_victim(const struct victims *victims, struct grant *grant)
{
	if (grant == victims->spared || (victims->badge && *victims->badge != grant->badge))
		return false;
	if (victims->spared && victims->spared->object != grant->object)
		return false;
	return load_relaxed(&grant->rights) && try_link(grant);
}

/** Kill one of @victims; it is returned with a link, so that its object can be told outside the lock
 *  (not if *@rights is 0: its last holder was quicker). NULL: none is alive. */
static struct grant *kill_one(const struct victims *victims, uint32_t *rights)
{
	irqflags_t flags = spin_lock_irqsave(&tree_lock);
	struct grant *at = next_descendant(victims->top, victims->top);
	while (at && !is_victim(victims, at))
		at = next_descendant(victims->top, at);
	if (at)
		*rights = exchange_acq_rel(&at->rights, 0);
	spin_unlock_irqrestore(&tree_lock, flags);
	return at;
}

static void kill_all(const struct victims *victims)
{
	struct grant *dead;
	uint32_t rights;
	bool any = false;
	while ((dead = kill_one(victims, &rights))) {
		any = true;
		if (rights)
			grant_died(dead, rights);
		drop_link(dead);
	}
	if (any)
		quiesce_wait();
}

void grant_revoke_descendants(struct grant *grant)
{
	kill_all(&(struct victims){.top = grant});
}

void grant_revoke_badge(struct grant *grant, uint64_t badge)
{
	struct grant *top = grant;
	while (top->parent) // for life, and kept in the tree by its children
		top = top->parent;
	kill_all(&(struct victims){.top = top, .spared = grant, .badge = &badge});
}
