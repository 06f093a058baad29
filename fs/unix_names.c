// SPDX-License-Identifier: MIT
// Names of Unix sockets: paths, found by their vnode, and abstract ones. Both are in one table.
#include <lib/format.h>
#include <lib/hash.h>
#include <lib/string.h>

#include "unix.h"

#define BUCKETS 64
#define AUTO_LEN 6 // a NUL and five hexadecimal digits
#define AUTO_MAX 0x100000u

static struct list buckets[BUCKETS]; // struct unix_address (unix_lock)

void unix_names_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
}

void unix_address_put(struct unix_address *address)
{
	if (!address || fetch_sub_acq_rel(&address->refs, 1) != 1)
		return;
	if (address->vnode)
		vnode_put(address->vnode);
	kfree(address);
}

static struct list *bucket_of(const struct fs_socket_name *name, const struct vnode *vnode)
{
	uint64_t hash = vnode ? hash_ptr(vnode) : hash_bytes(name->text, name->len, 0);
	return &buckets[hash % BUCKETS];
}

/** Who is bound to the abstract @name, or to the path that leads to @vnode. unix_lock. */
static struct unix_address *find_locked(const struct fs_socket_name *name, const struct vnode *vnode)
{
	struct unix_address *address;
	list_for_each_entry(address, bucket_of(name, vnode), node) {
		if (address->vnode != vnode)
			continue;
		if (vnode || (address->name.len == name->len &&
			      memcmp(address->name.text, name->text, name->len) == 0))
			return address;
	}
	return NULL;
}

void unix_forget_name(struct unix_socket *socket)
{
	struct unix_address *address = socket->address;
	if (!address || address->owner != socket)
		return; // none, or inherited from a listener
	address->owner = NULL;
	list_remove(&address->node);
}

// ---- bind -----------------------------------------------------------------------------------------

/** Enter @address for @socket: it takes over the reference. unix_lock. */
static void give_name(struct unix_socket *socket, struct unix_address *address)
{
	address->owner = socket;
	list_push_back(bucket_of(&address->name, address->vnode), &address->node);
	socket->address = address;
}

static err_t bind_abstract(struct unix_socket *socket, struct unix_address *address)
{
	sched_mutex_lock(&unix_lock);
	bool is_free = !find_locked(&address->name, NULL);
	if (is_free)
		give_name(socket, address);
	sched_mutex_unlock(&unix_lock);
	return is_free ? 0 : -EADDRINUSE;
}

static err_t bind_path(struct unix_socket *socket, struct unix_address *address)
{
	char path[FS_SOCKET_NAME_MAX + 1] = {0};
	memcpy(path, address->name.text, address->name.len);
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	err_t err = names_make_socket(&at, 0777, NULL, &address->vnode);
	if (err)
		return err == -EEXIST ? -EADDRINUSE : err;
	sched_mutex_lock(&unix_lock);
	give_name(socket, address);
	sched_mutex_unlock(&unix_lock);
	return 0;
}

/** Some abstract name that nobody has. */
static err_t bind_anything(struct unix_socket *socket, struct unix_address *address)
{
	static _Atomic uint32_t next;
	for (uint32_t tries = 0; tries < AUTO_MAX; tries++) {
		char digits[8];
		(void)fmt_snprintf(digits, sizeof(digits), "%05x", fetch_add_relaxed(&next, 1) % AUTO_MAX);
		address->name.len = AUTO_LEN;
		address->name.text[0] = 0;
		memcpy(address->name.text + 1, digits, AUTO_LEN - 1);
		if (bind_abstract(socket, address) == 0)
			return 0;
	}
	return -ENOSPC;
}

/** bind_lock held: the socket has no name yet. */
static err_t bind_locked(struct unix_socket *socket, const struct fs_socket_name *name)
{
	struct unix_address *address = kzalloc(sizeof(*address));
	if (!address)
		return -ENOMEM;
	atomic_init(&address->refs, 1);
	list_init(&address->node);
	address->name = *name;
	err_t err = !name->len ? bind_anything(socket, address)
		    : name->text[0] ? bind_path(socket, address)
				    : bind_abstract(socket, address);
	if (err)
		unix_address_put(address);
	return err;
}

err_t fs_socket_bind(struct file *file, const struct fs_socket_name *name)
{
	struct unix_socket *socket = file->data;
	sched_mutex_lock(&socket->bind_lock);
	err_t err = socket->address ? -EINVAL : bind_locked(socket, name);
	if (err == -EINVAL && !name->len)
		err = 0; // bound already: enough
	sched_mutex_unlock(&socket->bind_lock);
	return err;
}

err_t unix_autobind(struct unix_socket *socket)
{
	static const struct fs_socket_name any = {0};
	if (likely(!load_relaxed(&socket->passes_cred)))
		return 0;
	sched_mutex_lock(&socket->bind_lock);
	err_t err = socket->address ? 0 : bind_locked(socket, &any);
	sched_mutex_unlock(&socket->bind_lock);
	return err;
}

// ---- look-up --------------------------------------------------------------------------------------

/** The vnode at the end of a path, with a reference; NULL for an abstract name. */
static err_t find_vnode(const struct fs_socket_name *name, struct vnode **vnode)
{
	char path[FS_SOCKET_NAME_MAX + 1] = {0};
	struct fs_dentry *dentry;
	*vnode = NULL;
	if (!name->text[0])
		return 0;
	memcpy(path, name->text, name->len);
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	err_t err = walk_to(&at, 0, &dentry);
	if (err)
		return err;
	err = vnode_permission(dentry->vnode, MAY_WRITE);
	if (!err && vnode_type(dentry->vnode) != FS_IFSOCK)
		err = -ECONNREFUSED;
	if (!err) {
		*vnode = dentry->vnode;
		vnode_get(*vnode);
	}
	fs_dentry_put(dentry);
	return err;
}

err_t unix_find(const struct fs_socket_name *name, enum fs_socket_type type, struct unix_socket **socket)
{
	struct vnode *vnode;
	if (!name->len)
		return -EINVAL;
	err_t err = find_vnode(name, &vnode);
	if (err)
		return err;
	sched_mutex_lock(&unix_lock);
	struct unix_address *address = find_locked(name, vnode);
	if (!address)
		err = -ECONNREFUSED;
	else if (address->owner->type != type)
		err = -EPROTOTYPE;
	if (!err) {
		*socket = address->owner;
		unix_get(*socket);
	}
	sched_mutex_unlock(&unix_lock);
	if (vnode)
		vnode_put(vnode);
	return err;
}

err_t fs_socket_get_name(struct file *file, bool is_peer, struct fs_socket_name *name)
{
	struct unix_socket *socket = file->data;
	sched_mutex_lock(&unix_lock);
	if (is_peer)
		socket = load_relaxed(&socket->peer);
	name->len = 0;
	if (socket && socket->address)
		*name = socket->address->name;
	sched_mutex_unlock(&unix_lock);
	return socket ? 0 : -ENOTCONN;
}
