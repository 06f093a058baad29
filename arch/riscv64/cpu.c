// SPDX-License-Identifier: MIT
// What a hart is, and its set-up.
#include "internal.h"

#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/sbi.h>
#include <hal/bootinfo.h>
#include <hal/cache.h>
#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/fpu.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <lib/elf.h>
#include <lib/format.h>
#include <lib/string.h>

#define SCOUNTEREN_CY_TM_IR 7

struct riscv_features riscv_features;

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/** Whether @isa ("rv64imafdc_zicsr_sstc") has the multi-letter extension @name. */
static bool isa_has(const char *isa, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = strchr(isa, '_'); at; at = strchr(at, '_')) {
		at++;
		if (strncmp(at, name, len) == 0 && (at[len] == '_' || at[len] == 0))
			return true;
	}
	return false;
}

/** Whether the single letters after "rv64" have @letter; 'g' stands for imafd. */
static bool isa_has_letter(const char *isa, char letter)
{
	for (const char *at = isa + strlen("rv64"); is_letter(*at); at++) {
		if (*at == letter || (*at == 'g' && strchr("imafd", letter)))
			return true;
	}
	return false;
}

static void read_hart_features(int node, struct riscv_features *features)
{
	const char *isa = fdt_string(&hal_fdt, node, "riscv,isa");
	size_t len;
	const char *list = fdt_property(&hal_fdt, node, "riscv,isa-extensions", &len);
	bool is_string = isa && str_has_prefix(isa, "rv64");
	bool has_f = false, has_d = false, has_sstc = false;
	if (list) {
		has_f = fdt_string_list_contains(list, len, "f");
		has_d = fdt_string_list_contains(list, len, "d");
		has_sstc = fdt_string_list_contains(list, len, "sstc");
	} else if (is_string) {
		has_f = isa_has_letter(isa, 'f');
		has_d = isa_has_letter(isa, 'd');
		has_sstc = isa_has(isa, "sstc");
	}
	features->has_fpu &= has_f && has_d;
	features->has_sstc &= has_sstc;
	const char *mmu = fdt_string(&hal_fdt, node, "mmu-type");
	unsigned levels = mmu && str_has_prefix(mmu, "riscv,") ? riscv_paging_levels(mmu + strlen("riscv,")) : 0;
	if (levels)
		features->pt_levels = (uint8_t)min((unsigned)features->pt_levels, levels);
	if (features->isa[0] == 0 && is_string) {
		// The single letters say what it is; the long names after them fill lines.
		size_t len_letters = (size_t)((strchr(isa, '_') ?: isa + strlen(isa)) - isa);
		strlcpy(features->isa, isa, min(sizeof(features->isa), len_letters + 1));
	}
}

void riscv_read_features(void)
{
	struct riscv_features features = {
		.has_fpu = true, .has_sstc = true, .pt_levels = RISCV_LEVELS_MAX};
	bool found = false;
	int cpus = bootinfo.fdt ? fdt_find_path(&hal_fdt, "/cpus") : -1;
	int node = -1;
	if (cpus >= 0) {
		fdt_for_each_child(node, &hal_fdt, cpus) {
			const char *type = fdt_string(&hal_fdt, node, "device_type");
			if (type && strcmp(type, "cpu") == 0 && fdt_is_enabled(&hal_fdt, node)) {
				read_hart_features(node, &features);
				found = true;
			}
		}
	}
	if (!found) { // nobody says what this hart has: FS stays 0 where there is no unit
		csr_set(sstatus, SSTATUS_FS);
		features.has_fpu = csr_read(sstatus) & SSTATUS_FS;
		features.has_sstc = false;
	}
	riscv_features = features;
}

void hal_cpu_init(void)
{
	csr_write(stvec, (uintptr_t)riscv_trap_entry);
	csr_write(sscratch, 0);
	csr_clear(sstatus, SSTATUS_SPP | SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR);
	csr_write(scounteren, SCOUNTEREN_CY_TM_IR);
	csr_set(sie, 1 << IRQ_SOFT);
}

noreturn_fn void hal_cpu_halt(void)
{
	csr_clear(sstatus, SSTATUS_SIE);
	csr_write(sie, 0);
	for (;;)
		asm volatile("wfi");
}

void hal_cpu_describe(cpuid_t cpu, char *buf, size_t len)
{
	fmt_snprintf(buf, len, "%s, hart %llu, %s, %u-bit ASIDs%s%s",
		     riscv_features.isa[0] ? riscv_features.isa : "rv64",
		     (unsigned long long)bootinfo.cpus[cpu].hwid, hal_mmu_name(),
		     (unsigned)hal_percpu()->arch[RISCV_PERCPU_ASID_BITS],
		     riscv_features.has_fpu ? ", fpu" : "", riscv_features.has_sstc ? ", sstc" : "");
}

uint64_t hal_cpu_hwcap(void)
{
	const char *letters = riscv_features.has_fpu ? "imafdc" : "imac";
	uint64_t hwcap = 0;
	for (; *letters; letters++)
		hwcap |= 1ull << (*letters - 'a');
	return hwcap;
}

uint64_t hal_cpu_hwcap2(void)
{
	return 0;
}

const char *hal_cpu_platform(void)
{
	return NULL;
}

const char *hal_cpu_machine(void)
{
	return "riscv64";
}

uint16_t hal_cpu_elf_machine(void)
{
	return EM_RISCV;
}

bool hal_cpu_random(void *buf, size_t len)
{
	// Supervisor mode has no source of its own (seed belongs to machine mode): what the firmware
	// left in the device tree is used up, then there is none.
	return bootinfo.fdt && dt_take_rng_seed(buf, len) == len;
}

size_t hal_fpu_state_size(void)
{
	return sizeof(struct riscv_fpu_state);
}

void hal_fpu_init_state(void *state)
{
	memset(state, 0, sizeof(struct riscv_fpu_state));
}

void hal_cache_sync_code(const void *addr, size_t len)
{
	(void)addr;
	(void)len;
	asm volatile("fence rw, rw; fence.i" ::: "memory");
	// The other harts that the firmware has started (mask base -1 is all).
	if (riscv_has_started_others)
		sbi_call(SBI_EXT_RFENCE, 0, 0, (uint64_t)-1, 0);
}

void hal_cache_clean(const void *addr, size_t len)
{
	// Harts start with the caches coherent, and so is DMA on the machines that are known.
	(void)addr;
	(void)len;
}
