// SPDX-License-Identifier: MIT
// Inside tmpfs: its supers, and the regular file.
#pragma once

#include <mm/space.h>

#include "pages.h"
#include "private.h"

struct tmpfs {
	struct fs_super super;
	_Atomic uint64_t pages, files; // in use
	uint64_t pages_max, files_max;
};

static inline struct tmpfs *tmpfs_of(const struct vnode *vnode)
{
	return container_of(vnode->super, struct tmpfs, super);
}

/** vnode->size changes under vnode->lock and object.lock; pages are taken under both, added under
 *  object.lock. */
struct tmpfs_file {
	struct vnode vnode;
	struct mm_object object;
	struct page_tree pages;
	_Atomic uint32_t seals; // FS_SEAL_*
};

static inline struct tmpfs_file *tmpfs_file_of(const struct vnode *vnode)
{
	return container_of(vnode, struct tmpfs_file, vnode);
}

void tmpfs_file_init(struct tmpfs_file *file);
extern const struct vnode_ops tmpfs_file_vnode_ops;
/** One more file or name target: false = the limit is reached. */
bool tmpfs_charge_file(struct tmpfs *tmpfs);
void tmpfs_release(struct vnode *vnode);
