// SPDX-License-Identifier: MIT
// Open directories of 9P: entries come in the server's order and with its cookies; "." and ".." are among
// them.
#include "ninep.h"

#define BATCH_BYTES KIB(8)

static uint64_t read_little(const uint8_t *bytes, unsigned count)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < count; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

// An entry: qid[13] cookie[8] type[1] length[2] name. The qid is type[1] version[4] path[8].
#define QID_PATH 5
#define ENTRY_COOKIE 13
#define ENTRY_TYPE 21
#define ENTRY_LEN 22
#define ENTRY_NAME 24

/** Bytes of the entry at @at, of which @left are there; 0: it lies. */
static size_t entry_size(const uint8_t *at, size_t left)
{
	size_t len = left < ENTRY_NAME ? 0 : read_little(at + ENTRY_LEN, 2);
	return len && len <= FS_NAME_MAX && len <= left - ENTRY_NAME ? ENTRY_NAME + len : 0;
}

typedef bool (*emit_fn)(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type, int64_t next_pos);

/** False: @emit wants no more. */
static bool emit_entry(struct file *file, const uint8_t *at, size_t size, emit_fn emit, void *arg)
{
	int64_t cookie = (int64_t)read_little(at + ENTRY_COOKIE, 8);
	if (!emit(arg, (const char *)at + ENTRY_NAME, size - ENTRY_NAME, read_little(at + QID_PATH, 8),
		  at[ENTRY_TYPE], cookie))
		return false;
	file->pos = cookie;
	return true;
}

static err_t emit_batch(struct file *file, const uint8_t *batch, size_t len, emit_fn emit, void *arg, bool *goes_on)
{
	*goes_on = len > 0;
	for (size_t at = 0; at < len && *goes_on;) {
		size_t size = entry_size(batch + at, len - at);
		if (!size)
			return -EIO;
		*goes_on = emit_entry(file, batch + at, size, emit, arg);
		at += size;
	}
	return 0;
}

static err_t read_dir(struct file *file, emit_fn emit, void *arg)
{
	uint8_t *batch = kmalloc(BATCH_BYTES);
	bool goes_on = true;
	err_t err = batch ? 0 : -ENOMEM;
	while (!err && goes_on) {
		int64_t n = ninep_readdir(ninep_of(file->vnode), (uint32_t)(uintptr_t)file->data,
					  (uint64_t)file->pos, batch, BATCH_BYTES);
		err = n < 0 ? (err_t)n : emit_batch(file, batch, (size_t)n, emit, arg, &goes_on);
	}
	kfree(batch);
	return err;
}

/** Positions are the server's cookies: only the start and what telldir() gave make sense. */
static int64_t seek(struct file *file, int64_t offset, int whence)
{
	return fs_seek_in(file, offset, whence, 0);
}

static void release(struct file *file)
{
	ninep_clunk(ninep_of(file->vnode), (uint32_t)(uintptr_t)file->data);
}

static const struct file_ops ops = {
	.name = "9p directory",
	.read_dir = read_dir,
	.seek = seek,
	.release = release,
};

err_t ninep_dir_open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	uint32_t fid;
	err_t err = ninep_open_copy(vnode, O_RDONLY, &fid);
	if (err)
		return err;
	*file = file_create(&ops, flags, (void *)(uintptr_t)fid);
	if (*file)
		return 0;
	ninep_clunk(ninep_of(vnode), fid);
	return -ENOMEM;
}
