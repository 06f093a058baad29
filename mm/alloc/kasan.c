// SPDX-License-Identifier: MIT
// Errors of memory found as they happen, in sanitized images: the compiler calls a function before each
// load and store (-fsanitize=kernel-address, calls instead of inline checks), which looks up a shadow
// byte for each 8 bytes of RAM: 0 = may be touched, 1..7 = the first so many bytes may, else a reason
// why not. The shadow is an array in boot memory, indexed by the offset in RAM, so it is the same on
// every architecture; addresses outside the direct map (the image, stacks, devices) are not checked.
// What is checked: objects of slabs (a redzone behind each, and what kmalloc() was not asked for; freed
// ones, which are kept back for a while), and page frames that are free. Type-stable objects may be
// touched when free, and are.
//
// This file and slab.c, which links free objects through themselves, are compiled without the calls.
#include <hal/irqflags.h>
#include <hal/mmu.h>
#include <hal/bootinfo.h>
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <kernel/param.h>
#include <lib/string.h>
#include <mm/bootmem.h>
#include <mm/frame.h>
#include <mm/slab.h>

#include "kasan.h"

#define GRAIN 8u

static uint8_t *shadow; // NULL: not yet
static vaddr_t ram_start; // of the direct map
static size_t ram_size;

static struct spinlock kept_lock = SPINLOCK_INIT;
static struct kasan_freed kept[KASAN_KEPT]; // a ring (kept_lock)
static unsigned kept_next;

void kasan_init(void)
{
	paddr_t low = UINT64_MAX, high = 0;
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		low = min(low, bootinfo.ram[i].base);
		high = max(high, bootinfo.ram[i].base + bootinfo.ram[i].size);
	}
	uint8_t *bytes = bootmem_alloc((high - low) / GRAIN, HAL_PAGE_SIZE);
	ram_start = (vaddr_t)hal_direct(low);
	ram_size = high - low;
	shadow = bytes;
}

static bool is_checked(vaddr_t address)
{
	return shadow && address - ram_start < ram_size;
}

static uint8_t *shadow_of(vaddr_t address)
{
	return &shadow[(address - ram_start) / GRAIN];
}

void kasan_unpoison(const void *p, size_t size)
{
	vaddr_t address = (vaddr_t)p;
	if (!is_checked(address))
		return;
	memset(shadow_of(address), 0, size / GRAIN);
	if (size % GRAIN)
		*shadow_of(address + size) = size % GRAIN;
}

void kasan_poison(const void *p, size_t size, enum kasan_poison why)
{
	if (is_checked((vaddr_t)p))
		memset(shadow_of((vaddr_t)p), why, size / GRAIN);
}

static bool is_good(vaddr_t address)
{
	uint8_t byte = *shadow_of(address);
	return !byte || (byte < GRAIN && address % GRAIN < byte);
}

static no_inline void report(vaddr_t address, size_t size, const char *what, uintptr_t pc)
{
	char where[80];
	uint8_t byte = *shadow_of(address);
	const char *why = byte == KASAN_FREED ? "in a freed object"
			  : byte == KASAN_FREE_PAGE ? "in a free page"
						    : "beyond the end of an object";
	if (panic_is_active())
		return;
	symbol_format(pc, where, sizeof(where));
	panic("memory error: %s of %lu bytes at 0x%lx, %s, in %s", what, (unsigned long)size,
	      (unsigned long)address, why, where);
}

static always_inline void check(vaddr_t address, size_t size, const char *what, uintptr_t pc)
{
	if (!is_checked(address) || !size)
		return;
	// A small access meets two grains at most.
	for (vaddr_t at = address; at < address + size; at = (at | (GRAIN - 1)) + 1) {
		vaddr_t last = min(at | (GRAIN - 1), address + size - 1);
		if (unlikely(!is_good(last))) {
			report(last, size, what, pc);
			return;
		}
	}
}

#define CHECKS(size)                                                                               \
	void __asan_load##size##_noabort(vaddr_t address);                                         \
	void __asan_load##size##_noabort(vaddr_t address)                                          \
	{                                                                                          \
		check(address, size, "load", (uintptr_t)__builtin_return_address(0));              \
	}                                                                                          \
	void __asan_store##size##_noabort(vaddr_t address);                                        \
	void __asan_store##size##_noabort(vaddr_t address)                                         \
	{                                                                                          \
		check(address, size, "store", (uintptr_t)__builtin_return_address(0));             \
	}
CHECKS(1)
CHECKS(2)
CHECKS(4)
CHECKS(8)
CHECKS(16)

void __asan_loadN_noabort(vaddr_t address, size_t size);
void __asan_loadN_noabort(vaddr_t address, size_t size)
{
	check(address, size, "load", (uintptr_t)__builtin_return_address(0));
}

void __asan_storeN_noabort(vaddr_t address, size_t size);
void __asan_storeN_noabort(vaddr_t address, size_t size)
{
	check(address, size, "store", (uintptr_t)__builtin_return_address(0));
}

void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
	// Stacks have no shadow that would have to be cleared.
}

void kasan_check_free(const void *object)
{
	if (is_checked((vaddr_t)object) && !is_good((vaddr_t)object))
		report((vaddr_t)object, 1, "free", (uintptr_t)__builtin_return_address(0));
}

void kasan_check_free_page(const void *page)
{
	// A slab's page is given back with its objects poisoned.
	if (is_checked((vaddr_t)page) && *shadow_of((vaddr_t)page) == KASAN_FREE_PAGE)
		report((vaddr_t)page, 1, "free", (uintptr_t)__builtin_return_address(0));
}

struct kasan_freed kasan_keep(struct kasan_freed freed)
{
	irqflags_t flags = spin_lock_irqsave(&kept_lock);
	struct kasan_freed out = kept[kept_next];
	kept[kept_next] = freed;
	kept_next = (kept_next + 1) % KASAN_KEPT;
	spin_unlock_irqrestore(&kept_lock, flags);
	return out;
}

uint64_t kasan_kept(const struct slab_cache *cache)
{
	uint64_t count = 0;
	irqflags_t flags = spin_lock_irqsave(&kept_lock);
	for (unsigned i = 0; i < KASAN_KEPT; i++)
		count += kept[i].object && kept[i].cache == cache;
	spin_unlock_irqrestore(&kept_lock, flags);
	return count;
}
