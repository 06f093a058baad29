// SPDX-License-Identifier: MIT
// Open file descriptions: what read(2), write(2) and their kin act on. A file's grant is embedded in
// it. Each kind (regular file, directory, pipe end, tty, eventfd, ...) has one const table.
#pragma once

#include <lib/types.h>
#include <object/fdtable.h>
#include <object/grant.h>
#include <object/poll.h>
#include <sched/mutex.h>

struct file;
struct io_vec; // mm/io_vec.h: user or kernel buffers, consumed as bytes are copied
struct mm_object;
struct vnode;
struct cred;

#define FILE_RIGHT_READ (1u << 0)
#define FILE_RIGHT_WRITE (1u << 1)
#define FILE_RIGHT_PATH (1u << 2) // O_PATH: names the file, no more

/** Linux's open flags that are the same on all three architectures. (O_DIRECTORY and its neighbours
 *  differ: uapi/arch/<ARCH>/uapi/fcntl_arch.h.) */
enum {
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200,
	O_NOCTTY = 0400, O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000, O_DSYNC = 010000,
	O_ASYNC = 020000, O_NOATIME = 01000000, O_CLOEXEC = 02000000, O_PATH = 010000000
};

/** Any entry may be NULL: the caller then answers with the error that Linux gives. Context: thread,
 *  may sleep; no lock held but where said. */
struct file_ops {
	const char *name; // "pipe", "tty", ...
	/** Transfer up to the bytes that @io holds, at @pos (-1: no position, streams). Bytes done,
	 *  0 at the end of input, or a negative error if none was done. */
	int64_t (*read)(struct file *file, struct io_vec *io, int64_t pos);
	int64_t (*write)(struct file *file, struct io_vec *io, int64_t pos);
	/** Ready events (POLL* of <uapi/poll.h>). @entry, if not NULL, is put on the poll source that
	 *  announces changes, before readiness is looked at. */
	uint32_t (*poll)(struct file *file, struct poll_entry *entry);
	/** -ENOTTY for unknown commands. @arg is a user address or a number. */
	int64_t (*ioctl)(struct file *file, uint32_t command, uint64_t arg);
	/** New position for whence SEEK_SET/CUR/END/DATA/HOLE; NULL: -ESPIPE. */
	int64_t (*seek)(struct file *file, int64_t offset, int whence);
	/** Pages for mmap, with a reference; NULL entry: -ENODEV. */
	err_t (*mmap_object)(struct file *file, bool is_shared, struct mm_object **object);
	/** Directory entries from @file->pos on, through @emit until it returns false. */
	err_t (*read_dir)(struct file *file,
			  bool (*emit)(void *arg, const char *name, size_t len, uint64_t ino,
				       uint8_t type, int64_t next_pos),
			  void *arg);
	/** The last holder of a descriptor of the file closed it, or of a shared one: once per close. */
	void (*close)(struct file *file);
	/** The last reference is gone: release what @data holds. */
	void (*release)(struct file *file);
};

struct file {
	struct object object;
	struct grant grant;
	const struct file_ops *ops;
	_Atomic uint32_t flags; // O_* as given to open, changed by F_SETFL
	uint32_t is_stream; // no position
	int64_t pos; // pos_lock, if shared
	struct sched_mutex pos_lock;
	void *data; // the kind's own
	struct vnode *vnode; // what it was opened by; NULL for anonymous kinds. Holds a reference.
	struct fs_dentry *dentry; // fs's: name of the file, for fchdir and /proc. Holds a reference.
};

/** In file->object.flags: what the file's end has to undo (upcall_file_ends()). */
enum file_object_flags {
	FILE_HOLDS_FLOCK = 1,
	FILE_IS_WATCHED = 2, // by an epoll; stays set
	FILE_HOLDS_RECORDS = 4, // OFD locks; stays set
};

extern const struct object_ops file_object_ops;

/** A file with rights from @flags' access mode; refs 1 (owned by its grant). NULL = no memory. */
must_check struct file *file_create(const struct file_ops *ops, uint32_t flags, void *data);
/** Drop a file that was not installed. */
static inline void file_put(struct file *file)
{
	object_put(&file->object);
}
static inline void file_get(struct file *file)
{
	object_get(&file->object);
}
/** Give @file a descriptor >= 0 of the current thread; on error the file is dropped. */
must_check int file_install(struct file *file, uint32_t fd_flags);

/** Look up descriptor @fd of the current thread for an operation that needs @rights (FILE_RIGHT_*).
 *  The file stays valid until file_ref_drop(): counted only if the table is shared. 0, -EBADF. */
struct file_ref {
	struct file *file;
	bool is_counted;
};
must_check err_t file_ref_take(uint32_t fd, uint32_t rights, struct file_ref *ref);
static inline void file_ref_drop(struct file_ref *ref)
{
	if (ref->is_counted)
		file_put(ref->file);
}
