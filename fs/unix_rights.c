// SPDX-License-Identifier: MIT
// Descriptors in flight, and the collection of sockets that can be reached only through each other's
// queues (I18).
//
// A socket all of whose descriptors are in queues is a candidate. Those among them that some queue
// outside holds are reachable: a queue of a socket that is no candidate, or a message on its way; and so
// is whatever their own queues hold. The rest is garbage: nobody can ever receive from it, so its rights
// are taken out and put down.
//
// rights_lock is held from the first count to the last, and whoever takes a descriptor out of a queue,
// or puts one in, needs it: so no candidate comes within reach meanwhile. Who is about to put one in has a
// reference that is not yet counted as in flight, or is counted and not yet found: reachable either way.
//
// Putting rights down closes files, perhaps sockets with rights in their queues, and so on. Whoever
// does it keeps drain_lock; a close below him leaves its rights on the list.
#include "unix.h"

static struct sched_mutex rights_lock, drain_lock;
static struct list in_flight = LIST_INIT(in_flight); // struct unix_socket (rights_lock)
static struct list discarded = LIST_INIT(discarded); // struct fs_rights (rights_lock)

void unix_rights_init(void)
{
	sched_mutex_init(&rights_lock);
	sched_mutex_init(&drain_lock);
}

struct fs_rights *fs_rights_create(unsigned max)
{
	struct fs_rights *rights = kmalloc(sizeof(*rights) + max * sizeof(rights->grants[0]));
	if (!rights)
		return NULL;
	list_init(&rights->node);
	rights->holder = NULL;
	rights->count = 0;
	return rights;
}

void fs_rights_put(struct fs_rights *rights)
{
	for (unsigned i = 0; rights && i < rights->count; i++)
		grant_put(rights->grants[i]);
	kfree(rights);
}

/** The socket that a descriptor is of, or NULL. */
static struct unix_socket *socket_behind(struct grant *grant)
{
	if (grant->object->ops != &file_object_ops)
		return NULL;
	return unix_of(container_of(grant->object, struct file, object));
}

// ---- in and out: rights_lock ----------------------------------------------------------------------

static void count_in(struct unix_socket *socket)
{
	if (socket && socket->in_flight++ == 0)
		list_push_back(&in_flight, &socket->in_flight_node);
}

static void count_out(struct unix_socket *socket)
{
	if (socket && --socket->in_flight == 0)
		list_remove(&socket->in_flight_node);
}

static struct fs_rights *take_out_locked(struct unix_message *message)
{
	struct fs_rights *rights = load_relaxed(&message->rights);
	if (!rights)
		return NULL;
	store_relaxed(&message->rights, NULL);
	list_remove(&rights->node);
	for (unsigned i = 0; i < rights->count; i++)
		count_out(socket_behind(rights->grants[i]));
	return rights;
}

void unix_rights_enter(struct unix_socket *to, struct unix_message *message)
{
	struct fs_rights *rights = load_relaxed(&message->rights);
	sched_mutex_lock(&rights_lock);
	rights->holder = to;
	rights->message = message;
	for (unsigned i = 0; i < rights->count; i++)
		count_in(socket_behind(rights->grants[i]));
	list_push_back(to->listener ? &to->listener->rights : &to->rights, &rights->node);
	sched_mutex_unlock(&rights_lock);
}

struct fs_rights *unix_rights_leave(struct unix_message *message)
{
	sched_mutex_lock(&rights_lock);
	struct fs_rights *rights = take_out_locked(message);
	sched_mutex_unlock(&rights_lock);
	return rights;
}

struct fs_rights *unix_rights_copy(struct unix_message *message)
{
	struct fs_rights *copy = fs_rights_create(FS_RIGHTS_MAX);
	if (!copy)
		return NULL;
	sched_mutex_lock(&rights_lock);
	struct fs_rights *rights = load_relaxed(&message->rights);
	for (; rights && copy->count < rights->count; copy->count++) {
		copy->grants[copy->count] = rights->grants[copy->count];
		grant_get(copy->grants[copy->count]);
	}
	sched_mutex_unlock(&rights_lock);
	return copy;
}

void unix_rights_leave_listener(struct unix_socket *socket)
{
	struct fs_rights *rights, *next;
	sched_mutex_lock(&rights_lock);
	struct unix_socket *listener = socket->listener;
	if (listener) {
		list_for_each_entry_safe(rights, next, &listener->rights, node) {
			if (rights->holder != socket)
				continue;
			list_remove(&rights->node);
			list_push_back(&socket->rights, &rights->node);
		}
	}
	socket->listener = NULL;
	sched_mutex_unlock(&rights_lock);
}

// ---- collection: rights_lock ----------------------------------------------------------------------

static void find_candidates(void)
{
	struct unix_socket *socket;
	list_for_each_entry(socket, &in_flight, in_flight_node) {
		struct file *file = socket->file;
		socket->unseen = socket->in_flight;
		socket->is_candidate = load_acquire(&file->grant.refs) == socket->in_flight &&
				       load_acquire(&file->object.refs) == 1;
	}
}

/** Call @visit for each socket in the queue of @socket. */
static void for_each_held(struct unix_socket *socket, void (*visit)(struct unix_socket *held, struct list *list),
			  struct list *list)
{
	struct fs_rights *rights;
	list_for_each_entry(rights, &socket->rights, node) {
		for (unsigned i = 0; i < rights->count; i++) {
			struct unix_socket *held = socket_behind(rights->grants[i]);
			if (held && held->is_candidate)
				visit(held, list);
		}
	}
}

static void note_seen(struct unix_socket *held, struct list *unused)
{
	(void)unused;
	held->unseen--;
}

static void note_reachable(struct unix_socket *held, struct list *reachable)
{
	held->is_candidate = false;
	list_push_back(reachable, &held->reachable_node);
}

/** Candidates that are left afterwards are garbage. */
static void exclude_reachable(void)
{
	struct unix_socket *socket;
	struct list reachable;
	list_init(&reachable);
	list_for_each_entry(socket, &in_flight, in_flight_node) {
		if (socket->is_candidate)
			for_each_held(socket, note_seen, NULL);
	}
	list_for_each_entry(socket, &in_flight, in_flight_node) {
		if (socket->is_candidate && socket->unseen)
			note_reachable(socket, &reachable);
	}
	while ((socket = list_pop_front_entry(&reachable, struct unix_socket, reachable_node)))
		for_each_held(socket, note_reachable, &reachable);
}

static void discard_garbage(void)
{
	struct unix_socket *socket, *next;
	struct list garbage;
	struct fs_rights *rights;
	list_init(&garbage);
	list_for_each_entry_safe(socket, next, &in_flight, in_flight_node) {
		if (socket->is_candidate)
			list_splice_back(&garbage, &socket->rights);
	}
	while ((rights = list_first_entry(&garbage, struct fs_rights, node))) {
		(void)take_out_locked(rights->message);
		list_push_back(&discarded, &rights->node);
	}
}

// ---- putting down ---------------------------------------------------------------------------------

void unix_rights_discard(struct fs_rights *rights)
{
	if (!rights)
		return;
	sched_mutex_lock(&rights_lock);
	list_push_back(&discarded, &rights->node);
	sched_mutex_unlock(&rights_lock);
}

static struct fs_rights *next_discarded(void)
{
	sched_mutex_lock(&rights_lock);
	struct fs_rights *rights = list_pop_front_entry(&discarded, struct fs_rights, node);
	sched_mutex_unlock(&rights_lock);
	return rights;
}

void unix_rights_collect(void)
{
	struct fs_rights *rights;
	sched_mutex_lock(&rights_lock);
	if (!list_is_empty(&in_flight)) {
		find_candidates();
		exclude_reachable();
		discard_garbage();
	}
	bool is_any = !list_is_empty(&discarded);
	sched_mutex_unlock(&rights_lock);
	if (!is_any || sched_mutex_is_held(&drain_lock))
		return;
	sched_mutex_lock(&drain_lock);
	while ((rights = next_discarded()))
		fs_rights_put(rights);
	sched_mutex_unlock(&drain_lock);
}
