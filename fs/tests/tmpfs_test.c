// SPDX-License-Identifier: MIT
// If these fail, a file in memory loses or shows wrong bytes, or the limit of its file system is not one.
#include <lib/format.h>
#include <mm/space.h>

#include "fs_test.h"

#define PAGE ((uint64_t)HAL_PAGE_SIZE)

static struct file *new_file(const char *path)
{
	err_t err;
	struct file *file = t_open(path, O_RDWR | O_CREAT | O_EXCL, &err);
	EXPECT_EQ(err, 0);
	return file;
}

static uint64_t blocks_of(struct file *file)
{
	struct fs_stat stat;
	EXPECT_EQ(fs_stat_file(file, &stat), 0);
	return stat.blocks;
}

TEST(fs, files_are_sparse_and_cut_to_zeros)
{
	char buf[8];
	fs_test_init();
	struct file *file = new_file("/t/f");
	EXPECT_EQ(t_write(file, "abc", 3, 0), 3);
	EXPECT_EQ(t_write(file, "xyz", 3, (int64_t)(1000 * PAGE - 1)), 3);
	EXPECT_EQ(blocks_of(file), 3 * PAGE / 512);
	EXPECT_EQ(t_read(file, buf, 8, (int64_t)(500 * PAGE)), 8);
	EXPECT(memcmp(buf, "\0\0\0\0\0\0\0\0", 8) == 0);
	EXPECT_EQ(t_read(file, buf, 8, (int64_t)(1000 * PAGE - 1)), 3);
	EXPECT(memcmp(buf, "xyz", 3) == 0);
	EXPECT_EQ(t_read(file, buf, 8, (int64_t)(1000 * PAGE + 2)), 0);
	EXPECT_EQ(fs_ftruncate(file, 2), 0);
	EXPECT_EQ(blocks_of(file), PAGE / 512);
	EXPECT_EQ(fs_ftruncate(file, 8), 0);
	EXPECT_EQ(t_read(file, buf, 8, 0), 8);
	EXPECT(memcmp(buf, "ab\0\0\0\0\0\0", 8) == 0);
	EXPECT_EQ(fs_ftruncate(file, 1ull << 63), -EFBIG);
	EXPECT_EQ(t_write(file, "x", 1, INT64_MAX), -EFBIG);
	grant_put(&file->grant);
}

TEST(fs, positions_and_appends)
{
	char buf[8];
	fs_test_init();
	struct file *file = new_file("/t/f");
	EXPECT_EQ(t_write(file, "0123", 4, -1), 4);
	EXPECT_EQ(t_write(file, "4567", 4, -1), 4);
	EXPECT_EQ(fs_seek(file, 2, FS_SEEK_SET), 2);
	EXPECT_EQ(t_read(file, buf, 3, -1), 3);
	EXPECT(memcmp(buf, "234", 3) == 0);
	EXPECT_EQ(fs_seek(file, -1, FS_SEEK_CUR), 4);
	EXPECT_EQ(fs_seek(file, -3, FS_SEEK_END), 5);
	EXPECT_EQ(fs_seek(file, -9, FS_SEEK_END), -EINVAL);
	EXPECT_EQ(fs_seek(file, INT64_MAX, FS_SEEK_END), -EOVERFLOW);
	EXPECT_EQ(fs_seek(file, 0, 9), -EINVAL);
	err_t err;
	struct file *other = t_open("/t/f", O_WRONLY | O_APPEND, &err);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(t_write(other, "89", 2, -1), 2);
	EXPECT_EQ(t_write(other, "ab", 2, 0), 2); // pwrite appends too, as on Linux
	EXPECT(t_holds("/t/f", "0123456789ab"));
	EXPECT_EQ(fs_seek(other, 0, FS_SEEK_CUR), 10);
	grant_put(&other->grant);
	grant_put(&file->grant);
}

TEST(fs, holes_are_found_made_and_filled)
{
	char buf[4];
	fs_test_init();
	struct file *file = new_file("/t/f");
	EXPECT_EQ(t_write(file, "data", 4, (int64_t)(3 * PAGE)), 4);
	EXPECT_EQ(fs_seek(file, 0, FS_SEEK_DATA), 3 * PAGE);
	EXPECT_EQ(fs_seek(file, (int64_t)(3 * PAGE + 2), FS_SEEK_DATA), 3 * PAGE + 2);
	EXPECT_EQ(fs_seek(file, 0, FS_SEEK_HOLE), 0);
	EXPECT_EQ(fs_seek(file, (int64_t)(3 * PAGE), FS_SEEK_HOLE), 3 * PAGE + 4);
	EXPECT_EQ(fs_seek(file, (int64_t)(3 * PAGE + 4), FS_SEEK_DATA), -ENXIO);
	EXPECT_EQ(fs_fallocate(file, 0, PAGE, 4 * PAGE), 0);
	EXPECT_EQ(blocks_of(file), 4 * PAGE / 512);
	struct fs_stat stat;
	EXPECT_EQ(fs_stat_file(file, &stat), 0);
	EXPECT_EQ(stat.size, 5 * PAGE);
	EXPECT_EQ(fs_fallocate(file, 3, 3 * PAGE + 1, PAGE), 0); // KEEP_SIZE | PUNCH_HOLE
	EXPECT_EQ(t_read(file, buf, 4, (int64_t)(3 * PAGE)), 4);
	EXPECT(memcmp(buf, "d\0\0\0", 4) == 0);
	EXPECT_EQ(fs_fallocate(file, 3, 0, 5 * PAGE), 0);
	EXPECT_EQ(blocks_of(file), 0);
	EXPECT_EQ(fs_fallocate(file, 0, UINT64_MAX, 1), -EINVAL);
	EXPECT_EQ(fs_fallocate(file, 0, INT64_MAX, 1), -EFBIG);
	EXPECT_EQ(fs_fallocate(file, 0, 0, MIB(2)), -ENOSPC);
	grant_put(&file->grant);
}

TEST(fs, the_limit_of_a_mount_is_kept)
{
	static char page[HAL_PAGE_SIZE];
	struct fs_at place = at("/t");
	struct fs_statfs statfs;
	fs_test_init(); // 1 MiB
	struct file *file = new_file("/t/f");
	uint64_t written = 0;
	int64_t n;
	while ((n = t_write(file, page, sizeof(page), -1)) > 0)
		written += (uint64_t)n;
	EXPECT_EQ(n, -ENOSPC);
	EXPECT_EQ(written, MIB(1));
	EXPECT_EQ(fs_statfs(&place, &statfs), 0);
	EXPECT(statfs.blocks == MIB(1) / PAGE && statfs.blocks_free == 0);
	EXPECT_EQ(t_unlink("/t/f"), 0);
	EXPECT_EQ(fs_statfs(&place, &statfs), 0);
	EXPECT_EQ(statfs.blocks_free, 0); // still open
	grant_put(&file->grant);
	EXPECT_EQ(fs_statfs(&place, &statfs), 0);
	EXPECT_EQ(statfs.blocks_free, MIB(1) / PAGE); // at once, without a grace period
}

TEST(fs, mappings_and_reads_see_one_memory)
{
	struct mm_object *object;
	struct frame *frame = NULL, *none[2];
	char buf[4];
	fs_test_init();
	struct file *file = new_file("/t/f");
	EXPECT_EQ(t_write(file, "abcd", 4, 0), 4);
	EXPECT_EQ(fs_ftruncate(file, 2 * PAGE), 0);
	EXPECT_EQ(file->ops->mmap_object(file, true, &object), 0);
	EXPECT_EQ(object->ops->get_page(object, 0, true, &frame), 0);
	memcpy(frame_direct(frame), "WXYZ", 4);
	EXPECT_EQ(t_read(file, buf, 4, 0), 4);
	EXPECT(memcmp(buf, "WXYZ", 4) == 0);
	frame_put(frame);
	EXPECT_EQ(object->ops->get_page(object, 1, false, &frame), 0); // a hole
	frame_put(frame);
	EXPECT_EQ(object->ops->get_page(object, 2, false, &frame), -EIO);
	EXPECT_EQ(fs_ftruncate(file, PAGE), 0);
	EXPECT_EQ(object->ops->get_page(object, 1, false, &frame), -EIO);
	EXPECT_EQ(object->ops->get_resident(object, 0, 2, none), 1);
	EXPECT(none[0] && !none[1]);
	if (none[0])
		frame_put(none[0]);
	object->ops->put(object);
	grant_put(&file->grant);
}

struct listing {
	unsigned count, stop_after;
	bool removes;
	uint64_t seen[4]; // bits by number in the name
};

static bool note_name(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type,
		      int64_t next_pos)
{
	struct listing *listing = arg;
	uint64_t number;
	char path[32];
	(void)ino, (void)type, (void)next_pos;
	if (name[0] == '.')
		return true;
	if (listing->stop_after-- == 0)
		return false;
	fmt_snprintf(path, sizeof(path), "/t/d/%.*s", (int)len, name);
	if (parse_u64(path + 6, 10, &number, NULL) && number < 256) {
		EXPECT(!(listing->seen[number / 64] >> number % 64 & 1));
		listing->seen[number / 64] |= 1ull << number % 64;
	}
	listing->count++;
	if (listing->removes)
		EXPECT_EQ(t_unlink(path), 0);
	return true;
}

TEST(fs, folders_are_read_while_names_go)
{
	char path[32];
	err_t err;
	fs_test_init();
	EXPECT_EQ(t_mkdir("/t/d"), 0);
	for (unsigned i = 0; i < 200; i++) {
		fmt_snprintf(path, sizeof(path), "/t/d/f%u", i);
		t_put(path, "");
	}
	struct file *dir = t_open("/t/d", O_RDONLY, &err);
	EXPECT_EQ(err, 0);
	struct listing listing = {.removes = true};
	for (unsigned round = 0; round < 100; round++) {
		listing.stop_after = 7;
		EXPECT_EQ(dir->ops->read_dir(dir, note_name, &listing), 0);
	}
	EXPECT_EQ(listing.count, 200);
	EXPECT_EQ(t_rmdir("/t/d"), 0);
	EXPECT_EQ(dir->ops->read_dir(dir, note_name, &listing), -ENOENT);
	grant_put(&dir->grant);
}

TEST(fs, flocks_belong_to_the_open_file)
{
	enum { SHARED = 1, ALONE = 2, TRY = 4, NONE = 8 };
	err_t err;
	fs_test_init();
	struct file *one = new_file("/t/f"), *two = t_open("/t/f", O_RDONLY, &err);
	struct file *third = new_file("/t/g");
	EXPECT_EQ(fs_flock(one, SHARED), 0);
	EXPECT_EQ(fs_flock(two, SHARED | TRY), 0);
	EXPECT_EQ(fs_flock(one, ALONE | TRY), -EWOULDBLOCK);
	EXPECT_EQ(fs_flock(third, ALONE | TRY), 0);
	EXPECT_EQ(fs_flock(two, NONE), 0);
	EXPECT_EQ(fs_flock(one, ALONE | TRY), 0);
	EXPECT_EQ(fs_flock(two, SHARED | TRY), -EWOULDBLOCK);
	EXPECT_EQ(fs_flock(two, 0), -EINVAL);
	grant_put(&one->grant); // closed: free again
	EXPECT_EQ(fs_flock(two, ALONE | TRY), 0);
	grant_put(&two->grant);
	grant_put(&third->grant);
}
