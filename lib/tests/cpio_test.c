// SPDX-License-Identifier: MIT
// If these fail, files of the initial file system are missing, cut or read from beside it.
#include <lib/cpio.h>
#include <lib/format.h>
#include <lib/string.h>
#include <lib/test.h>

#include <uapi/errno.h>

static char archive[2048];
static size_t archive_len;

static void pad(void)
{
	while (archive_len % 4)
		archive[archive_len++] = 0;
}

static void add(const char *name, unsigned mode, const char *data)
{
	unsigned size = strlen(data), name_size = strlen(name) + 1;

	// ino mode uid gid nlink mtime; size devmajor devminor rdevmajor rdevminor namesize check
	archive_len += fmt_snprintf(archive + archive_len, 111,
				    "070701%08x%08X%08x%08x%08x%08x"
				    "%08x%08x%08x%08x%08x%08x%08x",
				    7u, mode, 1000u, 100u, 2u, 0x5eadbeefu, size, 8u, 1u, 4u, 64u,
				    name_size, 0u);
	memcpy(archive + archive_len, name, name_size);
	archive_len += name_size;
	pad();
	memcpy(archive + archive_len, data, size);
	archive_len += size;
	pad();
}

static void build_archive(void)
{
	memset(archive, 0, sizeof(archive));
	archive_len = 0;
	add("bin", 040755, "");
	add("bin/init", 0100755, "hello");
	add("TRAILER!!!", 0, "");
	archive_len = align_up(archive_len, 512);
	add("extra", 0120777, "bin/init");
	add("TRAILER!!!", 0, "");
}

TEST(lib, cpio_reads_concatenated_archives)
{
	struct cpio_cursor c;
	struct cpio_entry e;

	build_archive();
	cpio_open(&c, archive, archive_len);
	EXPECT_EQ(cpio_next(&c, &e), 1);
	EXPECT(strcmp(e.name, "bin") == 0 && e.mode == 040755 && e.size == 0);
	EXPECT_EQ(cpio_next(&c, &e), 1);
	EXPECT(strcmp(e.name, "bin/init") == 0 && e.size == 5 && memcmp(e.data, "hello", 5) == 0);
	EXPECT(e.ino == 7 && e.uid == 1000 && e.gid == 100 && e.nlink == 2);
	EXPECT(e.mtime == 0x5eadbeef && e.devmajor == 8 && e.devminor == 1);
	EXPECT(e.rdevmajor == 4 && e.rdevminor == 64);
	EXPECT_EQ(cpio_next(&c, &e), 1);
	EXPECT(strcmp(e.name, "extra") == 0 && memcmp(e.data, "bin/init", 8) == 0);
	EXPECT_EQ(cpio_next(&c, &e), 0);
	EXPECT_EQ(cpio_next(&c, &e), 0);
}

TEST(lib, cpio_of_nothing)
{
	struct cpio_cursor c;
	struct cpio_entry e;

	memset(archive, 0, sizeof(archive));
	for (size_t len = 0; len < 200; len += 37) {
		cpio_open(&c, archive, len);
		EXPECT_EQ(cpio_next(&c, &e), 0);
	}
}

/** The code that ends the reading, the faulty offset in @c->pos. */
static int read_all(struct cpio_cursor *c, size_t *count)
{
	struct cpio_entry e;
	int got;

	*count = 0;
	while ((got = cpio_next(c, &e)) == 1) {
		const char *begin = (const char *)c->base;

		EXPECT(e.name >= begin && e.name + strlen(e.name) < begin + c->len);
		EXPECT(e.data >= c->base && e.size <= (size_t)(c->base + c->len - e.data));
		++*count;
	}
	return got;
}

static int read_broken(size_t header, size_t at, const char *text, size_t *pos)
{
	struct cpio_cursor c;
	size_t count;

	build_archive();
	memcpy(archive + header + at, text, strlen(text));
	cpio_open(&c, archive, archive_len);
	int got = read_all(&c, &count);

	*pos = c.pos;
	return got;
}

TEST(lib, cpio_names_the_faulty_header)
{
	size_t pos, second = 116; // the header of bin/init

	EXPECT(read_broken(second, 0, "070707", &pos) == -EINVAL && pos == second);
	EXPECT(read_broken(second, 6, "0000000g", &pos) == -EINVAL && pos == second);
	EXPECT(read_broken(second, 6, "-0000001", &pos) == -EINVAL && pos == second);
	EXPECT(read_broken(second, 54, "fffffffc", &pos) == -EIO && pos == second); // size
	EXPECT(read_broken(second, 94, "ffffffff", &pos) == -EINVAL && pos == second); // namesize
	EXPECT(read_broken(second, 94, "00000fff", &pos) == -EIO && pos == second);
	EXPECT(read_broken(second, 94, "00000000", &pos) == -EINVAL && pos == second);
	EXPECT(read_broken(second, 94, "00000001", &pos) == -EINVAL && pos == second);
	EXPECT(read_broken(second, 94, "00000008", &pos) == -EINVAL); // no NUL at its end
	EXPECT(read_broken(second, 94, "0000000a", &pos) == -EINVAL); // NUL before its end
}

TEST(lib, cpio_survives_every_truncation)
{
	static char arena[sizeof(archive)];

	build_archive();
	for (size_t len = 0; len <= archive_len; len++) {
		char *copy = arena + sizeof(arena) - len;
		struct cpio_cursor c;
		size_t count;

		memcpy(copy, archive, len);
		cpio_open(&c, copy, len);
		int got = read_all(&c, &count);

		EXPECT(got == 0 || got == -EIO);
		EXPECT(got == 0 || c.pos < len);
		EXPECT(count <= 3);
	}
}

TEST(lib, cpio_survives_every_flipped_bit)
{
	static char arena[sizeof(archive)];
	size_t count, faults = 0;

	build_archive();
	char *copy = arena + sizeof(arena) - archive_len;

	memcpy(copy, archive, archive_len);
	for (size_t bit = 0; bit < 8 * archive_len; bit++) {
		struct cpio_cursor c;

		copy[bit / 8] ^= 1 << (bit % 8);
		cpio_open(&c, copy, archive_len);
		faults += read_all(&c, &count) < 0;
		copy[bit / 8] ^= 1 << (bit % 8);
	}
	EXPECT(faults > 0);
}

TEST(lib, cpio_wants_aligned_headers)
{
	struct cpio_cursor c;
	struct cpio_entry e;

	build_archive();
	memmove(archive + 2, archive, archive_len);
	archive[0] = archive[1] = 0;
	cpio_open(&c, archive, archive_len + 2);
	EXPECT_EQ(cpio_next(&c, &e), -EINVAL);
	EXPECT_EQ(c.pos, 2);
}
