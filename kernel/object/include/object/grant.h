// SPDX-License-Identifier: MIT
// A grant: the right to do something with an object, as a descriptor slot points to it. Immutable but
// for its death: revocation sets the rights word to 0, so a stale descriptor fails the same single
// test that checks type and right. dup, fork and messages share a grant; restrict and mint make
// children; revoke kills the subtree below a grant.
#pragma once

#include <kernel/quiesce.h>
#include <lib/list.h>
#include <lib/types.h>
#include <object/object.h>
#include <uapi/errno.h>

/** What holds for a grant together with all its descendants; those may have narrower ones. */
struct grant_terms {
	_Atomic uint32_t living; // grants that have rights, and terms below that have any
	_Atomic uint32_t refs; // grants and terms below, to the end of their memory
	struct grant_terms *parent; // of the grant above; may be NULL
	struct object *told; // a notification, which gets told_bits when no grant lives; NULL = none
	uint64_t told_bits;
	nsec_t interval; // between messages; 0 = no limit
	nsec_t tolerance; // by which they may come early: the burst
	_Atomic uint64_t due; // when the next one is due (grant_admit())
};

struct grant {
	_Atomic uint32_t rights; // object type | rights; 0 = revoked
	_Atomic uint32_t refs; // slots and messages in flight
	struct object *object; // holds a reference until the grant is freed
	uint64_t badge;
	struct grant *parent; // tree lock; for life; holds a link
	struct list children, sibling; // tree lock
	struct grant_terms *terms; // its own or its parent's; NULL = none. Holds a reference.
	struct quiesce quiesce;
	_Atomic uint32_t links; // children, and one for all refs; at 0 the grant is freed
	uint32_t charged; // bytes, to account; GRANT_EMBEDDED: none, it is inside its object (files)
	struct account *account; // who made it; NULL: nobody
};
#define GRANT_EMBEDDED UINT32_MAX

/** A root grant of a new object: takes over the caller's object reference (not on errors). refs 1. It and
 *  the object's @bytes are charged to current's account. -ENOMEM, -ENOSPC (account_charge()). */
must_check err_t grant_create(struct object *object, uint32_t type_and_rights, uint64_t badge, size_t bytes,
			      struct grant **grant);
/** The same below @parent, a grant to another object, with which it is revoked. Nothing else connects them.
 *  -ENOMEM, -ENOSPC, -EBADF (@parent is revoked): the object reference stays with the caller. */
must_check err_t grant_create_below(struct grant *parent, struct object *object, uint32_t type_and_rights,
				    size_t bytes, struct grant **child);
/** Fill a grant that is embedded in its object; refs 1. */
void grant_init_embedded(struct grant *grant, struct object *object, uint32_t type_and_rights);
/** A child of @parent with a subset of its rights; -EPERM, -ENOMEM, -ENOSPC, -EBADF (revoked meanwhile). */
must_check err_t grant_derive(struct grant *parent, uint32_t rights, uint64_t badge,
			      struct grant **child);
/** The same on @terms (their only reference is taken over, also on errors), narrower than the parent's. */
must_check err_t grant_derive_on(struct grant *parent, uint32_t rights, uint64_t badge,
				 struct grant_terms *terms, struct grant **child);
/** Terms that ask for nothing yet. NULL = no memory. */
must_check struct grant_terms *grant_terms_create(void);
/** The last grant tells @told, to which a reference is taken. */
void grant_terms_tell(struct grant_terms *terms, struct object *told, uint64_t bits);
/** @rate messages a second, @burst of them at once. -EINVAL: 0, or more than GRANT_RATE_MAX. */
#define GRANT_RATE_MAX 10000000
must_check err_t grant_terms_limit(struct grant_terms *terms, uint64_t rate, uint64_t burst);
void grant_terms_put(struct grant_terms *terms);
/** May a message pass through @grant now? If so, it counts. */
bool grant_admit(struct grant *grant);

/** Kill all descendants of @grant; on return no operation through them begins any more. Sleeps. */
void grant_revoke_descendants(struct grant *grant);
/** The same for all grants with @badge to @grant's object but @grant itself. */
void grant_revoke_badge(struct grant *grant, uint64_t badge);

/** There is only one holder ever: it can be moved, but not copied by dup, fork or a message. */
static inline bool grant_is_single(struct grant *grant)
{
	return (load_relaxed(&grant->rights) & OBJECT_TYPE_MASK) == OBJECT_REPLY;
}

static inline void grant_get(struct grant *grant)
{
	fetch_add_relaxed(&grant->refs, 1);
}
/** The same for a grant that may be losing its last holder; false: it has. */
static inline bool grant_try_get(struct grant *grant)
{
	uint32_t refs = load_relaxed(&grant->refs);
	while (refs && !cas_acq_rel(&grant->refs, &refs, refs + 1))
		;
	return refs != 0;
}
/** One holder less. With the last one go the rights; the grant stays in the tree while it has children,
 *  whose rights are their own. May sleep. */
void grant_put(struct grant *grant);

/** 0; -EBADF: of another type or revoked; -EPERM: without all of @rights. One look: a revocation on
 *  another CPU comes before or after, never between. */
static inline err_t grant_check(struct grant *grant, uint32_t type, uint32_t rights)
{
	uint32_t have = load_relaxed(&grant->rights);
	return (have & OBJECT_TYPE_MASK & ~GRANT_LIMITED) != type ? -EBADF : rights & ~have ? -EPERM : 0;
}

/** May @grant be put into a queue, for another process? Files always, other objects with IPC_RIGHT_GRANT; a
 *  reply right is for no queue. -EBADF (revoked), -EPERM. */
must_check err_t grant_check_passing(struct grant *grant);

/** Type and all bits of @wanted (type | rights) are there? False for revoked ones, and for limited ones
 *  if @wanted does not say so. */
static inline bool grant_allows(struct grant *grant, uint32_t wanted)
{
	return (load_relaxed(&grant->rights) & (OBJECT_TYPE_MASK | wanted)) == wanted;
}
