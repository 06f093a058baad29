// SPDX-License-Identifier: MIT
// Builds small device trees for tests, in a fixed buffer.
#pragma once

#include <lib/string.h>
#include <lib/types.h>

struct fdt_builder {
	uint8_t tree[2048];
	size_t tree_len;
	char strings[512];
	size_t strings_len;
	uint8_t blob[4096];
	size_t len;
};

static inline void put_cell(uint8_t *p, uint32_t value)
{
	p[0] = value >> 24;
	p[1] = value >> 16;
	p[2] = value >> 8;
	p[3] = value;
}

static inline void build_cell(struct fdt_builder *b, uint32_t value)
{
	put_cell(b->tree + b->tree_len, value);
	b->tree_len += 4;
}

static inline void build_bytes(struct fdt_builder *b, const void *bytes, size_t len)
{
	memset(b->tree + b->tree_len, 0, align_up(len, 4));
	memcpy(b->tree + b->tree_len, bytes, len);
	b->tree_len += align_up(len, 4);
}

static inline void build_node(struct fdt_builder *b, const char *name)
{
	build_cell(b, 1);
	build_bytes(b, name, strlen(name) + 1);
}

static inline void build_end(struct fdt_builder *b)
{
	build_cell(b, 2);
}

static inline void build_prop(struct fdt_builder *b, const char *name, const void *value,
			      size_t len)
{
	size_t size = strlen(name) + 1;

	build_cell(b, 3);
	build_cell(b, len);
	build_cell(b, b->strings_len);
	build_bytes(b, value, len);
	memcpy(b->strings + b->strings_len, name, size);
	b->strings_len += size;
}

static inline void build_string(struct fdt_builder *b, const char *name, const char *value)
{
	build_prop(b, name, value, strlen(value) + 1);
}

#define build_cells(b, name, ...)                                                                  \
	do {                                                                                       \
		const uint32_t cells_[] = {__VA_ARGS__};                                           \
		uint8_t bytes_[sizeof(cells_)];                                                    \
		for (size_t i_ = 0; i_ < array_len(cells_); i_++)                                  \
			put_cell(bytes_ + 4 * i_, cells_[i_]);                                     \
		build_prop(b, name, bytes_, sizeof(bytes_));                                       \
	} while (0)

/** Put header, one memory reservation (0x1000, 0x2000), tree and strings together. */
static inline void build_finish(struct fdt_builder *b)
{
	size_t reserve = 40, tree = reserve + 32;

	build_cell(b, 9);
	size_t strings = tree + b->tree_len;

	b->len = strings + b->strings_len;
	memset(b->blob, 0, sizeof(b->blob));
	const uint32_t header[] = {0xd00dfeed, b->len, tree, strings, reserve, 17, 16, 0,
				   b->strings_len, b->tree_len};

	for (size_t i = 0; i < array_len(header); i++)
		put_cell(b->blob + 4 * i, header[i]);
	put_cell(b->blob + reserve + 4, 0x1000);
	put_cell(b->blob + reserve + 12, 0x2000);
	memcpy(b->blob + tree, b->tree, b->tree_len);
	memcpy(b->blob + strings, b->strings, b->strings_len);
}
