// SPDX-License-Identifier: MIT
// Root, working directory and umask of a process.
//
// Walks read the two directories without a lock: one that is replaced keeps its memory for a grace
// period, as all dentries do.
#include <sched/thread.h>

#include "private.h"

static struct fs_context *create(struct fs_dentry *root, struct fs_dentry *cwd, uint32_t umask)
{
	struct fs_context *context = kmalloc(sizeof(*context));
	if (!context)
		return NULL;
	atomic_init(&context->refs, 1);
	spin_init(&context->lock);
	atomic_init(&context->root, root);
	atomic_init(&context->cwd, cwd);
	atomic_init(&context->umask, umask);
	atomic_init(&context->size_limit, UINT64_MAX);
	return context;
}

struct fs_context *fs_context_create(void)
{
	struct fs_context *context = create(fs_root, fs_root, 022);
	if (context) {
		fs_dentry_get(fs_root);
		fs_dentry_get(fs_root);
	}
	return context;
}

void fs_context_dirs(struct fs_context *context, struct fs_dentry **root, struct fs_dentry **cwd)
{
	spin_lock(&context->lock);
	*root = load_relaxed(&context->root);
	*cwd = load_relaxed(&context->cwd);
	fs_dentry_get(*root);
	fs_dentry_get(*cwd);
	spin_unlock(&context->lock);
}

struct fs_context *fs_context_copy(struct fs_context *from)
{
	struct fs_dentry *root, *cwd;
	fs_context_dirs(from, &root, &cwd);
	struct fs_context *context = create(root, cwd, load_relaxed(&from->umask));
	if (!context) {
		fs_dentry_put(root);
		fs_dentry_put(cwd);
		return NULL;
	}
	store_relaxed(&context->size_limit, load_relaxed(&from->size_limit));
	return context;
}

void fs_set_size_limit(struct fs_context *context, uint64_t bytes)
{
	store_relaxed(&context->size_limit, bytes);
}

void fs_context_get(struct fs_context *context)
{
	fetch_add_relaxed(&context->refs, 1);
}

void fs_context_put(struct fs_context *context)
{
	if (fetch_sub_acq_rel(&context->refs, 1) != 1)
		return;
	fs_dentry_put(load_relaxed(&context->root));
	fs_dentry_put(load_relaxed(&context->cwd));
	kfree(context);
}

/** Consumes the reference to @dentry. */
static err_t set_dir(struct fs_dentry *_Atomic *dir, struct fs_dentry *dentry)
{
	struct fs_context *context = current_thread()->fs.context;
	spin_lock(&context->lock);
	struct fs_dentry *old = load_relaxed(dir);
	store_release(dir, dentry);
	spin_unlock(&context->lock);
	fs_dentry_put(old);
	return 0;
}

static err_t change_dir(struct fs_dentry *_Atomic *dir, struct fs_dentry *dentry)
{
	err_t err = vnode_is_dir(dentry->vnode) ? vnode_permission(dentry->vnode, MAY_EXEC) : -ENOTDIR;
	if (!err)
		return set_dir(dir, dentry);
	fs_dentry_put(dentry);
	return err;
}

err_t fs_chdir(const struct fs_at *at)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, FS_DIRECTORY, &dentry);
	return err ? err : change_dir(&current_thread()->fs.context->cwd, dentry);
}

err_t fs_fchdir(struct file *file)
{
	if (!file->dentry)
		return -ENOTDIR;
	fs_dentry_get(file->dentry);
	return change_dir(&current_thread()->fs.context->cwd, file->dentry);
}

err_t fs_chroot(const struct fs_at *at)
{
	struct fs_dentry *dentry;
	if (!cred_has_cap(cred_current(), CAP_SYS_CHROOT))
		return -EPERM;
	err_t err = walk_to(at, FS_DIRECTORY, &dentry);
	return err ? err : change_dir(&current_thread()->fs.context->root, dentry);
}

int64_t fs_getcwd(char *buf, size_t size)
{
	names_lock();
	struct fs_dentry *cwd = fs_current_cwd();
	bool is_gone = load_relaxed(&cwd->parent) && !(cwd->flags & DENTRY_HASHED);
	int64_t len = is_gone ? -ENOENT : dentry_path_locked(cwd, fs_current_root(), buf, size);
	names_unlock();
	return len;
}

uint32_t fs_set_umask(uint32_t umask)
{
	return exchange_acq_rel(&current_thread()->fs.context->umask, umask & 0777);
}
