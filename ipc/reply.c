// SPDX-License-Identifier: MIT
// Reply rights as descriptors.
//
// A caller's `server` word names who may answer: the thread that received the request or, once saved,
// the object here. It is changed by compare-and-exchange only, so the right is one all the time: to save
// it, to use it, to drop it and to end the call by deadline or signal exclude each other.
// There is one holder: dup, fork and copies in messages refuse, exec closes; a message can move it.
#include "internal.h"

#include <mm/slab.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

struct ipc_reply {
	struct object object; // first
	/** Counts while its `server` is this object: threads are type-stable memory. */
	struct thread *caller;
	struct quiesce quiesce;
};

static struct slab_cache *reply_cache;

/** What a caller's `server` is while @object is the right to reply. */
static void *holder_of(struct object *object)
{
	return (char *)object + IPC_HOLDER_SAVED;
}

void ipc_reply_init(void)
{
	reply_cache = slab_cache_create("ipc-reply", sizeof(struct ipc_reply), 16);
}

static void free_reply(struct quiesce *head)
{
	slab_free(reply_cache, container_of(head, struct ipc_reply, quiesce));
}

static void reply_destroy(struct object *object)
{
	quiesce_defer(&container_of(object, struct ipc_reply, object)->quiesce, free_reply);
}

static void reply_grant_gone(struct object *object, uint32_t rights)
{
	struct thread *caller = container_of(object, struct ipc_reply, object)->caller;
	(void)rights;
	if (ipc_claim_caller(caller, holder_of(object)))
		ipc_complete(caller, -EPIPE, IPC_TAG_TAKEN);
}

static const struct object_ops reply_ops = {
	.name = "reply",
	.destroy = reply_destroy,
	.grant_gone = reply_grant_gone,
};

/** A right that nobody has yet. */
static err_t create(struct thread *caller, struct grant **grant)
{
	struct ipc_reply *reply = slab_alloc(reply_cache);
	if (!reply)
		return -ENOMEM;
	object_init(&reply->object, &reply_ops);
	reply->caller = caller;
	err_t err = grant_create(&reply->object, OBJECT_REPLY | IPC_RIGHT_SEND, 0, sizeof(*reply), grant);
	if (err)
		slab_free(reply_cache, reply);
	return err;
}

int ipc_reply_save(void)
{
	struct thread *self = current_thread(), *caller = load_relaxed(&self->ipc.reply_to);
	struct fdtable *fds = self->object.fds;
	if (!caller)
		return -ESRCH;
	struct grant *grant;
	err_t err = create(caller, &grant);
	if (err)
		return err;
	int fd = fd_reserve(fds, FD_CLOEXEC);
	if (fd < 0) {
		grant_put(grant);
		return fd;
	}
	void *expected = self;
	store_relaxed(&self->ipc.reply_to, NULL);
	bool is_saved = cas_acq_rel(&caller->ipc.server, &expected, holder_of(grant->object));
	ipc_lend_back(self);
	if (is_saved) {
		fd_fill(fds, (uint32_t)fd, grant);
		return fd;
	}
	fd_unreserve(fds, (uint32_t)fd);
	grant_put(grant);
	return -EPIPE;
}

err_t ipc_reply_through(const struct trapframe *tf)
{
	struct fdtable *fds = current_thread()->object.fds;
	uint64_t fd = hal_tf_ipc_fd(tf);
	struct grant *grant = fd_lookup_get(fds, fd);
	if (!grant)
		return -EBADF;
	err_t err = grant_check(grant, OBJECT_REPLY, IPC_RIGHT_SEND);
	if (!err) {
		struct ipc_reply *reply = container_of(grant->object, struct ipc_reply, object);
		err = ipc_answer(tf, reply->caller, holder_of(&reply->object));
		if (!err || err == -EPIPE)
			fd_close_moved(fds, (uint32_t)fd, grant); // it is used up
	}
	grant_put(grant);
	return err;
}
