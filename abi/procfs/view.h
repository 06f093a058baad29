// SPDX-License-Identifier: MIT
// File systems whose files are views: texts that the kernel makes when they are read. A tree of
// const tables says which names there are; directories of numbers (processes, threads,
// descriptors) ask.
#pragma once

#include "text.h"

#include <fs/vnode.h>

/** Which process, thread, descriptor or CPU a view is of. */
struct view_id {
	uint32_t pid; // 0 = of none
	uint32_t tid; // the leader's, or that of a task directory
	uint32_t number; // descriptor or CPU
	uint32_t mode; // permissions of this one; 0 = those of its entry
	nsec_t start; // of process @pid: tells it from a later one with the same number
};

enum view_flags {
	VIEW_PRIVATE = 1, // of a process: only for who may trace it
};

struct view_entry {
	const char *name;
	uint32_t mode; // type and permissions
	uint32_t flags; // VIEW_*
	/** Make the text of a file, or a link's target. */
	err_t (*show)(struct text *out, const struct view_id *id);
	/** The same, if it never changes. */
	const char *text;
	/** Somebody wrote @text, @len bytes and a NUL. */
	err_t (*store)(const struct view_id *id, char *text, size_t len);
	/** Magic links: where following leads, with a reference. The lock of names is held. */
	err_t (*follow)(const struct view_id *id, struct fs_dentry **dentry);
	const struct view_dir *dir;
};

struct view_dir {
	const struct view_entry *entries;
	unsigned count;
	/** Names that are numbers behind @prefix, all alike. NULL: there are none. */
	const struct view_entry *each;
	const char *prefix;
	/** The lowest number >= @from, or -1. */
	int64_t (*next)(const struct view_id *id, uint32_t from);
	/** *@child is a copy of @id: make it that of @number, or say -ENOENT. */
	err_t (*enter)(const struct view_id *id, uint32_t number, struct view_id *child);
};

#define VIEW_DIR(list) {.entries = (list), .count = array_len(list)}
#define VIEW_FILE(name_, show_) {.name = (name_), .mode = FS_IFREG | 0444, .show = (show_)}
#define VIEW_TEXT(name_, text_) {.name = (name_), .mode = FS_IFREG | 0444, .text = (text_)}
#define VIEW_FOLDER(name_, dir_) {.name = (name_), .mode = FS_IFDIR | 0555, .dir = (dir_)}
#define VIEW_LINK(name_, text_) {.name = (name_), .mode = FS_IFLNK | 0777, .text = (text_)}

/** A file system of views: made at its first mount. */
struct view_fs {
	const struct view_entry *root;
	struct fs_super super;
	struct sched_mutex lock;
	bool is_made; // lock
};
void view_fs_init(struct view_fs *fs);
must_check err_t view_fs_mount(struct view_fs *fs, const struct fs_type *type,
			       struct fs_super **super);

/** What the open folder @file is of, if it is one of @dir's; NULL: it is something else. */
const struct view_id *view_id_of_folder(const struct file *file, const struct view_dir *dir);
/** What a view is of is still there, and who owns it (root's, but for processes). pid.c. */
bool view_id_is_alive(const struct view_id *id, uint32_t *uid, uint32_t *gid);
/** The current thread may look into the process. */
bool view_id_may_trace(const struct view_id *id);
