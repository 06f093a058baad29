// SPDX-License-Identifier: MIT
// The messages of 9P2000.L, one function each.
#include "ninep.h"

#define AT_REMOVEDIR 0x200
#define GETATTR_BASIC 0x7ffull
enum { SETATTR_MODE = 1, SETATTR_UID = 2, SETATTR_GID = 4, SETATTR_SIZE = 8, SETATTR_ATIME = 16,
       SETATTR_MTIME = 32, SETATTR_ATIME_SET = 128, SETATTR_MTIME_SET = 256 };
#define NSEC_PER_SEC_U 1000000000ull

static err_t finish(struct ninep *session)
{
	return ninep_end(session, ninep_call(session));
}

err_t ninep_walk(struct ninep *session, uint32_t from, uint32_t to, const char *name, size_t len)
{
	ninep_begin(session, NINEP_WALK);
	ninep_put32(session, from);
	ninep_put32(session, to);
	ninep_put16(session, name ? 1 : 0);
	if (name)
		ninep_put_text(session, name, len);
	err_t err = ninep_call(session);
	if (!err && ninep_get16(session) != (name ? 1 : 0))
		err = -ENOENT;
	return ninep_end(session, err);
}

void ninep_clunk(struct ninep *session, uint32_t fid)
{
	ninep_begin(session, NINEP_CLUNK);
	ninep_put32(session, fid);
	(void)finish(session); // the number is free whatever the server says
}

static nsec_t get_time(struct ninep *session)
{
	uint64_t seconds = ninep_get64(session);
	uint64_t nanoseconds = ninep_get64(session);
	seconds = min(seconds, (uint64_t)INT64_MAX / NSEC_PER_SEC_U - 1);
	return (nsec_t)(seconds * NSEC_PER_SEC_U + min(nanoseconds, NSEC_PER_SEC_U - 1));
}

err_t ninep_getattr(struct ninep *session, uint32_t fid, struct ninep_attr *attr)
{
	ninep_begin(session, NINEP_GETATTR);
	ninep_put32(session, fid);
	ninep_put64(session, GETATTR_BASIC);
	err_t err = ninep_call(session);
	if (err)
		return ninep_end(session, err);
	(void)ninep_get64(session); // which are valid: all that were asked for
	(void)ninep_get8(session);
	(void)ninep_get32(session);
	attr->ino = ninep_get64(session); // the qid: type, version, path
	attr->mode = ninep_get32(session);
	attr->uid = ninep_get32(session);
	attr->gid = ninep_get32(session);
	attr->nlink = ninep_get64(session);
	attr->rdev = ninep_get64(session);
	attr->size = ninep_get64(session);
	(void)ninep_get64(session); // block size
	attr->blocks = ninep_get64(session);
	attr->atime = get_time(session);
	attr->mtime = get_time(session);
	attr->ctime = get_time(session);
	return ninep_end(session, attr->size > INT64_MAX ? -EIO : 0);
}

static void put_time(struct ninep *session, nsec_t time)
{
	uint64_t ns = (uint64_t)time;
	ninep_put64(session, ns / NSEC_PER_SEC_U);
	ninep_put64(session, ns % NSEC_PER_SEC_U);
}

err_t ninep_setattr(struct ninep *session, uint32_t fid, const struct fs_setattr *attr)
{
	static const struct {
		uint32_t ours, theirs;
	} bits[] = {
		{FS_SET_MODE, SETATTR_MODE},
		{FS_SET_UID, SETATTR_UID},
		{FS_SET_GID, SETATTR_GID},
		{FS_SET_SIZE, SETATTR_SIZE},
		{FS_SET_ATIME, SETATTR_ATIME | SETATTR_ATIME_SET},
		{FS_SET_MTIME, SETATTR_MTIME | SETATTR_MTIME_SET},
		{FS_SET_ATIME_NOW, SETATTR_ATIME},
		{FS_SET_MTIME_NOW, SETATTR_MTIME},
	};
	uint32_t valid = 0;
	for (size_t i = 0; i < array_len(bits); i++)
		valid |= attr->valid & bits[i].ours ? bits[i].theirs : 0;
	ninep_begin(session, NINEP_SETATTR);
	ninep_put32(session, fid);
	ninep_put32(session, valid);
	ninep_put32(session, attr->mode & 07777);
	ninep_put32(session, attr->uid);
	ninep_put32(session, attr->gid);
	ninep_put64(session, attr->size);
	put_time(session, attr->atime);
	put_time(session, attr->mtime);
	return finish(session);
}

err_t ninep_open(struct ninep *session, uint32_t fid, uint32_t flags)
{
	ninep_begin(session, NINEP_LOPEN);
	ninep_put32(session, fid);
	ninep_put32(session, flags);
	return finish(session);
}

err_t ninep_create(struct ninep *session, uint32_t fid, const char *name, size_t len, uint32_t mode)
{
	ninep_begin(session, NINEP_LCREATE);
	ninep_put32(session, fid);
	ninep_put_text(session, name, len);
	ninep_put32(session, O_RDWR | O_CREAT | O_EXCL);
	ninep_put32(session, mode & 07777);
	ninep_put32(session, cred_current()->fsgid);
	return finish(session);
}

err_t ninep_make(struct ninep *session, uint32_t dir, const char *name, size_t len, uint32_t mode, uint64_t rdev)
{
	bool is_dir = (mode & FS_IFMT) == FS_IFDIR;
	ninep_begin(session, is_dir ? NINEP_MKDIR : NINEP_MKNOD);
	ninep_put32(session, dir);
	ninep_put_text(session, name, len);
	ninep_put32(session, is_dir ? mode & 07777 : mode);
	if (!is_dir) {
		ninep_put32(session, (uint32_t)(rdev >> 8 & 0xfff));
		ninep_put32(session, (uint32_t)(rdev & 0xff));
	}
	ninep_put32(session, cred_current()->fsgid);
	return finish(session);
}

err_t ninep_symlink(struct ninep *session, uint32_t dir, const char *name, size_t len, const char *target)
{
	ninep_begin(session, NINEP_SYMLINK);
	ninep_put32(session, dir);
	ninep_put_text(session, name, len);
	ninep_put_text(session, target, strlen(target));
	ninep_put32(session, cred_current()->fsgid);
	return finish(session);
}

err_t ninep_link(struct ninep *session, uint32_t dir, const char *name, size_t len, uint32_t fid)
{
	ninep_begin(session, NINEP_LINK);
	ninep_put32(session, dir);
	ninep_put32(session, fid);
	ninep_put_text(session, name, len);
	return finish(session);
}

err_t ninep_unlink(struct ninep *session, uint32_t dir, const char *name, size_t len, bool is_dir)
{
	ninep_begin(session, NINEP_UNLINKAT);
	ninep_put32(session, dir);
	ninep_put_text(session, name, len);
	ninep_put32(session, is_dir ? AT_REMOVEDIR : 0);
	return finish(session);
}

err_t ninep_rename(struct ninep *session, uint32_t from_dir, const char *from, size_t from_len, uint32_t to_dir,
		   const char *to, size_t to_len)
{
	ninep_begin(session, NINEP_RENAMEAT);
	ninep_put32(session, from_dir);
	ninep_put_text(session, from, from_len);
	ninep_put32(session, to_dir);
	ninep_put_text(session, to, to_len);
	return finish(session);
}

/** Tread and Treaddir have one form: what came, into @buf. */
static int64_t read_data(struct ninep *session, enum ninep_type type, uint32_t fid, uint64_t pos, void *buf,
			 size_t len)
{
	uint32_t count = 0;
	len = min(len, (size_t)NINEP_DATA_MAX);
	ninep_begin(session, type);
	ninep_put32(session, fid);
	ninep_put64(session, pos);
	ninep_put32(session, (uint32_t)len);
	err_t err = ninep_call(session);
	if (!err) {
		count = ninep_get32(session);
		const void *data = count <= len ? ninep_get_bytes(session, count) : NULL;
		if (data)
			memcpy(buf, data, count);
		else
			err = -EIO;
	}
	err = ninep_end(session, err);
	return err ? err : (int64_t)count;
}

int64_t ninep_read(struct ninep *session, uint32_t fid, uint64_t pos, void *buf, size_t len)
{
	return read_data(session, NINEP_READ, fid, pos, buf, len);
}

int64_t ninep_readdir(struct ninep *session, uint32_t fid, uint64_t cookie, void *buf, size_t len)
{
	return read_data(session, NINEP_READDIR, fid, cookie, buf, len);
}

int64_t ninep_write(struct ninep *session, uint32_t fid, uint64_t pos, const void *buf, size_t len)
{
	uint32_t count = 0;
	len = min(len, (size_t)NINEP_DATA_MAX);
	ninep_begin(session, NINEP_WRITE);
	ninep_put32(session, fid);
	ninep_put64(session, pos);
	ninep_put32(session, (uint32_t)len);
	ninep_put_bytes(session, buf, len);
	err_t err = ninep_call(session);
	if (!err) {
		count = ninep_get32(session);
		err = count > len ? -EIO : 0;
	}
	err = ninep_end(session, err);
	return err ? err : (int64_t)count;
}

int64_t ninep_readlink(struct ninep *session, uint32_t fid, char *buf, size_t size)
{
	size_t len = 0;
	ninep_begin(session, NINEP_READLINK);
	ninep_put32(session, fid);
	err_t err = ninep_call(session);
	if (!err) {
		len = ninep_get16(session);
		const char *text = ninep_get_bytes(session, len);
		len = min(len, size);
		if (text)
			memcpy(buf, text, len);
	}
	err = ninep_end(session, err);
	return err ? err : (int64_t)len;
}

err_t ninep_statfs(struct ninep *session, uint32_t fid, struct fs_statfs *statfs)
{
	ninep_begin(session, NINEP_STATFS);
	ninep_put32(session, fid);
	err_t err = ninep_call(session);
	if (err)
		return ninep_end(session, err);
	(void)ninep_get32(session);
	statfs->block_size = ninep_get32(session);
	statfs->blocks = ninep_get64(session);
	statfs->blocks_free = ninep_get64(session);
	(void)ninep_get64(session); // free for users
	statfs->files = ninep_get64(session);
	statfs->files_free = ninep_get64(session);
	return ninep_end(session, 0);
}
