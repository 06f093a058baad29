// SPDX-License-Identifier: MIT
// Views as vnodes and files. A vnode is made when its name is looked up, and goes with the name.
// The text of a file is made at a read at position 0, and kept with the open file for the reads
// that follow: so what a program reads in pieces is of one moment, and rewinding shows the
// present. Of a long text (text.h) no more is made than is read: each line is of one moment.
#include "view.h"

#include <lib/format.h>
#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <uapi/errno.h>

#define FIRST_POS 2 // 0 and 1 are . and ..
#define NUMBERS_POS 0x10000 // directory positions of numbers
#define STORE_MAX 4096

struct view_node {
	struct vnode vnode;
	const struct view_entry *entry;
	struct view_id id;
};

struct view_file {
	struct sched_mutex lock;
	struct text text; // lock
	bool is_made; // lock
};

static struct view_node *node_of(struct vnode *vnode)
{
	return container_of(vnode, struct view_node, vnode);
}

static err_t make_text(struct view_node *node, struct text *out)
{
	const struct view_entry *entry = node->entry;
	err_t err = 0;
	if (entry->show)
		err = entry->show(out, &node->id);
	else if (entry->text)
		text_put(out, entry->text, strlen(entry->text));
	return err ? err : out->has_failed ? -ENOMEM : 0;
}

// ---- files --------------------------------------------------------------------------------------

static int64_t read_text(struct view_file *view, struct io_vec *io, uint64_t pos)
{
	if (pos >= view->text.len || !io->left)
		return 0;
	size_t done = io_vec_put(io, view->text.data + pos, view->text.len - pos);
	return done ? (int64_t)done : -EFAULT;
}

/** The process is, since the file was opened, one that who could open it then may not look into. */
static bool has_changed_owner(struct vnode *vnode)
{
	struct view_node *node = node_of(vnode);
	uint32_t uid, gid;
	return (node->entry->flags & VIEW_PRIVATE) && view_id_is_alive(&node->id, &uid, &gid) &&
	       (uid != vnode->uid || gid != vnode->gid);
}

static int64_t view_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct view_file *view = file->data;
	struct text *text = &view->text;
	err_t err = 0;
	sched_mutex_lock(&view->lock);
	text->enough = (uint64_t)pos + io->left;
	if (pos == 0 || !view->is_made) {
		text->len = text->resume = 0;
		text->has_failed = view->is_made = false;
	}
	bool is_more = !view->is_made || (text->resume && text->len < text->enough);
	if (is_more && has_changed_owner(file->vnode)) {
		err = -EACCES;
	} else if (is_more) {
		err = make_text(node_of(file->vnode), text);
		view->is_made = !err;
	}
	int64_t done = err ? err : read_text(view, io, (uint64_t)pos);
	sched_mutex_unlock(&view->lock);
	return done;
}

static int64_t view_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct view_node *node = node_of(file->vnode);
	(void)pos; // as Linux has it for most: each write is a whole value
	if (!node->entry->store)
		return -EIO;
	char *text = kmalloc(STORE_MAX);
	if (!text)
		return -ENOMEM;
	uint64_t wanted = io->left;
	size_t len = io_vec_take(io, text, STORE_MAX - 1);
	text[len] = '\0';
	err_t err = len || !wanted ? node->entry->store(&node->id, text, len) : -EFAULT;
	kfree(text);
	return err ? err : (int64_t)len;
}

static int64_t view_seek(struct file *file, int64_t offset, int whence)
{
	if (whence == 1 && __builtin_add_overflow(file->pos, offset, &offset))
		return -EOVERFLOW;
	return whence > 1 || offset < 0 ? -EINVAL : offset;
}

static void view_release(struct file *file)
{
	struct view_file *view = file->data;
	text_free(&view->text);
	kfree(view);
}

static const struct file_ops text_ops = {
	.name = "view",
	.read = view_read,
	.write = view_write,
	.seek = view_seek,
	.release = view_release,
};

static err_t open_text(struct vnode *vnode, uint32_t open_flags, struct file **file)
{
	(void)vnode;
	struct view_file *view = kzalloc(sizeof(*view));
	if (!view)
		return -ENOMEM;
	sched_mutex_init(&view->lock);
	*file = file_create(&text_ops, open_flags, view);
	if (*file)
		return 0;
	kfree(view);
	return -ENOMEM;
}

// ---- directories --------------------------------------------------------------------------------

typedef bool (*emit_fn)(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type,
			int64_t next_pos);

/** The number of @name in the directory of inode @dir_ino: the same whenever it is looked up. */
static uint64_t make_ino(uint64_t dir_ino, const char *name, size_t len)
{
	uint64_t hash = dir_ino;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3ull; // FNV-1a
	return (hash ^ hash >> 40) & 0xffffffffffull;
}

static bool emit_name(struct file *file, emit_fn emit, void *arg, const char *name, uint32_t mode,
		      int64_t next_pos)
{
	size_t len = strlen(name);
	uint64_t ino = make_ino(file->vnode->ino, name, len);
	if (!emit(arg, name, len, ino, (uint8_t)(mode >> 12), next_pos))
		return false;
	file->pos = next_pos;
	return true;
}

static bool emit_entries(struct file *file, const struct view_dir *dir, emit_fn emit, void *arg)
{
	while (file->pos < FIRST_POS + (int64_t)dir->count) {
		const struct view_entry *entry = &dir->entries[file->pos - FIRST_POS];
		if (!emit_name(file, emit, arg, entry->name, entry->mode, file->pos + 1))
			return false;
	}
	return true;
}

static void emit_numbers(struct file *file, const struct view_dir *dir, emit_fn emit, void *arg)
{
	char name[24];
	if (!dir->each)
		return;
	file->pos = max(file->pos, (int64_t)NUMBERS_POS);
	for (;;) {
		int64_t number = file->pos - NUMBERS_POS;
		if (number > INT_MAX)
			return;
		number = dir->next(&node_of(file->vnode)->id, (uint32_t)number);
		if (number < 0)
			return;
		fmt_snprintf(name, sizeof(name), "%s%lld", dir->prefix, (long long)number);
		if (!emit_name(file, emit, arg, name, dir->each->mode, NUMBERS_POS + number + 1))
			return;
	}
}

static err_t view_read_dir(struct file *file, emit_fn emit, void *arg)
{
	struct view_node *node = node_of(file->vnode);
	const struct view_dir *dir = node->entry->dir;
	uint32_t uid, gid;
	if (!view_id_is_alive(&node->id, &uid, &gid))
		return -ENOENT;
	if (fs_emit_dots(file, emit, arg) && emit_entries(file, dir, emit, arg))
		emit_numbers(file, dir, emit, arg);
	return 0;
}

static const struct file_ops dir_ops = {
	.name = "view directory",
	.read_dir = view_read_dir,
	.seek = view_seek,
};

const struct view_id *view_id_of_folder(const struct file *file, const struct view_dir *dir)
{
	const struct view_node *node = file->ops == &dir_ops ? node_of(file->vnode) : NULL;
	return node && node->entry->dir == dir ? &node->id : NULL;
}

static err_t open_dir(struct vnode *vnode, uint32_t open_flags, struct file **file)
{
	(void)vnode;
	*file = file_create(&dir_ops, open_flags, NULL);
	return *file ? 0 : -ENOMEM;
}

static const struct view_entry *find_entry(const struct view_dir *dir, const char *name, size_t len)
{
	for (unsigned i = 0; i < dir->count; i++) {
		const char *own = dir->entries[i].name;
		if (strlen(own) == len && !memcmp(own, name, len))
			return &dir->entries[i];
	}
	return NULL;
}

/** Is @name @prefix and a number in its shortest form? */
static bool parse_number(const char *prefix, const char *name, size_t len, uint32_t *number)
{
	size_t skip = strlen(prefix);
	if (len <= skip || len > skip + 9 || memcmp(name, prefix, skip))
		return false;
	if (name[skip] == '0' && len > skip + 1)
		return false;
	*number = 0;
	for (size_t i = skip; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		*number = *number * 10 + (uint32_t)(name[i] - '0');
	}
	return true;
}

static const struct vnode_ops vnode_ops, magic_link_ops;

static err_t make_node(const struct view_entry *entry, const struct view_id *id,
		       struct fs_super *super, uint64_t ino, struct vnode **vnode)
{
	uint32_t uid, gid;
	if (!view_id_is_alive(id, &uid, &gid))
		return -ENOENT;
	struct view_node *node = kzalloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	vnode_init(&node->vnode, entry->follow ? &magic_link_ops : &vnode_ops, super, entry->mode);
	node->vnode.uid = uid;
	node->vnode.gid = gid;
	node->vnode.ino = ino;
	if (id->mode)
		node->vnode.mode = (entry->mode & FS_IFMT) | id->mode;
	node->entry = entry;
	node->id = *id;
	*vnode = &node->vnode;
	return 0;
}

static err_t view_lookup(struct vnode *vnode, const char *name, size_t len, struct vnode **found)
{
	struct view_node *node = node_of(vnode);
	const struct view_dir *dir = node->entry->dir;
	struct view_id id = node->id;
	uint32_t number;
	if (!dir)
		return -ENOTDIR;
	const struct view_entry *entry = find_entry(dir, name, len);
	if (!entry && dir->each && parse_number(dir->prefix, name, len, &number)) {
		err_t err = dir->enter(&node->id, number, &id);
		if (err)
			return err;
		entry = dir->each;
	}
	if (!entry)
		return -ENOENT;
	return make_node(entry, &id, vnode->super, make_ino(vnode->ino, name, len), found);
}

// ---- vnodes -------------------------------------------------------------------------------------

static err_t view_open(struct vnode *vnode, uint32_t open_flags, struct file **file)
{
	return node_of(vnode)->entry->dir ? open_dir(vnode, open_flags, file)
					 : open_text(vnode, open_flags, file);
}

static int64_t view_readlink(struct vnode *vnode, char *buf, size_t size)
{
	struct text text = {0};
	err_t err = make_text(node_of(vnode), &text);
	size_t len = min(text.len, size);
	if (!err)
		memcpy(buf, text.data, len);
	text_free(&text);
	return err ? err : (int64_t)len;
}

/** Links into a process show its secrets as files do. */
static int64_t magic_readlink(struct vnode *vnode, char *buf, size_t size)
{
	struct view_node *node = node_of(vnode);
	return view_id_may_trace(&node->id) ? view_readlink(vnode, buf, size) : -EACCES;
}

static err_t view_follow(struct vnode *vnode, struct fs_dentry **dentry)
{
	struct view_node *node = node_of(vnode);
	return view_id_may_trace(&node->id) ? node->entry->follow(&node->id, dentry) : -EACCES;
}

static err_t view_permission(struct vnode *vnode, unsigned mode)
{
	struct view_node *node = node_of(vnode);
	const struct cred *cred = cred_current();
	bool is_private = node->entry->flags & VIEW_PRIVATE;
	if (mode && is_private && !view_id_may_trace(&node->id))
		return -EACCES;
	uint32_t bits = vnode->mode >> 6; // who may trace a process has its owner's rights
	if (!is_private)
		bits = cred_mode_bits(cred, vnode->uid, vnode->gid, vnode->mode);
	bool is_program = (vnode->mode & FS_IFMT) == FS_IFREG && (mode & 1);
	if (!(mode & ~bits & 7) || (!is_program && cred_has_cap(cred, CAP_DAC_OVERRIDE)))
		return 0;
	return -EACCES;
}

/** The process is gone, or changed its owner. */
static bool view_is_stale(struct vnode *vnode)
{
	struct view_node *node = node_of(vnode);
	uint32_t uid, gid;
	if (!node->id.pid)
		return false;
	return !view_id_is_alive(&node->id, &uid, &gid) || uid != vnode->uid || gid != vnode->gid;
}

static void free_node(struct vnode *vnode)
{
	kfree(node_of(vnode));
}

#define COMMON_OPS                                                                                 \
	.open = view_open, .permission = view_permission, .is_stale = view_is_stale,               \
	.release = free_node
static const struct vnode_ops vnode_ops = {
	COMMON_OPS,
	.lookup = view_lookup,
	.readlink = view_readlink,
};
static const struct vnode_ops magic_link_ops = {
	COMMON_OPS,
	.readlink = magic_readlink,
	.follow = view_follow,
};

void view_fs_init(struct view_fs *fs)
{
	sched_mutex_init(&fs->lock);
}

err_t view_fs_mount(struct view_fs *fs, const struct fs_type *type, struct fs_super **super)
{
	static const struct view_id nobody;
	err_t err = 0;
	sched_mutex_lock(&fs->lock);
	if (!fs->is_made) {
		fs_super_init(&fs->super, type, 0);
		err = make_node(fs->root, &nobody, &fs->super, 1, &fs->super.root);
		fs->is_made = !err;
	}
	sched_mutex_unlock(&fs->lock);
	*super = &fs->super;
	return err;
}
