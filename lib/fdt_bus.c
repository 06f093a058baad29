// SPDX-License-Identifier: MIT
// Device tree: what properties mean. Strings and numbers; reg with its translation by the ranges of
// every bus up to the root; interrupts with their inherited parents and interrupt maps.
#include <lib/fdt.h>

#include <lib/string.h>
#include <uapi/errno.h>

#define ADDRESS_CELLS_MAX 4
#define PHANDLE_BYTES 4

const char *fdt_string(const struct fdt *fdt, int node, const char *prop)
{
	size_t len;
	const char *s = fdt_property(fdt, node, prop, &len);

	return s && strnlen(s, len) < len ? s : NULL;
}

err_t fdt_u32(const struct fdt *fdt, int node, const char *prop, uint32_t *value)
{
	size_t len;
	const void *p = fdt_property(fdt, node, prop, &len);

	if (!p)
		return -ENOENT;
	if (len != 4)
		return -EINVAL;
	*value = fdt_cell(p, 0);
	return 0;
}

/** The number in @cells cells, the low 64 bits of it. */
static uint64_t number_at(const uint8_t *p, unsigned cells)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < cells; i++)
		value = value << 32 | fdt_cell(p, i);
	return value;
}

err_t fdt_number(const struct fdt *fdt, int node, const char *prop, uint64_t *value)
{
	size_t len;
	const void *p = fdt_property(fdt, node, prop, &len);

	if (!p)
		return -ENOENT;
	if (len != 4 && len != 8)
		return -EINVAL;
	*value = number_at(p, len / 4);
	return 0;
}

err_t fdt_u64(const struct fdt *fdt, int node, const char *prop, uint64_t *value)
{
	size_t len;

	if (fdt_property(fdt, node, prop, &len) && len != 8)
		return -EINVAL;
	return fdt_number(fdt, node, prop, value);
}

uint32_t fdt_u32_or(const struct fdt *fdt, int node, const char *prop, uint32_t otherwise)
{
	uint32_t value;

	return fdt_u32(fdt, node, prop, &value) == 0 ? value : otherwise;
}

/** The index of @text in a list of NUL-terminated strings; -ENOENT. */
static int list_index(const char *list, size_t len, const char *text)
{
	size_t text_len = strlen(text);

	for (int index = 0; len; index++) {
		size_t one = strnlen(list, len);

		if (one == len) // not terminated
			break;
		if (one == text_len && memcmp(list, text, one) == 0)
			return index;
		list += one + 1;
		len -= one + 1;
	}
	return -ENOENT;
}

bool fdt_string_list_contains(const void *list, size_t len, const char *text)
{
	return list && list_index(list, len, text) >= 0;
}

int fdt_string_index(const struct fdt *fdt, int node, const char *prop, const char *name)
{
	size_t len;
	const char *list = fdt_property(fdt, node, prop, &len);

	return list ? list_index(list, len, name) : -ENOENT;
}

bool fdt_is_compatible(const struct fdt *fdt, int node, const char *compatible)
{
	return fdt_string_index(fdt, node, "compatible", compatible) >= 0;
}

bool fdt_is_enabled(const struct fdt *fdt, int node)
{
	const char *status = fdt_string(fdt, node, "status");

	if (!status)
		return !fdt_property(fdt, node, "status", NULL);
	return strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0;
}

int fdt_stdout(const struct fdt *fdt)
{
	int chosen = fdt_find_path(fdt, "/chosen");
	const char *path = chosen < 0 ? NULL : fdt_string(fdt, chosen, "stdout-path");

	return path ? fdt_find_path(fdt, path) : -ENOENT;
}

static unsigned address_cells(const struct fdt *fdt, int bus)
{
	return fdt_u32_or(fdt, bus, "#address-cells", 2);
}

static unsigned size_cells(const struct fdt *fdt, int bus)
{
	return fdt_u32_or(fdt, bus, "#size-cells", 1);
}

/** Read entry @index of @node's reg, whose cells @bus counts. */
static err_t read_reg(const struct fdt *fdt, int bus, int node, unsigned index, uint64_t *addr,
		      uint64_t *size)
{
	unsigned ac = address_cells(fdt, bus), sc = size_cells(fdt, bus);
	size_t len;
	const uint8_t *reg = fdt_property(fdt, node, "reg", &len);

	if (ac < 1 || ac > 2 || sc > 2)
		return -ENXIO;
	if (!reg)
		return -ENOENT;
	size_t entry = 4 * (ac + sc);

	if (len % entry)
		return -EINVAL;
	if (index >= len / entry)
		return -ENOENT;
	*addr = number_at(reg + index * entry, ac);
	*size = number_at(reg + index * entry + 4 * ac, sc);
	return 0;
}

err_t fdt_reg_raw(const struct fdt *fdt, int node, unsigned index, uint64_t *addr, uint64_t *size)
{
	int bus = fdt_parent(fdt, node);

	return bus < 0 ? -EINVAL : read_reg(fdt, bus, node, index, addr, size);
}

/** Translate *@addr from @bus's own addresses to those of its parent @up. */
static err_t translate(const struct fdt *fdt, int bus, int up, uint64_t *addr)
{
	unsigned ac = address_cells(fdt, bus), sc = size_cells(fdt, bus);
	unsigned uc = address_cells(fdt, up);
	size_t len;
	const uint8_t *p = fdt_property(fdt, bus, "ranges", &len);

	if (!p)
		return -ENXIO;
	if (len == 0) // the same addresses on both sides
		return 0;
	if (ac < 1 || ac > 2 || sc < 1 || sc > 2 || uc < 1 || uc > 2)
		return -ENXIO;
	size_t entry = 4 * (ac + uc + sc);

	for (; len >= entry; len -= entry, p += entry) {
		uint64_t base = number_at(p, ac);
		uint64_t size = number_at(p + 4 * (ac + uc), sc);

		if (*addr < base || *addr - base >= size)
			continue;
		if (__builtin_add_overflow(number_at(p + 4 * ac, uc), *addr - base, addr))
			return -EINVAL;
		return 0;
	}
	return -ENXIO;
}

err_t fdt_reg(const struct fdt *fdt, int node, unsigned index, paddr_t *addr, uint64_t *size)
{
	uint64_t at, bytes, end;
	int bus = fdt_parent(fdt, node);
	err_t err = bus < 0 ? -EINVAL : read_reg(fdt, bus, node, index, &at, &bytes);

	while (!err && bus != fdt->root) {
		int up = fdt_parent(fdt, bus);

		err = up < 0 ? -EINVAL : translate(fdt, bus, up, &at);
		bus = up;
	}
	if (!err && __builtin_add_overflow(at, bytes, &end))
		err = -EINVAL;
	if (err)
		return err;
	*addr = at;
	*size = bytes;
	return 0;
}

/** The number of cells in an interrupt specifier of @intc. */
static err_t interrupt_cells(const struct fdt *fdt, int intc, unsigned *n)
{
	uint32_t cells;

	if (fdt_u32(fdt, intc, "#interrupt-cells", &cells) || cells < 1 ||
	    cells > FDT_INTR_CELLS_MAX)
		return -EINVAL;
	*n = cells;
	return 0;
}

static void copy_cells(uint32_t *cells, const uint8_t *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		cells[i] = fdt_cell(p, i);
}

/** Interrupts go to interrupt-parent where there is one, else to the parent; the first on that way
 *  that has #interrupt-cells takes them. The bound ends circles of phandles. */
static int find_intc(const struct fdt *fdt, int node)
{
	uint32_t phandle;

	for (unsigned i = 0; i < FDT_DEPTH_MAX && node >= 0; i++) {
		if (fdt_u32(fdt, node, "interrupt-parent", &phandle) == 0)
			node = fdt_find_phandle(fdt, phandle);
		else
			node = fdt_parent(fdt, node);
		if (node >= 0 && fdt_property(fdt, node, "#interrupt-cells", NULL))
			return node;
	}
	return -EINVAL;
}

/** interrupts-extended: a list of (phandle, specifier of that controller's cells). */
static err_t read_extended(const struct fdt *fdt, const uint8_t *p, size_t len, unsigned index,
			   uint32_t *cells, unsigned *n, int *intc)
{
	for (; len >= PHANDLE_BYTES; index--) {
		*intc = fdt_find_phandle(fdt, fdt_cell(p, 0));
		if (*intc < 0 || interrupt_cells(fdt, *intc, n))
			return -EINVAL;
		size_t entry = PHANDLE_BYTES + 4 * *n;

		if (len < entry)
			return -EINVAL;
		if (index == 0) {
			copy_cells(cells, p + PHANDLE_BYTES, *n);
			return 0;
		}
		p += entry;
		len -= entry;
	}
	return len ? -EINVAL : -ENOENT;
}

err_t fdt_interrupts(const struct fdt *fdt, int node, unsigned index, uint32_t *cells, unsigned *n,
		     int *intc)
{
	size_t len;
	const uint8_t *p = fdt_property(fdt, node, "interrupts-extended", &len);

	if (p)
		return read_extended(fdt, p, len, index, cells, n, intc);
	p = fdt_property(fdt, node, "interrupts", &len);
	if (!p)
		return -ENOENT;
	*intc = find_intc(fdt, node);
	if (*intc < 0 || interrupt_cells(fdt, *intc, n) || len % (4 * *n))
		return -EINVAL;
	if (index >= len / (4 * *n))
		return -ENOENT;
	copy_cells(cells, p + 4 * (size_t)*n * index, *n);
	return 0;
}

// The child side of an interrupt map: what an entry's first cells are compared with.
struct map_key {
	uint32_t cells[ADDRESS_CELLS_MAX + FDT_INTR_CELLS_MAX];
	unsigned count;
};

/** Join address and specifier and apply interrupt-map-mask, which has as many cells. */
static err_t make_key(const struct fdt *fdt, int nexus, const uint32_t *address,
		      const uint32_t *spec, struct map_key *key)
{
	unsigned ac = address_cells(fdt, nexus), ic;
	size_t len;
	const uint8_t *mask = fdt_property(fdt, nexus, "interrupt-map-mask", &len);

	if (ac > ADDRESS_CELLS_MAX || interrupt_cells(fdt, nexus, &ic))
		return -EINVAL;
	key->count = ac + ic;
	if (mask && len != 4 * key->count)
		return -EINVAL;
	for (unsigned i = 0; i < key->count; i++) {
		key->cells[i] = i < ac ? address[i] : spec[i - ac];
		if (mask)
			key->cells[i] &= fdt_cell(mask, i);
	}
	return 0;
}

static bool key_matches(const struct map_key *key, const uint8_t *p)
{
	for (unsigned i = 0; i < key->count; i++) {
		if (key->cells[i] != fdt_cell(p, i))
			return false;
	}
	return true;
}

err_t fdt_interrupt_map(const struct fdt *fdt, int nexus, const uint32_t *address,
			const uint32_t *spec, uint32_t *cells, unsigned *n, int *intc)
{
	struct map_key key;
	size_t len;
	const uint8_t *p = fdt_property(fdt, nexus, "interrupt-map", &len);

	if (!p)
		return -ENOENT;
	if (make_key(fdt, nexus, address, spec, &key))
		return -EINVAL;
	size_t key_bytes = 4 * key.count + PHANDLE_BYTES;

	while (len >= key_bytes) {
		*intc = fdt_find_phandle(fdt, fdt_cell(p, key.count));
		if (*intc < 0 || interrupt_cells(fdt, *intc, n))
			return -EINVAL;
		// Here, unlike on a bus, a missing #address-cells means none.
		uint32_t parent_ac = fdt_u32_or(fdt, *intc, "#address-cells", 0);
		size_t entry = key_bytes + 4 * ((size_t)parent_ac + *n);

		if (parent_ac > ADDRESS_CELLS_MAX || len < entry)
			return -EINVAL;
		if (key_matches(&key, p)) {
			copy_cells(cells, p + key_bytes + 4 * parent_ac, *n);
			return 0;
		}
		p += entry;
		len -= entry;
	}
	return len ? -EINVAL : -ENOENT;
}
