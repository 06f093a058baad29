// SPDX-License-Identifier: MIT
// What the tests of address spaces share: shorthands, a file that is none, and the books.
#pragma once

#include <lib/test.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <uapi/errno.h>

#include "../private.h"

#define PAGE HAL_PAGE_SIZE
#define R HAL_PROT_READ
#define W HAL_PROT_WRITE
#define X HAL_PROT_EXEC
#define RW (R | W)

/** Map @size bytes of anonymous memory at @addr (0: anywhere); the address, or 0. */
vaddr_t t_map(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned flags);
/** The same of @object from page @first on. */
vaddr_t t_map_object(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned flags,
		     struct mm_object *object, uint64_t first);
/** One word, through faults as the program's own access would be. */
err_t t_store(struct mm_space *space, vaddr_t addr, uint32_t value);
err_t t_load(struct mm_space *space, vaddr_t addr, uint32_t *value);
/** The word, or 0xbad00000 - error. */
uint32_t t_get(struct mm_space *space, vaddr_t addr);
/** One access by @cpu as it is, which takes @space for it, in interrupt context: no fault is resolved. */
bool t_store_on(cpuid_t cpu, struct mm_space *space, vaddr_t addr, uint32_t value);
bool t_load_on(cpuid_t cpu, struct mm_space *space, vaddr_t addr, uint32_t *value);
unsigned t_area_count(struct mm_space *space);

/** Frames and areas in use. */
struct t_books {
	uint64_t free_frames, areas;
};
struct t_books t_books_open(void);
/** All that was in use since then has been given back. */
void t_books_close(const struct t_books *books);

/** A file of @pages pages in memory; word 0 of page n is 0xf11e0000 + n. */
struct t_file {
	struct mm_object object;
	uint64_t pages;
	_Atomic uint32_t refs, gets, write_gets;
	struct frame *frames[64];
};
void t_file_init(struct t_file *file, const struct mm_object_ops *ops, uint64_t pages);
void t_file_destroy(struct t_file *file);
/** Nothing in advance, hears of writes / everything in advance, does not care. */
extern const struct mm_object_ops t_slow_ops, t_memory_ops;
