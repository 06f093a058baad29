// SPDX-License-Identifier: MIT
// Reader for cpio archives in the "newc" format (magic 070701, and 070702 whose checksum is not
// looked at) that lie in memory: the initial file system. Several archives may follow each other,
// with zero bytes between; each one's TRAILER!!! is skipped. Nothing is copied.
#pragma once

#include <lib/types.h>

#define CPIO_NAME_MAX 4096

struct cpio_cursor {
	const uint8_t *base;
	size_t len;
	size_t pos; // of the next header; of the fault after an error
};

struct cpio_entry {
	const char *name; // NUL-terminated, as in the archive
	const uint8_t *data;
	size_t size; // bytes at data
	uint32_t ino;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink;
	uint32_t mtime;
	uint32_t devmajor;
	uint32_t devminor;
	uint32_t rdevmajor;
	uint32_t rdevminor;
};

static inline void cpio_open(struct cpio_cursor *c, const void *base, size_t len)
{
	c->base = base;
	c->len = len;
	c->pos = 0;
}

/** The next entry. Returns 1, 0 at the end, -EINVAL (not a header, bad digits or name) or -EIO
 *  (cut short), with the offset of the faulty header in @c->pos. */
int cpio_next(struct cpio_cursor *c, struct cpio_entry *entry) must_check;
