// SPDX-License-Identifier: MIT
// Read-only flattened device tree (Devicetree Specification v0.4). The blob comes from firmware and
// is believed in nothing: fdt_open() walks the whole structure once, and every later access checks
// its offset again. A node is an offset into the structure block, >= 0; negative values are errors
// (-ENOENT: there is none; -EINVAL: the blob lies). Any alignment of the blob is accepted.
#pragma once

#include <lib/types.h>

#define FDT_DEPTH_MAX 32
#define FDT_INTR_CELLS_MAX 8
#define FDT_HEADER_BYTES 40

struct fdt {
	const uint8_t *blob;
	uint32_t total; // bytes of the blob
	uint32_t struct_off;
	uint32_t struct_size;
	uint32_t strings_off;
	uint32_t strings_size;
	uint32_t reserve_off;
	uint32_t reserve_count;
	int root;
};

/** Check the blob's header and whole structure. @max_len: bytes that may be read at @blob.
 *  Returns 0, -EINVAL (not a device tree, or a broken one), -E2BIG (larger than @max_len). */
err_t fdt_open(struct fdt *fdt, const void *blob, size_t max_len) must_check;

/** The blob's totalsize when its header is plausible, else 0. Reads FDT_HEADER_BYTES at @blob. */
uint32_t fdt_total_size(const void *blob);

static inline int fdt_root(const struct fdt *fdt)
{
	return fdt->root;
}

int fdt_first_child(const struct fdt *fdt, int node);
int fdt_next_sibling(const struct fdt *fdt, int node);
int fdt_parent(const struct fdt *fdt, int node);

/** The next node in document order, for a walk over all of them: from fdt_root() until < 0. */
int fdt_next_node(const struct fdt *fdt, int node);

#define fdt_for_each_child(child, fdt, node)                                                       \
	for ((child) = fdt_first_child(fdt, node); (child) >= 0;                                   \
	     (child) = fdt_next_sibling(fdt, child))

/** "name@unit", "" for the root; NULL if @node is not a node. */
const char *fdt_node_name(const struct fdt *fdt, int node);

/** The node at @path: absolute, or beginning with an alias. The path ends at NUL or ':' (as in
 *  stdout-path); a component without '@' matches any unit address. */
int fdt_find_path(const struct fdt *fdt, const char *path);

/** The first node after @after (negative: from the start) that is compatible with @compatible.
 *  Disabled nodes are found too: see fdt_is_enabled(). */
int fdt_find_compatible(const struct fdt *fdt, int after, const char *compatible);

/** The node whose phandle this is. Walks the tree: a caller with thousands should keep a table. */
int fdt_find_phandle(const struct fdt *fdt, uint32_t phandle);

/** The first child of @node named @name, or "@name@unit" when @name has no unit address. */
int fdt_find_child(const struct fdt *fdt, int node, const char *name);

/** The value of property @name and its length; NULL when there is none. @len may be NULL.
 *  The value has any alignment: read it by fdt_cell(). */
const void *fdt_property(const struct fdt *fdt, int node, const char *name, size_t *len);

/** Property @prop of @node as a NUL-terminated string; NULL when there is none or it has no NUL. */
const char *fdt_string(const struct fdt *fdt, int node, const char *prop);

/** One big-endian 32-bit cell of a property's value. */
uint32_t fdt_cell(const void *value, size_t index);

/** The property as a number of one cell; of two; of one or two. -ENOENT or -EINVAL (length). */
err_t fdt_u32(const struct fdt *fdt, int node, const char *prop, uint32_t *value) must_check;
err_t fdt_u64(const struct fdt *fdt, int node, const char *prop, uint64_t *value) must_check;
err_t fdt_number(const struct fdt *fdt, int node, const char *prop, uint64_t *value) must_check;

/** As fdt_u32(), @otherwise when it is missing or malformed. */
uint32_t fdt_u32_or(const struct fdt *fdt, int node, const char *prop, uint32_t otherwise);

bool fdt_string_list_contains(const void *list, size_t len, const char *text);
bool fdt_is_compatible(const struct fdt *fdt, int node, const char *compatible);

/** Whether the node's status is missing, "okay" or "ok". */
bool fdt_is_enabled(const struct fdt *fdt, int node);

/** Address and size number @index of `reg`, translated by every `ranges` up to the root.
 *  -ENOENT: no such index; -EINVAL: malformed; -ENXIO: some bus on the way does not map it. */
err_t fdt_reg(const struct fdt *fdt, int node, unsigned index, paddr_t *addr,
	      uint64_t *size) must_check;

/** As fdt_reg(), untranslated: the address as the bus of the node's parent sees it. What is not
 *  mapped at all, like the number of a /cpus node, is read by this. */
err_t fdt_reg_raw(const struct fdt *fdt, int node, unsigned index, uint64_t *addr,
		  uint64_t *size) must_check;

/** The index of @name in the string list @prop (reg-names, interrupt-names); -ENOENT. */
int fdt_string_index(const struct fdt *fdt, int node, const char *prop, const char *name);

/** Interrupt number @index of `interrupts-extended` or `interrupts`: its specifier in
 *  @cells[0..*@n-1] (at most FDT_INTR_CELLS_MAX) and the controller's node, by inherited
 *  interrupt-parent. -ENOENT: no such index; -EINVAL: malformed. */
err_t fdt_interrupts(const struct fdt *fdt, int node, unsigned index, uint32_t *cells, unsigned *n,
		     int *intc) must_check;

/** Translate the child address (@address[0..naddr-1] cells, e.g. PCI phys.hi/mid/lo) and interrupt
 *  specifier (@spec[0..nspec-1]) by @nexus's `interrupt-map` (one level). Result as above. */
err_t fdt_interrupt_map(const struct fdt *fdt, int nexus, const uint32_t *address,
			const uint32_t *spec, uint32_t *cells, unsigned *n, int *intc) must_check;

/** Entry @index of the memory reservation block. -ENOENT past its end. */
err_t fdt_memreserve(const struct fdt *fdt, unsigned index, paddr_t *addr,
		     uint64_t *size) must_check;

/** The node that /chosen's stdout-path names. -ENOENT. */
int fdt_stdout(const struct fdt *fdt);
