// SPDX-License-Identifier: MIT
// Channels: two ports back to back. An end is an object of its own, so that its grants, and what they
// may do, are counted apart from those of the other end.
#include <ipc/port.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)

static struct channel_end *end_of(struct object *object)
{
	return container_of(object, struct channel_end, object);
}

static void end_grant_new(struct object *object, uint32_t rights)
{
	port_add_grants(end_of(object)->out, end_of(object)->in, rights);
}

static void end_grant_gone(struct object *object, uint32_t rights)
{
	port_drop_grants(end_of(object)->out, end_of(object)->in, rights);
}

/** What happens at either port is announced by the source of the one that is received from. */
static uint32_t end_poll(struct object *object, struct poll_entry *entry)
{
	struct channel_end *end = end_of(object);
	poll_link(&end->in->poll, entry);
	return port_ready(end->out, end->in);
}

static void free_end(struct quiesce *head)
{
	struct channel_end *end = container_of(head, struct channel_end, quiesce);
	object_put(&end->out->object);
	object_put(&end->in->object);
	kfree(end);
}

static void end_destroy(struct object *object)
{
	quiesce_defer(&end_of(object)->quiesce, free_end);
}

static const struct object_ops end_ops = {
	.name = "channel",
	.destroy = end_destroy,
	.grant_new = end_grant_new,
	.grant_gone = end_grant_gone,
	.poll = end_poll,
};

/** An end that sends to @out and receives from @in, each of which it gets a reference to; one takes @bytes. */
static err_t make_end(struct port *out, struct port *in, size_t bytes, struct grant **grant)
{
	struct channel_end *end = kzalloc(sizeof(*end));
	if (!end)
		return -ENOMEM;
	object_init(&end->object, &end_ops);
	end->out = out;
	end->in = in;
	err_t err = grant_create(&end->object, OBJECT_CHANNEL | RIGHTS_ALL, 0, sizeof(*end) + bytes, grant);
	if (err) {
		kfree(end);
		return err;
	}
	object_get(&out->object);
	object_get(&in->object);
	return 0;
}

err_t ipc_channel_create(uint64_t capacity, struct grant *grants[2])
{
	struct port *a, *b;
	err_t err = port_alloc(capacity, &a);
	if (err)
		return err;
	err = port_alloc(capacity, &b);
	if (err)
		goto put_a;
	a->send_poll = &b->poll;
	b->send_poll = &a->poll;
	err = make_end(a, b, port_bytes(capacity), &grants[0]);
	if (err)
		goto put_b;
	err = make_end(b, a, port_bytes(capacity), &grants[1]);
	if (err)
		grant_put(grants[0]);
put_b:
	object_put(&b->object); // the ends have references of their own
put_a:
	object_put(&a->object);
	return err;
}
