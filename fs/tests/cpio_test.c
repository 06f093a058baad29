// SPDX-License-Identifier: MIT
// If these fail, the initial file system is not what its archive says, or an archive that lies harms more
// than itself.
#include <lib/format.h>

#include "fs_test.h"

static char archive[8192];
static size_t archive_len;

static void pad(void)
{
	while (archive_len % 4)
		archive[archive_len++] = 0;
}

static void add(const char *name, unsigned mode, unsigned ino, unsigned nlink, const char *data)
{
	unsigned size = (unsigned)strlen(data), name_size = (unsigned)strlen(name) + 1;
	archive_len += fmt_snprintf(archive + archive_len, 111,
				    "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino,
				    mode, 11u, 12u, nlink, 1000u, size, 0u, 0u, 1u, 3u, name_size, 0u);
	memcpy(archive + archive_len, name, name_size);
	archive_len += name_size;
	pad();
	memcpy(archive + archive_len, data, size);
	archive_len += size;
	pad();
}

static void begin(void)
{
	fs_test_init();
	memset(archive, 0, sizeof(archive));
	archive_len = 0;
}

TEST(fs, archives_unpack_as_they_say)
{
	struct fs_stat stat, other;
	begin();
	add("t/dir", 040750, 1, 2, "");
	add("t/dir/file", 0104755, 2, 1, "hello");
	add("./t/no/parents/here", 0100644, 3, 1, "made");
	add("t/link", 0120777, 4, 1, "dir/file");
	add("t/null", 020666, 5, 1, "");
	add("t/one", 0100644, 6, 2, "");
	add("t/two", 0100644, 6, 2, "shared");
	add("TRAILER!!!", 0, 0, 1, "");
	archive_len = align_up(archive_len, 512);
	add("t/dir/file", 0100600, 6, 2, "again"); // another archive: its inode 6 is another file
	add("TRAILER!!!", 0, 0, 1, "");
	EXPECT_EQ(fs_unpack_cpio(archive, archive_len), 0);
	EXPECT(t_holds("/t/link", "again") && t_holds("/t/no/parents/here", "made"));
	EXPECT(t_holds("/t/one", "shared") && t_holds("/t/two", "shared"));
	EXPECT_EQ(t_stat("/t/dir", &stat), 0);
	EXPECT(stat.mode == 040750 && stat.uid == 11 && stat.gid == 12);
	EXPECT_EQ(t_stat("/t/dir/file", &stat), 0);
	EXPECT(stat.mode == 0100600 && stat.mtime == 1000 * NSEC_PER_SEC && stat.nlink == 1);
	EXPECT_EQ(t_stat("/t/one", &stat), 0);
	EXPECT_EQ(t_stat("/t/two", &other), 0);
	EXPECT(stat.ino == other.ino && stat.nlink == 2);
	EXPECT_EQ(t_stat("/t/null", &stat), 0);
	EXPECT(stat.mode == 020666 && stat.rdev == FS_MKDEV(1, 3));
}

TEST(fs, archives_that_lie_keep_what_was_good)
{
	struct fs_stat stat;
	begin();
	add("t/good", 0100644, 1, 1, "good");
	size_t good = archive_len;
	add("t/bad", 0100644, 2, 1, "bad");
	archive[good] = 'X';
	EXPECT_EQ(fs_unpack_cpio(archive, archive_len), -EINVAL);
	EXPECT(t_holds("/t/good", "good"));
	EXPECT_EQ(t_stat("/t/bad", &stat), -ENOENT);
	archive[good] = '0';
	EXPECT_EQ(fs_unpack_cpio(archive, archive_len - 4), -EIO);
	EXPECT_EQ(fs_unpack_cpio(archive, 50), -EIO);
	EXPECT_EQ(fs_unpack_cpio(archive, archive_len), 0); // over what is there
	EXPECT(t_holds("/t/good", "good") && t_holds("/t/bad", "bad"));
}

TEST(fs, archives_cannot_leave_the_root)
{
	struct fs_stat stat;
	begin();
	add("../../t/up", 0100644, 1, 1, "up");
	add("t/way", 0120777, 2, 1, "/t");
	add("t/way/through", 0100644, 3, 1, "through");
	add("t/up", 040755, 4, 2, ""); // a folder in place of a file
	add("t/up/inside", 0100644, 5, 1, "inside");
	add("t/odd", 0170000, 6, 1, "no such type");
	add("t/last", 0100644, 7, 1, "last");
	EXPECT_EQ(fs_unpack_cpio(archive, archive_len), 0);
	EXPECT(t_holds("/t/through", "through") && t_holds("/t/up/inside", "inside"));
	EXPECT_EQ(t_stat("/t/odd", &stat), -ENOENT);
	EXPECT(t_holds("/t/last", "last"));
}
