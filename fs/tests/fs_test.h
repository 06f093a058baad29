// SPDX-License-Identifier: MIT
// For the tests of this room: bring it up once, and short forms of calls with kernel strings.
#pragma once

#include <fs/vnode.h>
#include <lib/string.h>
#include <lib/test.h>
#include <mm/io_vec.h>
#include <object/init.h>
#include <uapi/errno.h>

/** The room is up; a fresh tmpfs is mounted on /t. */
void fs_test_init(void);

static inline struct fs_at at(const char *path)
{
	return (struct fs_at){.dirfd = FS_AT_CWD, .path = path};
}
err_t t_mkdir(const char *path);
err_t t_unlink(const char *path);
err_t t_rmdir(const char *path);
err_t t_symlink(const char *target, const char *path);
err_t t_link(const char *from, const char *to);
err_t t_rename(const char *from, const char *to);
err_t t_stat(const char *path, struct fs_stat *stat);
/** open(2); NULL and the error in *@err if it fails. */
struct file *t_open(const char *path, uint32_t flags, err_t *err);
err_t t_open_error(const char *path, uint32_t flags); // opens and drops it
int64_t t_read(struct file *file, void *buf, size_t len, int64_t pos);
int64_t t_write(struct file *file, const void *buf, size_t len, int64_t pos);
/** Write @text into the new file @path. */
void t_put(const char *path, const char *text);
/** Does @path hold just @text? */
bool t_holds(const char *path, const char *text);
