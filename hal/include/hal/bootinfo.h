// SPDX-License-Identifier: MIT
// What the boot loader and firmware said, in one form for all of them. Filled by the port (with the
// readers in hal/platform) before upcall_boot(); read-only afterwards.
#pragma once

#include <hal/framebuffer.h>
#include <lib/types.h>

#ifndef CPUS_MAX
#define CPUS_MAX 512
#endif
#define BOOT_RANGES_MAX 64
#define BOOT_CMDLINE_MAX 2048
#define BOOT_NODES_MAX 16
#define BOOT_NODE_NONE UINT32_MAX

struct boot_range {
	paddr_t base;
	uint64_t size;
};

struct boot_cpu {
	uint64_t hwid; // APIC id, MPIDR affinity, hart id
	paddr_t release_addr; // spin-table word, or 0
	/** CPUs with the same number share a core, a cache, memory (index of bootinfo.nodes). */
	uint32_t core, cache, node;
};

/** Memory and the CPUs that are near it. */
struct boot_node {
	uint32_t id; // firmware's
	uint8_t distances[BOOT_NODES_MAX]; // to each node; 10 = its own
};

struct bootinfo {
	/** Usable RAM, sorted, merged, page aligned, not overlapping; nothing subtracted yet. */
	struct boot_range ram[BOOT_RANGES_MAX];
	unsigned ram_count;
	/** To keep: image, initrd, device tree, firmware, boot-loader information. Any order. */
	struct boot_range reserved[BOOT_RANGES_MAX];
	unsigned reserved_count;
	/** Physical range that the boot map's direct map already covers (contains the image). */
	paddr_t mapped_base, mapped_end;
	struct boot_range image; // the kernel
	struct boot_range initrd; // size 0 = none
	paddr_t fdt; // device tree, or 0
	paddr_t rsdp; // ACPI root pointer, or 0
	char cmdline[BOOT_CMDLINE_MAX];
	const char *loader; // "PVH", "Multiboot2: GRUB 2.06", "device tree", ...
	const char *machine; // board name of the firmware, or ""
	struct boot_cpu cpus[CPUS_MAX]; // dense; the boot CPU is number 0
	unsigned cpu_count;
	unsigned cpus_ignored; // listed but beyond CPUS_MAX
	struct boot_node nodes[BOOT_NODES_MAX];
	unsigned node_count;
	bool has_bad_nodes; // what firmware said of nodes was refused
	struct framebuffer framebuffer;
};

extern struct bootinfo bootinfo;

/** A warning met while nothing could be printed yet: shown by the boot log later. */
void bootinfo_warn(const char *fmt, ...) printf_like(1, 2);
/** Add to ram / reserved with overlap, overflow and room checks. */
void bootinfo_add_ram(paddr_t base, uint64_t size);
void bootinfo_reserve(paddr_t base, uint64_t size);
/** Take whole pages over [@base, @base+@size) out of ram, so that they will not even be mapped. After
 *  bootinfo_finish(). */
void bootinfo_remove_ram(paddr_t base, uint64_t size);
/** Sort, merge and page-align ram: after the last bootinfo_add_ram(). */
void bootinfo_finish(void);

/** Warning number @i (from 0) for the boot log; NULL after the last. */
const char *bootinfo_next_warning(unsigned i);
/** Tests: forget warning number @from and those after it. */
void bootinfo_forget_warnings(unsigned from);
/** Whether all of [@base, @base+@size) is RAM. After bootinfo_finish(). */
bool bootinfo_is_ram(paddr_t base, uint64_t size);
/** Take [@start, @end) as the initrd and reserve it, or warn: it is not in RAM, or where
 *  the kernel is. After bootinfo_finish(), bootinfo.image set. */
void bootinfo_set_initrd(paddr_t start, paddr_t end);
void bootinfo_set_cmdline(const char *text);
/** What stands behind the next @key ("paging=") among the kernel's words of the command line, up to a blank
 *  or the end, from *@at on, which moves (first: bootinfo.cmdline). NULL: there are no more. */
const char *bootinfo_next_word(const char *key, const char **at);
/** Take @fb as the screen if what it says can be, else warn. */
void bootinfo_set_framebuffer(const struct framebuffer *fb);
/** The CPU that runs now becomes number 0: before the first bootinfo_add_cpu(). */
void bootinfo_set_boot_cpu(uint64_t hwid);
/** Add a CPU, or the release address of one that is known; drops and counts those past CPUS_MAX. */
void bootinfo_add_cpu(uint64_t hwid, paddr_t release_addr);

// Topology (hal/platform/topology.c): what firmware says, in any order once the CPUs are listed.
/** CPU @hwid is in firmware's node @id. CPUs that are not listed are ignored. */
void topology_set_node(uint64_t hwid, uint32_t id);
/** From node @from to node @to, as firmware numbers them, it is @distance. Nodes without CPUs are ignored. */
void topology_set_distance(uint32_t from, uint32_t to, uint64_t distance);
/** What is said of nodes cannot be, because of @why: one warning, and all CPUs count as equally near. */
void topology_refuse(const char *fmt, ...) printf_like(1, 2);
/** Check and complete it all, and number the CPUs, but for the boot CPU, so that those of one core, of
 *  one cache and of one node follow each other. */
void topology_finish(void);
