// SPDX-License-Identifier: MIT
// Memory of the laboratory. RAM is an arena of host memory at HAL_DIRECT_BASE; the KMAP window
// follows the kernel's page table when a new entry is announced, and forgets when it is flushed;
// user addresses are translated by software through a small TLB of each CPU, which keeps what it
// was not told to forget, as hardware does.
#include "lab.h"
#include "record.h"
#include "snapshot.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


#define RAM_BASE MIB(2) // physical 0 is never memory, so that a forgotten address is found
#define IMAGE_SIZE align_up((size_t)(_image_end - _image_start), HAL_PAGE_SIZE)

static int arena_fd = -1; // -1: private memory, which fork() copies (lab mode)
static pte_t *kernel_root;

static void *map_at(vaddr_t at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *p = mmap((void *)at, size, prot, flags | MAP_NORESERVE, fd, offset);

	if (p != (void *)at)
		host_die("no memory at %#lx", at);
	return p;
}

static void map_arena(void)
{
	size_t end = RAM_BASE + host_config.ram_bytes;
	int prot = PROT_READ | PROT_WRITE;

	if (lab_is_on()) {
		map_at(HAL_DIRECT_BASE, end, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	} else {
		arena_fd = memfd_create("halcyon-ram", MFD_CLOEXEC);
		if (arena_fd < 0 || ftruncate(arena_fd, (off_t)end))
			host_die("no memory file of %zu bytes", end);
		map_at(HAL_DIRECT_BASE, end, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, arena_fd, 0);
	}
	if (mprotect((void *)HAL_DIRECT_BASE, RAM_BASE, PROT_NONE))
		host_die("cannot protect physical 0");
	// A simulation has more stacks than the host has mappings: no guards.
	map_at(HAL_KMAP_BASE, HAL_KMAP_SIZE, host_config.mode == HOST_SIM ? prot : PROT_NONE,
	       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
}

void *host_local_alloc(size_t size)
{
	static size_t used;
	void *p;

	if (!used)
		map_at(HOST_LOCAL_BASE, HOST_LOCAL_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	size = align_up(size, 64ul);
	if (size > HOST_LOCAL_SIZE - used)
		host_die("no local memory left for %zu bytes", size);
	p = (void *)(HOST_LOCAL_BASE + used);
	used += size;
	return p;
}

void host_memory_init(void)
{
	paddr_t image = RAM_BASE;

	map_arena();
	bootinfo_add_ram(RAM_BASE, host_config.ram_bytes);
	bootinfo.image = (struct boot_range){image, IMAGE_SIZE};
	bootinfo_reserve(image, IMAGE_SIZE);
	// The boot map's root stands behind the image.
	kernel_root = hal_direct(image + IMAGE_SIZE);
	bootinfo_reserve(image + IMAGE_SIZE, HAL_PAGE_SIZE);
	bootinfo_finish();
	bootinfo.mapped_base = RAM_BASE;
	bootinfo.mapped_end = RAM_BASE + host_config.ram_bytes;
}

paddr_t hal_image_paddr(const void *va)
{
	return bootinfo.image.base + (paddr_t)((const char *)va - _image_start);
}

pte_t *hal_mmu_kernel_root(void)
{
	return kernel_root;
}

void hal_mmu_enable_kernel_root(void)
{
	host_tlb_flush(0, 0, HOST_TLB_ALL);
}

void hal_mmu_init_user_root(pte_t *root)
{
	(void)root; // user and kernel have roots of their own
}

unsigned hal_mmu_asid_bits(void)
{
	return host_config.asid_bits;
}

static pte_t entry_load(pte_t *entry)
{
	return (pte_t){__atomic_load_n(&entry->bits, __ATOMIC_ACQUIRE)};
}

static pte_t *entry_of(pte_t *table, vaddr_t va, unsigned level)
{
	return table + (va >> (HAL_PAGE_SHIFT + level * HAL_PT_BITS)) % HAL_PT_ENTRIES;
}

/** The present leaf entry for @va and its level; NULL = none. */
static pte_t *walk(pte_t *root, vaddr_t va, unsigned *level)
{
	pte_t *table = root;

	for (unsigned i = hal_pte_levels(); i-- > 0;) {
		pte_t *entry = entry_of(table, va, i);
		pte_t pte = entry_load(entry);

		if (!hal_pte_is_present(pte))
			return NULL;
		if (hal_pte_is_leaf(pte, i)) {
			*level = i;
			return entry;
		}
		table = hal_direct(hal_pte_paddr(pte));
	}
	return NULL;
}

void host_mmu_sync_new(vaddr_t va)
{
	unsigned level;
	pte_t *entry;
	paddr_t pa;
	int prot = PROT_READ;

	if (va < HAL_KMAP_BASE || va >= HAL_KMAP_BASE + HAL_KMAP_SIZE)
		return;
	if (host_config.mode == HOST_SIM)
		return;
	va = align_down(va, HAL_PAGE_SIZE);
	entry = walk(kernel_root, va, &level);
	if (!entry || level != 0)
		host_die("hal_mmu_sync_new(%#lx): no page is mapped there", va);
	pa = hal_pte_paddr(*entry);
	if (hal_pte_prot(*entry) & HAL_PROT_WRITE)
		prot |= PROT_WRITE;
	if (arena_fd >= 0) {
		map_at(va, HAL_PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, arena_fd, (off_t)pa);
		return;
	}
	// Private memory has one address: the page gets memory of its own, filled as the frame is.
	if (!host_snapshot_covers(va) &&
	    mprotect((void *)va, HAL_PAGE_SIZE, PROT_READ | PROT_WRITE))
		host_die("cannot map %#lx", va);
	memcpy((void *)va, hal_direct(pa), HAL_PAGE_SIZE);
}

static void kmap_forget(vaddr_t va)
{
	unsigned level;

	va = align_down(va, HAL_PAGE_SIZE);
	if (va < HAL_KMAP_BASE || va >= HAL_KMAP_BASE + HAL_KMAP_SIZE ||
	    walk(kernel_root, va, &level))
		return;
	// The page of a snapshot stays, for the next run begins with it.
	if (host_config.mode == HOST_SIM || host_snapshot_covers(va))
		return;
	map_at(va, HAL_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

void host_mmu_activate(paddr_t root, uint32_t asid)
{
	struct host_cpu *cpu = host_cpu();

	if (asid >> host_config.asid_bits)
		host_die("ASID %u has more than %u bits", asid, host_config.asid_bits);
	host_record(HOST_RECORD_ACTIVATE, asid, root, 0);
	cpu->root = root;
	cpu->asid = asid;
	if (!host_config.asid_bits)
		host_tlb_flush(0, 0, HOST_TLB_ALL);
}

void host_tlb_flush(uint32_t asid, vaddr_t va, unsigned what)
{
	static const enum host_record_kind kinds[] = {
		[HOST_TLB_PAGE] = HOST_RECORD_FLUSH_PAGE,
		[HOST_TLB_ASID] = HOST_RECORD_FLUSH_ASID,
		[HOST_TLB_KERNEL_PAGE] = HOST_RECORD_FLUSH_KERNEL_PAGE,
		[HOST_TLB_ALL] = HOST_RECORD_FLUSH_ALL,
	};
	struct host_cpu *cpu = host_cpu();

	host_record(kinds[what], asid, va, 0);
	cpu->tlb_flushes++;
	for (unsigned i = 0; i < HOST_TLB_ENTRIES && what != HOST_TLB_KERNEL_PAGE; i++) {
		struct host_tlb_entry *e = &cpu->tlb[i];
		bool is_page = e->va == align_down(va, HAL_PAGE_SIZE);

		if (what == HOST_TLB_ALL || (e->asid == asid && (what == HOST_TLB_ASID || is_page)))
			e->is_valid = false;
	}
	if (what == HOST_TLB_KERNEL_PAGE)
		kmap_forget(va);
}

static struct host_tlb_entry *tlb_slot(struct host_cpu *cpu, vaddr_t page)
{
	return &cpu->tlb[(page / HAL_PAGE_SIZE + cpu->asid) % HOST_TLB_ENTRIES];
}

/** Set accessed and dirty as a hardware walker does: only in the very entry that was read. */
static bool mark_used(pte_t *entry, pte_t *pte, bool is_write)
{
	uint64_t bits = pte->bits | HOST_PTE_ACCESSED | (is_write ? HOST_PTE_DIRTY : 0);

	if (bits == pte->bits)
		return true;
	if (!__atomic_compare_exchange_n(&entry->bits, &pte->bits, bits, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return false;
	pte->bits = bits;
	return true;
}

/** Fill @slot for @page. False: no translation, or one that forbids this. */
static bool tlb_fill(struct host_cpu *cpu, struct host_tlb_entry *slot, vaddr_t page, bool is_write)
{
	unsigned need = HAL_PROT_USER | (is_write ? HAL_PROT_WRITE : 0);
	unsigned level;
	pte_t *entry, pte;

	do {
		entry = walk(hal_direct(cpu->root), page, &level);
		if (!entry)
			return false;
		pte = entry_load(entry);
		if (!hal_pte_is_present(pte) || (hal_pte_prot(pte) & need) != need)
			return false;
	} while (!mark_used(entry, &pte, is_write));
	// A large leaf is cached as the page that was asked for.
	pte.bits += page & ((HAL_PAGE_SIZE << level * HAL_PT_BITS) - 1);
	*slot = (struct host_tlb_entry){page, cpu->asid, true, pte};
	cpu->tlb_fills++;
	return true;
}

paddr_t host_mmu_translate(struct host_cpu *cpu, vaddr_t va, bool is_write)
{
	vaddr_t page = align_down(va, HAL_PAGE_SIZE);
	struct host_tlb_entry *slot = tlb_slot(cpu, page);
	unsigned need = HAL_PROT_USER | (is_write ? HAL_PROT_WRITE : 0);
	bool hit = slot->is_valid && slot->va == page && slot->asid == cpu->asid;

	if (!cpu->root || va >= HAL_USER_TOP)
		return 0;
	// A translation that forbids the access is walked again, as hardware may and some does.
	if (!hit || (hal_pte_prot(slot->pte) & need) != need ||
	    (is_write && !hal_pte_is_dirty(slot->pte))) {
		slot->is_valid = false;
		if (!tlb_fill(cpu, slot, page, is_write))
			return 0;
	}
	return hal_pte_paddr(slot->pte) + (va - page);
}
