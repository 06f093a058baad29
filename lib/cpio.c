// SPDX-License-Identifier: MIT
// newc cpio reader. A header is 110 bytes of text: a magic and 13 numbers of 8 hexadecimal digits;
// name and data follow, each padded to 4 bytes counted from the start of the archive.
#include <lib/cpio.h>

#include <lib/string.h>
#include <uapi/errno.h>

enum {
	HEADER_BYTES = 110,
	MAGIC_BYTES = 6,
	DIGITS = 8,
};

// The order of the numbers in the header.
enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_SIZE,
	F_DEVMAJOR,
	F_DEVMINOR,
	F_RDEVMAJOR,
	F_RDEVMINOR,
	F_NAMESIZE,
	F_CHECK,
	FIELDS,
};

_Static_assert(MAGIC_BYTES + FIELDS * DIGITS == HEADER_BYTES, "newc header");

static bool parse_hex(const uint8_t *p, uint32_t *value)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < DIGITS; i++) {
		uint8_t c = p[i] | 32;

		if (p[i] >= '0' && p[i] <= '9')
			sum = sum << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			sum = sum << 4 | (c - 'a' + 10);
		else
			return false;
	}
	*value = sum;
	return true;
}

static bool parse_header(const uint8_t *p, uint32_t *fields)
{
	if (memcmp(p, "070701", MAGIC_BYTES) != 0 && memcmp(p, "070702", MAGIC_BYTES) != 0)
		return false;
	for (unsigned i = 0; i < FIELDS; i++) {
		if (!parse_hex(p + MAGIC_BYTES + i * DIGITS, &fields[i]))
			return false;
	}
	return true;
}

static void fill_entry(struct cpio_entry *e, const uint32_t *f)
{
	e->ino = f[F_INO];
	e->mode = f[F_MODE];
	e->uid = f[F_UID];
	e->gid = f[F_GID];
	e->nlink = f[F_NLINK];
	e->mtime = f[F_MTIME];
	e->size = f[F_SIZE];
	e->devmajor = f[F_DEVMAJOR];
	e->devminor = f[F_DEVMINOR];
	e->rdevmajor = f[F_RDEVMAJOR];
	e->rdevminor = f[F_RDEVMINOR];
}

/** Find the name: one NUL, and that at its end. */
static err_t take_name(const struct cpio_cursor *c, size_t pos, uint32_t size, struct cpio_entry *e)
{
	const char *name = (const char *)c->base + pos;

	if (size < 2 || size > CPIO_NAME_MAX)
		return -EINVAL;
	if (size > c->len - pos)
		return -EIO;
	if (strnlen(name, size) != size - 1)
		return -EINVAL;
	e->name = name;
	return 0;
}

/** Read the entry whose header is at the cursor and step behind it. */
static err_t read_entry(struct cpio_cursor *c, struct cpio_entry *e)
{
	uint32_t fields[FIELDS];

	if (c->len - c->pos < HEADER_BYTES)
		return -EIO;
	if (!is_aligned(c->pos, 4) || !parse_header(c->base + c->pos, fields))
		return -EINVAL;
	fill_entry(e, fields);
	err_t err = take_name(c, c->pos + HEADER_BYTES, fields[F_NAMESIZE], e);

	if (err)
		return err;
	size_t data = align_up(c->pos + HEADER_BYTES + fields[F_NAMESIZE], 4);

	// The padding behind the last entry may be missing, data may not.
	if (data > c->len)
		data = c->len;
	if (e->size > c->len - data)
		return -EIO;
	e->data = c->base + data;
	c->pos = min(align_up(data + e->size, 4), c->len);
	return 0;
}

static void skip_zeros(struct cpio_cursor *c)
{
	while (c->pos < c->len && !c->base[c->pos])
		c->pos++;
}

int cpio_next(struct cpio_cursor *c, struct cpio_entry *entry)
{
	do {
		skip_zeros(c);
		if (c->pos == c->len)
			return 0;
		err_t err = read_entry(c, entry);

		if (err)
			return err;
	} while (strcmp(entry->name, "TRAILER!!!") == 0);
	return 1;
}
