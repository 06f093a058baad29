// SPDX-License-Identifier: MIT
// If these fail, a path leads to the wrong file, or a rule of names is not kept.
#include <lib/format.h>

#include <object/cred.h>
#include <sched/thread.h>

#include "fs_test.h"

TEST(fs, walks_follow_links_and_dots)
{
	struct fs_stat stat, other;
	fs_test_init();
	EXPECT_EQ(t_mkdir("/t/a"), 0);
	EXPECT_EQ(t_mkdir("/t/a/b"), 0);
	t_put("/t/a/b/file", "text");
	EXPECT_EQ(t_symlink("a/b", "/t/way"), 0);
	EXPECT_EQ(t_symlink("/t/way/", "/t/a/back"), 0);
	EXPECT(t_holds("/t/way/file", "text"));
	EXPECT(t_holds("/t//a/./b/../back/../b//file", "text"));
	EXPECT(t_holds("/t/a/back/file", "text"));
	EXPECT_EQ(t_stat("/t/way/", &stat), 0);
	EXPECT_EQ(t_stat("/t/a/b", &other), 0);
	EXPECT_EQ(stat.ino, other.ino);
	EXPECT_EQ(t_stat("/..", &stat), 0);
	EXPECT_EQ(t_stat("/", &other), 0);
	EXPECT(stat.ino == other.ino && stat.dev == other.dev);
	EXPECT_EQ(t_stat("/t/..", &stat), 0); // out of a mount
	EXPECT(stat.ino == other.ino && stat.dev == other.dev);
}

TEST(fs, walks_end_with_the_error_of_the_place)
{
	struct fs_stat stat;
	char name[FS_NAME_MAX + 5] = "/t/";
	fs_test_init();
	t_put("/t/file", "");
	EXPECT_EQ(t_stat("/t/none", &stat), -ENOENT);
	EXPECT_EQ(t_stat("/t/none/x", &stat), -ENOENT);
	EXPECT_EQ(t_stat("/t/file/x", &stat), -ENOTDIR);
	EXPECT_EQ(t_stat("/t/file/", &stat), -ENOTDIR);
	EXPECT_EQ(t_stat("/t/file/.", &stat), -ENOTDIR);
	EXPECT_EQ(t_stat("", &stat), -ENOENT);
	EXPECT_EQ(t_symlink("", "/t/empty"), -ENOENT);
	memset(name + 3, 'n', FS_NAME_MAX + 1);
	EXPECT_EQ(t_stat(name, &stat), -ENAMETOOLONG);
	EXPECT_EQ(t_mkdir(name), -ENAMETOOLONG);
	name[3 + FS_NAME_MAX] = '\0';
	EXPECT_EQ(t_stat(name, &stat), -ENOENT);
	EXPECT_EQ(t_mkdir(name), 0);
	EXPECT_EQ(t_stat(name, &stat), 0);
}

TEST(fs, forty_links_are_followed_and_no_more)
{
	char name[32], target[32];
	struct fs_stat stat;
	fs_test_init();
	t_put("/t/l0", "end");
	for (unsigned i = 1; i <= 41; i++) {
		fmt_snprintf(name, sizeof(name), "/t/l%u", i);
		fmt_snprintf(target, sizeof(target), i % 2 ? "l%u" : "/t/l%u", i - 1);
		EXPECT_EQ(t_symlink(target, name), 0);
	}
	EXPECT(t_holds("/t/l40", "end"));
	EXPECT_EQ(t_stat("/t/l41", &stat), -ELOOP);
	EXPECT_EQ(t_symlink("loop", "/t/loop"), 0);
	EXPECT_EQ(t_stat("/t/loop", &stat), -ELOOP);
	EXPECT_EQ(t_stat("/t/loop/x", &stat), -ELOOP);
}

TEST(fs, links_nest_in_the_middle_of_a_path)
{
	char path[400] = "/t";
	fs_test_init();
	// Each link leaves a rest behind it: 30 at once.
	EXPECT_EQ(t_mkdir("/t/d0"), 0);
	t_put("/t/d0/f", "deep");
	EXPECT_EQ(t_symlink(".", "/t/d0/s"), 0);
	EXPECT_EQ(t_symlink("d0", "/t/c0"), 0);
	for (unsigned i = 1; i < 20; i++) {
		char name[16], target[16];
		fmt_snprintf(name, sizeof(name), "/t/c%u", i);
		fmt_snprintf(target, sizeof(target), "c%u/s", i - 1);
		EXPECT_EQ(t_symlink(target, name), 0);
	}
	EXPECT(t_holds("/t/c19/f", "deep"));
	for (unsigned i = 0; i < 38; i++)
		strlcat(path, i ? "/s" : "/c0", sizeof(path));
	strlcat(path, "/f", sizeof(path));
	EXPECT(t_holds(path, "deep"));
}

TEST(fs, open_keeps_its_flags)
{
	err_t err;
	fs_test_init();
	t_put("/t/file", "text");
	EXPECT_EQ(t_symlink("file", "/t/link"), 0);
	EXPECT_EQ(t_symlink("new", "/t/dangling"), 0);
	EXPECT_EQ(t_mkdir("/t/dir"), 0);
	EXPECT_EQ(t_open_error("/t/link", FS_OPEN_NOFOLLOW), -ELOOP);
	EXPECT_EQ(t_open_error("/t/link", FS_OPEN_NOFOLLOW | O_PATH), 0);
	struct file *refused;
	EXPECT_EQ(fs_open(&(struct fs_at){FS_AT_CWD, "/t/link", FS_NO_SYMLINKS}, O_RDONLY, 0, &refused), -ELOOP);
	EXPECT_EQ(t_open_error("/t/file", FS_OPEN_DIRECTORY), -ENOTDIR);
	EXPECT_EQ(t_open_error("/t/dir", O_WRONLY), -EISDIR);
	EXPECT_EQ(t_open_error("/t/dir", O_CREAT), -EISDIR);
	EXPECT_EQ(t_open_error("/t/new/", O_CREAT | O_WRONLY), -EISDIR);
	EXPECT_EQ(t_open_error("/t/dangling", O_RDONLY), -ENOENT);
	EXPECT_EQ(t_open_error("/t/dangling", O_CREAT | O_EXCL), -EEXIST);
	EXPECT_EQ(t_open_error("/t/dangling", O_CREAT | O_WRONLY), 0);
	EXPECT(t_holds("/t/new", ""));
	EXPECT_EQ(t_open_error("/t/file", O_CREAT | O_EXCL), -EEXIST);
	EXPECT_EQ(t_open_error("/t/link", O_WRONLY | O_TRUNC), 0);
	EXPECT(t_holds("/t/file", ""));
	struct file *file = t_open("/t", O_RDWR | FS_OPEN_TMPFILE, &err);
	EXPECT_EQ(err, 0);
	if (file) {
		struct fs_stat stat;
		EXPECT_EQ(t_write(file, "x", 1, -1), 1);
		EXPECT_EQ(fs_stat_file(file, &stat), 0);
		EXPECT(stat.nlink == 0 && stat.size == 1);
		grant_put(&file->grant);
	}
}

TEST(fs, names_are_made_and_removed_by_the_rules)
{
	struct fs_stat stat;
	fs_test_init();
	EXPECT_EQ(t_mkdir("/t/d"), 0);
	EXPECT_EQ(t_mkdir("/t/d/"), -EEXIST);
	EXPECT_EQ(t_mkdir("/t/new/"), 0);
	EXPECT_EQ(t_mkdir("/"), -EEXIST);
	t_put("/t/d/f", "");
	EXPECT_EQ(t_rmdir("/t/d"), -ENOTEMPTY);
	EXPECT_EQ(t_rmdir("/t/d/."), -EINVAL);
	EXPECT_EQ(t_rmdir("/t/d/.."), -ENOTEMPTY);
	EXPECT_EQ(t_rmdir("/t/d/f"), -ENOTDIR);
	EXPECT_EQ(t_rmdir("/t"), -EBUSY); // a mount
	EXPECT_EQ(t_unlink("/t/d"), -EISDIR);
	EXPECT_EQ(t_unlink("/t/d/f/"), -ENOTDIR);
	EXPECT_EQ(t_link("/t/d/f", "/t/g"), 0);
	EXPECT_EQ(t_stat("/t/g", &stat), 0);
	EXPECT_EQ(stat.nlink, 2);
	EXPECT_EQ(t_link("/t/d", "/t/h"), -EPERM);
	EXPECT_EQ(t_link("/t/g", "/h"), -EXDEV);
	EXPECT_EQ(t_unlink("/t/d/f"), 0);
	EXPECT_EQ(t_rmdir("/t/d"), 0);
	EXPECT_EQ(t_stat("/t", &stat), 0);
	EXPECT_EQ(stat.nlink, 3); // itself twice, and "new"
}

TEST(fs, rename_moves_replaces_and_exchanges)
{
	struct fs_at from = at("/t/x"), to = at("/t/a/y");
	struct fs_stat stat;
	fs_test_init();
	EXPECT_EQ(t_mkdir("/t/a"), 0);
	EXPECT_EQ(t_mkdir("/t/b"), 0);
	t_put("/t/x", "x");
	t_put("/t/a/y", "y");
	EXPECT_EQ(fs_rename(&from, &to, 1), -EEXIST); // NOREPLACE
	EXPECT_EQ(fs_rename(&from, &to, 2), 0); // EXCHANGE
	EXPECT(t_holds("/t/x", "y") && t_holds("/t/a/y", "x"));
	EXPECT_EQ(fs_rename(&from, &to, 3), -EINVAL);
	EXPECT_EQ(t_rename("/t/x", "/t/a/y"), 0);
	EXPECT(t_holds("/t/a/y", "y") && t_stat("/t/x", &stat) == -ENOENT);
	EXPECT_EQ(t_rename("/t/a", "/t/a/in"), -EINVAL);
	EXPECT_EQ(t_rename("/t/b", "/t/a"), -ENOTEMPTY);
	EXPECT_EQ(t_rename("/t/a", "/t/b"), 0);
	EXPECT(t_holds("/t/b/y", "y"));
	EXPECT_EQ(t_rename("/t/b/y", "/y"), -EXDEV);
	EXPECT_EQ(t_rename("/t/b/.", "/t/c"), -EBUSY);
	EXPECT_EQ(t_stat("/t", &stat), 0);
	EXPECT_EQ(stat.nlink, 3);
	EXPECT_EQ(t_mkdir("/t/c"), 0);
	EXPECT_EQ(t_rename("/t/b", "/t/c/b"), 0);
	EXPECT_EQ(t_stat("/t/c/b/..", &stat), 0);
	EXPECT_EQ(stat.nlink, 3);
	EXPECT(t_holds("/t/c/b/../../c/b/y", "y"));
}

/** Who the current thread is, for a while. */
static struct cred *become(uint32_t uid, uint32_t gid)
{
	struct cred *cred = cred_copy(&cred_root);
	EXPECT(cred);
	if (cred) {
		cred->uid = cred->euid = cred->fsuid = uid;
		cred->gid = cred->egid = cred->fsgid = gid;
		cred->cap_effective = cred->cap_permitted = 0;
	}
	current_thread()->object.cred = cred;
	return cred;
}

static void become_root(struct cred *cred)
{
	current_thread()->object.cred = NULL;
	if (cred)
		cred_put(cred);
}

TEST(fs, permissions_hold_for_who_is_not_root)
{
	struct fs_at secret = at("/t/secret"), shared = at("/t/shared"), file = at("/t/shared/file");
	struct fs_setattr closed = {.valid = FS_SET_MODE, .mode = 0700};
	struct fs_setattr sticky = {.valid = FS_SET_MODE, .mode = 01777};
	struct fs_setattr readable = {.valid = FS_SET_MODE, .mode = 06754};
	struct fs_setattr given = {.valid = FS_SET_UID | FS_SET_GID, .uid = 7, .gid = 8};
	struct fs_stat stat;
	fs_test_init();
	EXPECT_EQ(fs_mkdir(&secret, 0755), 0);
	EXPECT_EQ(fs_setattr(&secret, 0, &closed), 0);
	t_put("/t/secret/key", "k");
	EXPECT_EQ(fs_mkdir(&shared, 0755), 0);
	EXPECT_EQ(fs_setattr(&shared, 0, &sticky), 0);
	t_put("/t/shared/file", "f");
	EXPECT_EQ(fs_setattr(&file, 0, &given), 0);
	EXPECT_EQ(fs_setattr(&file, 0, &readable), 0);
	struct cred *cred = become(1000, 8);
	EXPECT_EQ(t_stat("/t/secret/key", &stat), -EACCES);
	EXPECT_EQ(t_open_error("/t/secret/new", O_CREAT | O_WRONLY), -EACCES);
	EXPECT_EQ(t_open_error("/t/shared/file", O_RDONLY), 0); // by group
	EXPECT_EQ(t_open_error("/t/shared/file", O_WRONLY), -EACCES);
	EXPECT_EQ(fs_access(&file, 0, 5, false), 0);
	EXPECT_EQ(fs_access(&file, 0, 2, false), -EACCES);
	EXPECT_EQ(t_unlink("/t/shared/file"), -EPERM); // sticky
	EXPECT_EQ(fs_setattr(&file, 0, &closed), -EPERM);
	EXPECT_EQ(fs_setattr(&file, 0, &given), -EPERM);
	t_put("/t/shared/mine", "m");
	EXPECT_EQ(t_unlink("/t/shared/mine"), 0);
	become_root(cred);
	EXPECT_EQ(fs_setattr(&file, 0, &given), 0); // a new owner: no longer set-id
	EXPECT_EQ(t_stat("/t/shared/file", &stat), 0);
	EXPECT_EQ(stat.mode & 07777, 0754);
}

TEST(fs, new_names_take_the_group_of_a_setgid_folder)
{
	struct fs_at dir = at("/t/d"), sub = at("/t/d/sub");
	struct fs_setattr attr = {.valid = FS_SET_MODE | FS_SET_GID, .mode = 02775, .gid = 42};
	struct fs_stat stat;
	fs_test_init();
	EXPECT_EQ(fs_mkdir(&dir, 0755), 0);
	EXPECT_EQ(fs_setattr(&dir, 0, &attr), 0);
	EXPECT_EQ(fs_mkdir(&sub, 0755), 0);
	t_put("/t/d/f", "");
	EXPECT_EQ(t_stat("/t/d/sub", &stat), 0);
	EXPECT(stat.gid == 42 && (stat.mode & FS_ISGID));
	EXPECT_EQ(t_stat("/t/d/f", &stat), 0);
	EXPECT(stat.gid == 42 && !(stat.mode & FS_ISGID));
}

TEST(fs, paths_of_dentries_are_told)
{
	char buf[64];
	err_t err;
	fs_test_init();
	EXPECT_EQ(t_mkdir("/t/a"), 0);
	t_put("/t/a/f", "");
	struct file *file = t_open("/t/a/f", O_RDONLY, &err);
	EXPECT_EQ(err, 0);
	if (!file)
		return;
	EXPECT_EQ(fs_file_path(file, buf, sizeof(buf)), 7);
	EXPECT(strcmp(buf, "/t/a/f") == 0);
	EXPECT_EQ(fs_file_path(file, buf, 6), -ERANGE);
	EXPECT_EQ(t_rename("/t/a", "/t/longer"), 0);
	EXPECT_EQ(fs_file_path(file, buf, sizeof(buf)), 12);
	EXPECT(strcmp(buf, "/t/longer/f") == 0);
	EXPECT_EQ(t_unlink("/t/longer/f"), 0);
	EXPECT_EQ(fs_file_path(file, buf, sizeof(buf)), 22);
	EXPECT(strcmp(buf, "/t/longer/f (deleted)") == 0);
	struct fs_at target = at("/t");
	EXPECT_EQ(fs_umount(&target, 0), -EBUSY);
	grant_put(&file->grant);
}
