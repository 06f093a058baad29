// SPDX-License-Identifier: MIT
// What a descriptor stands for: anything counted that has an operations table. Memory that lookups
// reach without a reference is freed after a grace period (kernel/quiesce.h).
#pragma once

#include <hal/atomic.h>
#include <kernel/quiesce.h>
#include <lib/types.h>

struct grant;
struct object;
struct poll_entry;

/** In the upper half of a grant's rights word, so that one comparison tests type and right. */
enum object_type {
	OBJECT_FILE = 1u << 16,
	OBJECT_ENDPOINT = 2u << 16,
	OBJECT_REPLY = 3u << 16,
	OBJECT_NOTIFICATION = 4u << 16,
	OBJECT_PORT = 5u << 16,
	OBJECT_CHANNEL = 6u << 16,
	OBJECT_REGION = 7u << 16,
	OBJECT_DEVICE = 8u << 16,
	OBJECT_DEVICE_ROOT = 9u << 16, // from which devices are opened
};
#define OBJECT_TYPE_MASK 0xffff0000u
/** Beside the type: the grant's messages are counted. So the fast path, which compares types, lets it be. */
#define GRANT_LIMITED (1u << 31)

/** One const table per type. */
struct object_ops {
	const char *name; // "file", "endpoint": /proc/PID/fd shows NAME:[number]
	/** No reference is left. Frees the object, at once or after a grace period. May sleep. */
	void (*destroy)(struct object *object);
	/** A grant with @rights is derived; told before it can be used. grant_gone() follows if that
	 *  fails. May be NULL, as all below. */
	void (*grant_new)(struct object *object, uint32_t rights);
	/** A grant with @rights to the object is gone (its last holder, or revoked). */
	void (*grant_gone)(struct object *object, uint32_t rights);
	/** Ready events (POLL* of <uapi/poll.h>); @entry, if not NULL, is first put on the poll source
	 *  that announces changes. May sleep. NULL: always ready to read and write. */
	uint32_t (*poll)(struct object *object, struct poll_entry *entry);
	/** Set @bits. Any context. Only of notifications. */
	void (*signal)(struct object *object, uint64_t bits);
};

struct object {
	const struct object_ops *ops;
	_Atomic uint32_t refs;
	_Atomic uint32_t flags; // owner's, and OBJECT_WATCHED
};

#define OBJECT_WATCHED (1u << 31) // somebody is told of its end (object/poll.h)
#define OBJECT_HOLDS_GRANTS (1u << 30) // in its queue, and it is no port: for no other kind of queue

/** @object has no reference left: its watches are told and end. */
void poll_forget(struct object *object);

static inline void object_init(struct object *object, const struct object_ops *ops)
{
	object->ops = ops;
	atomic_init(&object->refs, 1);
	atomic_init(&object->flags, 0);
}

static inline void object_get(struct object *object)
{
	fetch_add_relaxed(&object->refs, 1);
}

/** The same for an object that may be losing its last reference; false: it has. */
static inline bool object_try_get(struct object *object)
{
	uint32_t refs = load_relaxed(&object->refs);
	while (refs && !cas_acquire(&object->refs, &refs, refs + 1))
		;
	return refs != 0;
}

/** May sleep when it is the last one. */
static inline void object_put(struct object *object)
{
	if (fetch_sub_acq_rel(&object->refs, 1) != 1)
		return;
	if (unlikely(load_relaxed(&object->flags) & OBJECT_WATCHED))
		poll_forget(object);
	object->ops->destroy(object);
}
