// SPDX-License-Identifier: MIT
// Which CPUs of a PC are near each other: nodes from ACPI's SRAT and SLIT; cores and caches from how
// CPUID cuts APIC ids, which is the same on all CPUs, so that the boot CPU is asked for all.
#include <arch/msr.h>
#include <drivers/pc.h>
#include <hal/bootinfo.h>
#include <uapi/errno.h>

#include "pc.h"

#define LEAF_CACHES 4u
#define LEAF_TOPOLOGY 0xbu
#define LEAF_AMD_FEATURES 0x80000001u
#define LEAF_AMD_CACHES 0x8000001du
#define AMD_TOPOLOGY_EXTENSIONS (1u << 22)
#define CACHES_MAX 16
#define LEVEL_SMT 1u

/** Bits of an APIC id that tell the CPUs of one core apart. */
static unsigned core_shift(void)
{
	if (x86_cpuid(0, 0).eax < LEAF_TOPOLOGY)
		return 0;
	struct x86_cpuid r = x86_cpuid(LEAF_TOPOLOGY, 0);
	return (r.ecx >> 8 & 0xff) == LEVEL_SMT ? r.eax & 0x1f : 0;
}

/** The leaf that describes caches one by one, or 0. Intel's and AMD's look the same. */
static uint32_t caches_leaf(void)
{
	if (x86_cpuid(0x80000000, 0).eax >= LEAF_AMD_CACHES &&
	    x86_cpuid(LEAF_AMD_FEATURES, 0).ecx & AMD_TOPOLOGY_EXTENSIONS)
		return LEAF_AMD_CACHES;
	return x86_cpuid(0, 0).eax >= LEAF_CACHES ? LEAF_CACHES : 0;
}

/** Bits of an APIC id that tell the CPUs of one last-level cache apart; 32: nothing is known. */
static unsigned cache_shift(void)
{
	uint32_t leaf = caches_leaf(), level = 0, sharing = 0;
	for (unsigned i = 0; leaf && i < CACHES_MAX; i++) {
		uint32_t eax = x86_cpuid(leaf, i).eax;
		if ((eax & 0x1f) == 0)
			break;
		if ((eax >> 5 & 7) < level)
			continue;
		level = eax >> 5 & 7;
		sharing = eax >> 14 & 0xfff; // CPUs, less one
	}
	if (!level)
		return 32;
	return sharing ? 32 - (unsigned)__builtin_clz(sharing) : 0;
}

static void read_cores(void)
{
	unsigned core = core_shift(), cache = cache_shift();
	for (unsigned i = 0; i < bootinfo.cpu_count; i++) {
		struct boot_cpu *cpu = &bootinfo.cpus[i];
		cpu->core = (uint32_t)(cpu->hwid >> core);
		cpu->cache = (uint32_t)(cpu->hwid >> cache);
	}
}

static void read_distances(void)
{
	struct acpi_slit slit;
	err_t err = acpi_slit_open(&pc_acpi, &slit);
	if (err == -EINVAL)
		topology_refuse("the SLIT's length is wrong");
	for (unsigned i = 0; i < bootinfo.node_count && !err; i++) {
		uint32_t from = bootinfo.nodes[i].id;
		for (unsigned j = 0; j < bootinfo.node_count; j++) {
			uint32_t to = bootinfo.nodes[j].id;
			if (from >= slit.count || to >= slit.count)
				topology_refuse("node %u is not in the SLIT", max(from, to));
			else
				topology_set_distance(from, to,
						      slit.distances[(size_t)from * slit.count + to]);
		}
	}
}

static void read_nodes(void)
{
	struct acpi_srat srat;
	uint32_t apic_id, domain;
	err_t err = acpi_srat_open(&pc_acpi, &srat);
	if (err == -EINVAL)
		topology_refuse("the SRAT is too short");
	if (err)
		return;
	while (acpi_srat_next(&srat, &apic_id, &domain))
		topology_set_node(apic_id, domain);
	if (srat.pos < srat.len)
		topology_refuse("SRAT entry at byte %zu is damaged", srat.pos);
	read_distances();
}

void pc_topology_read(void)
{
	read_cores();
	if (pc_info.has_acpi)
		read_nodes();
	topology_finish();
}
