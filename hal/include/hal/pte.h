// SPDX-License-Identifier: MIT
// Page-table entries as pure functions of integers: one walker serves all formats, and the host
// build fuzzes each. All three have 4 KiB pages and 512 entries a table; level 0 is the leaf table,
// leaves may also stand at levels 1 (2 MiB) and 2 (1 GiB).
#pragma once

#include <lib/types.h>

#define HAL_PAGE_SHIFT 12
#define HAL_PAGE_SIZE 4096ul
#define HAL_PT_ENTRIES 512
#define HAL_PT_BITS 9

/** What a mapping allows. Readable is implied by present. */
enum hal_prot {
	HAL_PROT_READ = 1 << 0,
	HAL_PROT_WRITE = 1 << 1,
	HAL_PROT_EXEC = 1 << 2,
	HAL_PROT_USER = 1 << 3, // reachable from user mode; executable only there
	HAL_PROT_GLOBAL = 1 << 4, // same in all address spaces
	HAL_PROT_DEVICE = 1 << 5, // device memory: uncached, ordered
	HAL_PROT_SOFT = 1 << 6, // a bit that hardware ignores: "shared copy-on-write"
	HAL_PROT_COMBINE = 1 << 7, // with DEVICE: memory of a device, whose writes may be joined
};

typedef struct {
	uint64_t bits;
} pte_t;

/** Number of levels of a root table (3 on Sv39, else 4). Constant after boot. */
static inline unsigned hal_pte_levels(void);
/** A leaf at @level mapping @pa. */
static inline pte_t hal_pte_leaf(paddr_t pa, unsigned prot, unsigned level);
/** A pointer to the table at @pa (for entries of level >= 1). */
static inline pte_t hal_pte_table(paddr_t pa);
static inline pte_t hal_pte_none(void); // bits == 0 on every port
static inline bool hal_pte_is_present(pte_t pte);
static inline bool hal_pte_is_leaf(pte_t pte, unsigned level);
static inline paddr_t hal_pte_paddr(pte_t pte);
static inline unsigned hal_pte_prot(pte_t pte);
static inline bool hal_pte_is_accessed(pte_t pte);
static inline bool hal_pte_is_dirty(pte_t pte);

#include <arch/pte.h>
