// SPDX-License-Identifier: MIT
// Flattened device tree: the structure block. fdt_open() walks it once and accepts only a blob
// whose every token lies within its block and whose nesting is at most FDT_DEPTH_MAX; read_token()
// checks the bounds again at each step, so that a blob that changes afterwards cannot lead outside
// either.
// What properties mean (reg, ranges, interrupts) is in fdt_bus.c.
#include <lib/fdt.h>

#include <lib/string.h>
#include <uapi/errno.h>

#define MAGIC 0xd00dfeedu

enum {
	BEGIN_NODE = 1,
	END_NODE = 2,
	PROP = 3,
	NOP = 4,
	END = 9,
	BAD = 0, // not in the format: the token lies outside, or is none
	PROP_HEADER = 12, // token, length, name offset
	PROP_NAME_MAX = 255,
	VERSION = 17,
};

uint32_t fdt_cell(const void *value, size_t index)
{
	const uint8_t *p = (const uint8_t *)value + 4 * index;

	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/** The bytes of the structure block from @pos on. */
static const uint8_t *struct_at(const struct fdt *fdt, uint32_t pos)
{
	return fdt->blob + fdt->struct_off + pos;
}

static uint32_t cell_at(const struct fdt *fdt, uint32_t pos)
{
	return fdt_cell(struct_at(fdt, pos), 0);
}

/** The property's name in the strings block; NULL if it does not end there. */
static const char *string_at(const struct fdt *fdt, uint32_t offset)
{
	if (offset >= fdt->strings_size)
		return NULL;
	const char *s = (const char *)fdt->blob + fdt->strings_off + offset;
	size_t max = min(fdt->strings_size - offset, (uint32_t)PROP_NAME_MAX + 1);

	return strnlen(s, max) < max ? s : NULL;
}

/** The bytes that the token at @pos takes unpadded, 0 when they do not lie within the block. */
static uint32_t token_bytes(const struct fdt *fdt, uint32_t pos, uint32_t token)
{
	uint32_t left = fdt->struct_size - pos;

	if (token == BEGIN_NODE) {
		size_t max = left - 4;
		size_t len = strnlen((const char *)struct_at(fdt, pos + 4), max);

		return len < max ? 4 + len + 1 : 0;
	}
	if (token == PROP) {
		if (left < PROP_HEADER || cell_at(fdt, pos + 4) > left - PROP_HEADER)
			return 0;
		return PROP_HEADER + cell_at(fdt, pos + 4);
	}
	return token == END_NODE || token == NOP || token == END ? 4 : 0;
}

/** The next token from *@pos on, passing over NOPs. It stands at *@at; *@pos moves behind it.
 *  BAD when it is not within the block. */
static uint32_t read_token(const struct fdt *fdt, uint32_t *pos, uint32_t *at)
{
	uint32_t token;

	do {
		*at = *pos;
		if (*pos > fdt->struct_size || fdt->struct_size - *pos < 4)
			return BAD;
		token = cell_at(fdt, *pos);
		uint32_t bytes = token_bytes(fdt, *pos, token);

		if (!bytes)
			return BAD;
		*pos += align_up(bytes, 4);
	} while (token == NOP);
	return token;
}

/** Move *@pos behind the BEGIN_NODE at @node. */
static bool enter(const struct fdt *fdt, int node, uint32_t *pos)
{
	uint32_t at;

	if (node < 0 || !is_aligned(node, 4))
		return false;
	*pos = node;
	return read_token(fdt, pos, &at) == BEGIN_NODE && at == (uint32_t)node;
}

static bool is_inside(uint32_t offset, uint32_t size, uint32_t total)
{
	return offset >= FDT_HEADER_BYTES && offset <= total && size <= total - offset;
}

uint32_t fdt_total_size(const void *blob)
{
	uint32_t total = fdt_cell(blob, 1);

	if (fdt_cell(blob, 0) != MAGIC || total < FDT_HEADER_BYTES || total > INT_MAX)
		return 0;
	return total;
}

static err_t read_header(struct fdt *fdt, const uint8_t *blob, size_t max_len)
{
	if (max_len < FDT_HEADER_BYTES)
		return -EINVAL;
	*fdt = (struct fdt){
		.blob = blob,
		.total = fdt_total_size(blob),
		.struct_off = fdt_cell(blob, 2),
		.strings_off = fdt_cell(blob, 3),
		.reserve_off = fdt_cell(blob, 4),
		.strings_size = fdt_cell(blob, 8),
		.struct_size = fdt_cell(blob, 9),
	};
	if (!fdt->total || fdt_cell(blob, 5) < VERSION || fdt_cell(blob, 6) > VERSION)
		return -EINVAL;
	if (fdt->total > max_len)
		return -E2BIG;
	if (!is_inside(fdt->struct_off, fdt->struct_size, fdt->total) ||
	    !is_inside(fdt->strings_off, fdt->strings_size, fdt->total) ||
	    !is_inside(fdt->reserve_off, 0, fdt->total) || !is_aligned(fdt->struct_off, 4))
		return -EINVAL;
	return 0;
}

static uint64_t cell_pair(const uint8_t *p)
{
	return (uint64_t)fdt_cell(p, 0) << 32 | fdt_cell(p, 1);
}

/** Count the memory reservations; they end with a pair of zeros. */
static err_t count_reservations(struct fdt *fdt)
{
	uint32_t max = (fdt->total - fdt->reserve_off) / 16;
	const uint8_t *p = fdt->blob + fdt->reserve_off;

	for (uint32_t i = 0; i < max; i++, p += 16) {
		if (cell_pair(p) == 0 && cell_pair(p + 8) == 0) {
			fdt->reserve_count = i;
			return 0;
		}
	}
	return -EINVAL;
}

/** Walk the whole structure block: one root, balanced, named properties, closed by END. */
static err_t check_structure(struct fdt *fdt)
{
	uint32_t pos = 0, at, depth = 0;
	uint32_t token = read_token(fdt, &pos, &at);

	fdt->root = at;
	if (token != BEGIN_NODE)
		return -EINVAL;
	for (depth = 1; depth > 0;) {
		token = read_token(fdt, &pos, &at);
		if (token == BEGIN_NODE && depth < FDT_DEPTH_MAX)
			depth++;
		else if (token == END_NODE)
			depth--;
		else if (token != PROP || !string_at(fdt, cell_at(fdt, at + 8)))
			return -EINVAL;
	}
	return read_token(fdt, &pos, &at) == END ? 0 : -EINVAL;
}

err_t fdt_open(struct fdt *fdt, const void *blob, size_t max_len)
{
	err_t err = read_header(fdt, blob, max_len);

	if (!err)
		err = count_reservations(fdt);
	if (!err)
		err = check_structure(fdt);
	return err;
}

int fdt_next_node(const struct fdt *fdt, int node)
{
	uint32_t pos, at, token;

	if (!enter(fdt, node, &pos))
		return -EINVAL;
	do {
		token = read_token(fdt, &pos, &at);
	} while (token == PROP || token == END_NODE);
	if (token == BEGIN_NODE)
		return at;
	return token == END ? -ENOENT : -EINVAL;
}

int fdt_first_child(const struct fdt *fdt, int node)
{
	uint32_t pos, at, token;

	if (!enter(fdt, node, &pos))
		return -EINVAL;
	do {
		token = read_token(fdt, &pos, &at);
	} while (token == PROP);
	if (token == BEGIN_NODE)
		return at;
	return token == END_NODE ? -ENOENT : -EINVAL;
}

int fdt_next_sibling(const struct fdt *fdt, int node)
{
	uint32_t pos, at, token;
	unsigned depth = 1;

	if (!enter(fdt, node, &pos))
		return -EINVAL;
	for (;;) {
		token = read_token(fdt, &pos, &at);
		if (token == BEGIN_NODE && depth == 0)
			return at;
		if (token == BEGIN_NODE)
			depth++;
		else if (depth == 0)
			return token == BAD ? -EINVAL : -ENOENT;
		else if (token == END_NODE)
			depth--;
		else if (token != PROP)
			return -EINVAL;
	}
}

int fdt_parent(const struct fdt *fdt, int node)
{
	int path[FDT_DEPTH_MAX];
	unsigned depth = 0;
	uint32_t pos = 0, at, token;

	if (node == fdt->root)
		return -ENOENT;
	do {
		token = read_token(fdt, &pos, &at);
		if (token == BEGIN_NODE) {
			if ((int)at == node && depth > 0)
				return path[depth - 1];
			if (depth == FDT_DEPTH_MAX)
				return -EINVAL;
			path[depth++] = at;
		} else if (token == END_NODE && depth > 0) {
			depth--;
		}
	} while (token == BEGIN_NODE || token == PROP || token == END_NODE);
	return -EINVAL;
}

const char *fdt_node_name(const struct fdt *fdt, int node)
{
	uint32_t pos;

	return enter(fdt, node, &pos) ? (const char *)struct_at(fdt, node + 4) : NULL;
}

const void *fdt_property(const struct fdt *fdt, int node, const char *name, size_t *len)
{
	uint32_t pos, at;

	if (!enter(fdt, node, &pos))
		return NULL;
	while (read_token(fdt, &pos, &at) == PROP) {
		const char *found = string_at(fdt, cell_at(fdt, at + 8));

		if (!found || strcmp(found, name) != 0)
			continue;
		if (len)
			*len = cell_at(fdt, at + 4);
		return struct_at(fdt, at + PROP_HEADER);
	}
	return NULL;
}

/** Whether node name @name is the @len bytes at @component, or those with a unit address. */
static bool name_matches(const char *name, const char *component, size_t len)
{
	if (strncmp(name, component, len) != 0)
		return false;
	return name[len] == '\0' || (name[len] == '@' && !memchr(component, '@', len));
}

static int find_child(const struct fdt *fdt, int node, const char *component, size_t len)
{
	int child;

	fdt_for_each_child(child, fdt, node) {
		if (name_matches(fdt_node_name(fdt, child), component, len))
			break;
	}
	return child;
}

int fdt_find_child(const struct fdt *fdt, int node, const char *name)
{
	return find_child(fdt, node, name, strlen(name));
}

static size_t component_len(const char *path)
{
	size_t len = 0;

	while (path[len] && path[len] != '/' && path[len] != ':')
		len++;
	return len;
}

/** Follow the components of @path below @node. */
static int walk_path(const struct fdt *fdt, int node, const char *path)
{
	while (node >= 0) {
		while (*path == '/')
			path++;
		size_t len = component_len(path);

		if (len == 0)
			break;
		node = find_child(fdt, node, path, len);
		path += len;
	}
	return node;
}

/** The node of the alias in the first @len bytes of @name. An alias holds an absolute path. */
static int find_alias(const struct fdt *fdt, const char *name, size_t len)
{
	char alias[PROP_NAME_MAX + 1];
	int aliases = walk_path(fdt, fdt->root, "aliases");

	if (len >= sizeof(alias) || aliases < 0)
		return -ENOENT;
	memcpy(alias, name, len);
	alias[len] = '\0';
	const char *path = fdt_string(fdt, aliases, alias);

	return path && *path == '/' ? walk_path(fdt, fdt->root, path) : -ENOENT;
}

int fdt_find_path(const struct fdt *fdt, const char *path)
{
	if (*path == '/')
		return walk_path(fdt, fdt->root, path);
	size_t len = component_len(path);

	return len ? walk_path(fdt, find_alias(fdt, path, len), path + len) : -ENOENT;
}

int fdt_find_compatible(const struct fdt *fdt, int after, const char *compatible)
{
	int node = after < 0 ? fdt->root : fdt_next_node(fdt, after);

	while (node >= 0 && !fdt_is_compatible(fdt, node, compatible))
		node = fdt_next_node(fdt, node);
	return node;
}

int fdt_find_phandle(const struct fdt *fdt, uint32_t phandle)
{
	int node = fdt->root;
	uint32_t found;

	while (node >= 0) {
		if (fdt_u32(fdt, node, "phandle", &found) == 0 && found == phandle)
			break;
		node = fdt_next_node(fdt, node);
	}
	return node;
}

err_t fdt_memreserve(const struct fdt *fdt, unsigned index, paddr_t *addr, uint64_t *size)
{
	if (index >= fdt->reserve_count)
		return -ENOENT;
	const uint8_t *p = fdt->blob + fdt->reserve_off + 16 * (size_t)index;

	*addr = cell_pair(p);
	*size = cell_pair(p + 8);
	return 0;
}
