// SPDX-License-Identifier: MIT
// What the tests of this room share.
#include "fs_test.h"

#include "../private.h"

void fs_test_init(void)
{
	static bool is_up;
	if (!is_up) {
		is_up = true;
		object_init_caches();
		fs_init();
		EXPECT_EQ(t_mkdir("/t"), 0);
	}
	struct fs_at target = at("/t");
	err_t err = fs_umount(&target, 0);
	EXPECT(err == 0 || err == -EINVAL); // -EBUSY: a test before kept something
	EXPECT_EQ(fs_mount("test", &target, "tmpfs", 0, "size=1M"), 0);
}

err_t t_mkdir(const char *path)
{
	struct fs_at place = at(path);
	return fs_mkdir(&place, 0755);
}

err_t t_unlink(const char *path)
{
	struct fs_at place = at(path);
	return fs_unlink(&place);
}

err_t t_rmdir(const char *path)
{
	struct fs_at place = at(path);
	return fs_rmdir(&place);
}

err_t t_symlink(const char *target, const char *path)
{
	struct fs_at place = at(path);
	return fs_symlink(target, &place);
}

err_t t_link(const char *from, const char *to)
{
	struct fs_at source = at(from), target = at(to);
	return fs_link(&source, FS_NOFOLLOW, &target);
}

err_t t_rename(const char *from, const char *to)
{
	struct fs_at source = at(from), target = at(to);
	return fs_rename(&source, &target, 0);
}

err_t t_stat(const char *path, struct fs_stat *stat)
{
	struct fs_at place = at(path);
	return fs_stat(&place, 0, stat);
}

struct file *t_open(const char *path, uint32_t flags, err_t *err)
{
	struct fs_at place = at(path);
	struct file *file = NULL;
	*err = fs_open(&place, flags, 0644, &file);
	return *err ? NULL : file;
}

err_t t_open_error(const char *path, uint32_t flags)
{
	err_t err;
	struct file *file = t_open(path, flags, &err);
	if (file)
		grant_put(&file->grant);
	return err;
}

int64_t t_read(struct file *file, void *buf, size_t len, int64_t pos)
{
	struct io_vec io;
	io_vec_init_kernel(&io, buf, len);
	return fs_read(file, &io, pos);
}

int64_t t_write(struct file *file, const void *buf, size_t len, int64_t pos)
{
	struct io_vec io;
	io_vec_init_kernel(&io, (void *)(uintptr_t)buf, len);
	return fs_write(file, &io, pos);
}

void t_put(const char *path, const char *text)
{
	err_t err;
	struct file *file = t_open(path, O_WRONLY | O_CREAT | O_EXCL, &err);
	EXPECT_EQ(err, 0);
	if (!file)
		return;
	EXPECT_EQ(t_write(file, text, strlen(text), -1), strlen(text));
	grant_put(&file->grant);
}

bool t_holds(const char *path, const char *text)
{
	char buf[256];
	err_t err;
	struct file *file = t_open(path, O_RDONLY, &err);
	if (!file)
		return false;
	int64_t n = t_read(file, buf, sizeof(buf), -1);
	grant_put(&file->grant);
	return n == (int64_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}
