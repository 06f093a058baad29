// SPDX-License-Identifier: MIT
// Inside the 9P client (9P2000.L, as diod's protocol.md describes it): one session with a server.
//
// A session has one message on its way at a time. Messages are built and read in the session's two buffers,
// between ninep_begin() and ninep_end(), which hold its lock: nothing there touches user memory, because
// a fault may need the session itself (mappings of its files).
#pragma once

#include <fs/ninep.h>
#include <mm/space.h>

#include "pages.h"
#include "private.h"

#define NINEP_DATA_MAX KIB(32) // bytes of a file in one message
#define NINEP_QID_BYTES 13

enum ninep_type { // T of each; R is the next number
	NINEP_LERROR = 6,
	NINEP_STATFS = 8,
	NINEP_LOPEN = 12,
	NINEP_LCREATE = 14,
	NINEP_SYMLINK = 16,
	NINEP_MKNOD = 18,
	NINEP_READLINK = 22,
	NINEP_GETATTR = 24,
	NINEP_SETATTR = 26,
	NINEP_READDIR = 40,
	NINEP_LINK = 70,
	NINEP_MKDIR = 72,
	NINEP_RENAMEAT = 74,
	NINEP_UNLINKAT = 76,
	NINEP_VERSION = 100,
	NINEP_ATTACH = 104,
	NINEP_WALK = 110,
	NINEP_READ = 116,
	NINEP_WRITE = 118,
	NINEP_CLUNK = 120,
};

struct ninep {
	struct fs_super super;
	struct ninep_channel *channel;
	_Atomic uint32_t refs; // the mount and each vnode
	struct sched_mutex lock;
	struct frame *out_frame, *in_frame;
	uint8_t *out, *in; // NINEP_MESSAGE_MAX bytes each (lock)
	uint32_t put, get, end; // bytes built; read, and there to read (lock)
	bool is_bad; // built too much, or read behind the end (lock)
	uint32_t next_fid; // lock
};

static inline struct ninep *ninep_of(const struct vnode *vnode)
{
	return container_of(vnode->super, struct ninep, super);
}

// Messages: ninep_session.c.

must_check err_t ninep_session_open(struct ninep *session);
void ninep_session_close(struct ninep *session);
/** A number for a file of the server that is not in use. Lock: none. */
uint32_t ninep_new_fid(struct ninep *session);
void ninep_begin(struct ninep *session, enum ninep_type type);
void ninep_put8(struct ninep *session, uint8_t value);
void ninep_put16(struct ninep *session, uint16_t value);
void ninep_put32(struct ninep *session, uint32_t value);
void ninep_put64(struct ninep *session, uint64_t value);
void ninep_put_bytes(struct ninep *session, const void *bytes, size_t len);
void ninep_put_text(struct ninep *session, const char *text, size_t len);
/** Send; then the answer can be read. The server's error, -EIO for an answer that makes no sense. */
must_check err_t ninep_call(struct ninep *session);
uint8_t ninep_get8(struct ninep *session);
uint16_t ninep_get16(struct ninep *session);
uint32_t ninep_get32(struct ninep *session);
uint64_t ninep_get64(struct ninep *session);
/** The next @len bytes where they stand; NULL: there are not so many. */
const void *ninep_get_bytes(struct ninep *session, size_t len);
/** @err, or -EIO if the answer was shorter than what was read of it. */
err_t ninep_end(struct ninep *session, err_t err);

// Files of the server: ninep_request.c. Each is one message; errors are the server's, -EIO, -ENOMEM.

struct ninep_attr {
	uint64_t ino, nlink, rdev, size, blocks;
	uint32_t mode, uid, gid;
	nsec_t atime, mtime, ctime;
};
/** @to becomes the file @name in directory @from; @from itself if @name is NULL. */
must_check err_t ninep_walk(struct ninep *session, uint32_t from, uint32_t to, const char *name, size_t len);
void ninep_clunk(struct ninep *session, uint32_t fid);
must_check err_t ninep_getattr(struct ninep *session, uint32_t fid, struct ninep_attr *attr);
must_check err_t ninep_setattr(struct ninep *session, uint32_t fid, const struct fs_setattr *attr);
must_check err_t ninep_open(struct ninep *session, uint32_t fid, uint32_t flags);
/** A regular file, readable and writable by @fid, which was the directory, from then on. */
must_check err_t ninep_create(struct ninep *session, uint32_t fid, const char *name, size_t len, uint32_t mode);
/** Of any other type. */
must_check err_t ninep_make(struct ninep *session, uint32_t dir, const char *name, size_t len, uint32_t mode,
			    uint64_t rdev);
must_check err_t ninep_symlink(struct ninep *session, uint32_t dir, const char *name, size_t len,
			       const char *target);
must_check err_t ninep_link(struct ninep *session, uint32_t dir, const char *name, size_t len, uint32_t fid);
must_check err_t ninep_unlink(struct ninep *session, uint32_t dir, const char *name, size_t len, bool is_dir);
must_check err_t ninep_rename(struct ninep *session, uint32_t from_dir, const char *from, size_t from_len,
			      uint32_t to_dir, const char *to, size_t to_len);
/** Bytes done, at most NINEP_DATA_MAX, or a negative error. @buf is the kernel's. */
int64_t ninep_read(struct ninep *session, uint32_t fid, uint64_t pos, void *buf, size_t len);
int64_t ninep_write(struct ninep *session, uint32_t fid, uint64_t pos, const void *buf, size_t len);
int64_t ninep_readdir(struct ninep *session, uint32_t fid, uint64_t cookie, void *buf, size_t len);
int64_t ninep_readlink(struct ninep *session, uint32_t fid, char *buf, size_t size);
must_check err_t ninep_statfs(struct ninep *session, uint32_t fid, struct fs_statfs *statfs);

// Vnodes: ninep_vnode.c; regular files: ninep_file.c; open directories: ninep_dir.c.

#define NINEP_NO_FID 0u
struct ninep_node {
	struct vnode vnode;
	uint32_t fid; // what it is to the server, for ever
	/** Open for reading and writing since the file was made; the first open takes it. Its mode may not
	 *  allow to open it so again. */
	_Atomic uint32_t created_fid;
	_Atomic uint32_t reading_fid; // open for reading since the file was first mapped
	struct mm_object object; // for mappings
	struct page_tree pages; // object.lock
	_Atomic uint32_t is_outdated; // the server's file changed: pages are to be read again
};

static inline struct ninep_node *ninep_node_of(const struct vnode *vnode)
{
	return container_of(vnode, struct ninep_node, vnode);
}
/** The vnode of @fid, which it takes over; on error the fid is clunked. */
must_check err_t ninep_node_create(struct ninep *session, uint32_t fid, struct vnode **vnode);
/** Take over what the server says now. */
void ninep_node_update(struct ninep_node *node, const struct ninep_attr *attr);
/** *@fid: a new one for the same file, open by the access mode @flags. */
must_check err_t ninep_open_copy(struct vnode *vnode, uint32_t flags, uint32_t *fid);
void ninep_file_init(struct ninep_node *node);
void ninep_file_evict(struct ninep_node *node);
must_check err_t ninep_file_open(struct vnode *vnode, uint32_t flags, struct file **file);
must_check err_t ninep_file_resize(struct vnode *vnode, uint64_t size);
must_check err_t ninep_dir_open(struct vnode *vnode, uint32_t flags, struct file **file);
