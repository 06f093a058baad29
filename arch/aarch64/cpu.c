// SPDX-License-Identifier: MIT
// CPU set-up, identification and the features that user space is offered.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/bootinfo.h>
#include <hal/cache.h>
#include <hal/cpu.h>
#include <hal/fpu.h>
#include <hal/percpu.h>
#include <lib/format.h>
#include <lib/string.h>

bool arch_has_pmu;
uint32_t arch_has_pan;

static struct cpu_ident {
	uint64_t midr, mpidr;
} idents[CPUS_MAX];

// Writes of registers that the assembler's base architecture does not name.
#define WRITE_PAN_1 ".inst 0xd500419f"
#define READ_RNDR "mrs %0, s3_3_c2_c4_0"

static bool has_pmu(void)
{
	unsigned version = id_field(read_sysreg(id_aa64dfr0_el1), 8);
	return version != 0 && version != 0xf;
}

// A place that holds a NOP and should open or close user memory.
struct pan_patch {
	uint32_t *at;
	uint32_t instruction, pad;
};

/** In the boot map, which lets code be written. */
static void patch_user_accesses(void)
{
	extern struct pan_patch _pan_patches_start[], _pan_patches_end[];
	for (struct pan_patch *patch = _pan_patches_start; patch < _pan_patches_end; patch++) {
		*patch->at = patch->instruction;
		hal_cache_sync_code(patch->at, sizeof(*patch->at));
	}
}

void arch_cpu_init_early(void)
{
	write_sysreg(vbar_el1, arch_vectors);
	write_sysreg(mdscr_el1, 0);
	write_sysreg(contextidr_el1, 0);
	write_sysreg(tpidrro_el0, 0);
	write_sysreg(cpacr_el1, 0);
	isb();
	idents[this_cpu()] = (struct cpu_ident){read_sysreg(midr_el1), read_sysreg(mpidr_el1)};
	if (this_cpu() == 0) {
		arch_has_pmu = has_pmu();
		arch_has_pan = id_field(read_sysreg(id_aa64mmfr1_el1), 20) != 0;
		if (arch_has_pan)
			patch_user_accesses();
	}
}

/** The cycle counter counts everything at EL0 and EL1, 64 bits, and user mode may read it, no more. */
static void init_pmu(void)
{
	write_sysreg(pmcr_el0, 1 << 6 | 1 << 2 | 1); // LC, C, E
	write_sysreg(pmccfiltr_el0, 0);
	write_sysreg(pmintenclr_el1, 0xffffffff);
	write_sysreg(pmcntenset_el0, 1ul << 31);
	write_sysreg(pmuserenr_el0, 1 << 2); // CR alone: EN would let programs write the PMU's registers
}

void hal_cpu_init(void)
{
	write_sysreg(cntkctl_el1, 1 << 1); // user mode reads the virtual counter only
	if (arch_has_pmu && has_pmu())
		init_pmu();
	if (arch_has_pan) {
		write_sysreg(sctlr_el1, read_sysreg(sctlr_el1) & ~(uint64_t)SCTLR_SPAN);
		isb();
		__asm__ volatile(WRITE_PAN_1 : : : "memory");
	}
	// SErrors that were pending at boot are the loader's, but they are errors all the same.
	__asm__ volatile("msr daifclr, #4" : : : "memory");
}

noreturn_fn void hal_cpu_halt(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #0xf\n\twfi" : : : "memory");
}

static const char *part_name(uint64_t midr)
{
	static const struct {
		unsigned implementer, part;
		const char *name;
	} names[] = {
		{0x41, 0xd03, "Cortex-A53"}, {0x41, 0xd04, "Cortex-A35"}, {0x41, 0xd05, "Cortex-A55"},
		{0x41, 0xd07, "Cortex-A57"}, {0x41, 0xd08, "Cortex-A72"}, {0x41, 0xd09, "Cortex-A73"},
		{0x41, 0xd0b, "Cortex-A76"}, {0x41, 0xd0c, "Neoverse-N1"}, {0x41, 0xd40, "Neoverse-V1"},
		{0x41, 0xd41, "Cortex-A78"}, {0x41, 0xd47, "Cortex-A710"}, {0x41, 0xd49, "Neoverse-N2"},
		{0x41, 0xd4f, "Neoverse-V2"}, {0x00, 0x051, "QEMU max"},
	};
	for (size_t i = 0; i < array_len(names); i++) {
		if (names[i].implementer == midr >> 24 && names[i].part == ((midr >> 4) & 0xfff))
			return names[i].name;
	}
	return "unknown";
}

void hal_cpu_describe(cpuid_t cpu, char *buf, size_t len)
{
	const struct cpu_ident *id = &idents[cpu];
	fmt_snprintf(buf, len, "%s (MIDR 0x%08llx) MPIDR 0x%llx EL%u asid%u%s%s",
		     part_name(id->midr), (unsigned long long)id->midr,
		     (unsigned long long)(id->mpidr & MPIDR_AFFINITY), arch_boot_el,
		     id_field(read_sysreg(id_aa64mmfr0_el1), 4) == 2 ? 16 : 8,
		     arch_has_pan ? " pan" : "", arch_has_pmu ? " pmu" : "");
}

/** A feature is offered when field @shift of ID register number @reg is at least @min. */
struct hwcap {
	uint8_t reg, shift, min, bit;
};

enum { PFR0, ISAR0, ISAR1, MMFR2, PFR1, ID_REGS };

static void read_id_regs(uint64_t *regs)
{
	regs[PFR0] = read_sysreg(id_aa64pfr0_el1);
	regs[PFR1] = read_sysreg(id_aa64pfr1_el1);
	regs[ISAR0] = read_sysreg(id_aa64isar0_el1);
	regs[ISAR1] = read_sysreg(id_aa64isar1_el1);
	regs[MMFR2] = read_sysreg(s3_0_c0_c7_2);
	// Floating point counts from -1: 0xf is none.
	regs[PFR0] = (regs[PFR0] & ~0xff0000ul) |
		     ((regs[PFR0] + 0x010000) & 0x0f0000) | ((regs[PFR0] + 0x100000) & 0xf00000);
}

static uint64_t collect(const struct hwcap *caps, size_t count)
{
	uint64_t regs[ID_REGS], bits = 0;
	read_id_regs(regs);
	for (size_t i = 0; i < count; i++) {
		if (id_field(regs[caps[i].reg], caps[i].shift) >= caps[i].min)
			bits |= 1ul << caps[i].bit;
	}
	return bits;
}

// Linux's bits. Left out: SVE, SME (state is not saved), pointer authentication (no keys), CPUID
// (no emulated ID registers), event stream.
uint64_t hal_cpu_hwcap(void)
{
	static const struct hwcap caps[] = {
		{PFR0, 16, 1, 0}, // FP
		{PFR0, 20, 1, 1}, // ASIMD
		{ISAR0, 4, 1, 3}, // AES
		{ISAR0, 4, 2, 4}, // PMULL
		{ISAR0, 8, 1, 5}, // SHA1
		{ISAR0, 12, 1, 6}, // SHA2
		{ISAR0, 16, 1, 7}, // CRC32
		{ISAR0, 20, 2, 8}, // ATOMICS
		{PFR0, 16, 2, 9}, // FPHP
		{PFR0, 20, 2, 10}, // ASIMDHP
		{ISAR0, 28, 1, 12}, // ASIMDRDM
		{ISAR1, 12, 1, 13}, // JSCVT
		{ISAR1, 16, 1, 14}, // FCMA
		{ISAR1, 20, 1, 15}, // LRCPC
		{ISAR1, 0, 1, 16}, // DCPOP
		{ISAR0, 32, 1, 17}, // SHA3
		{ISAR0, 36, 1, 18}, // SM3
		{ISAR0, 40, 1, 19}, // SM4
		{ISAR0, 44, 1, 20}, // ASIMDDP
		{ISAR0, 12, 2, 21}, // SHA512
		{ISAR0, 48, 1, 23}, // ASIMDFHM
		{PFR0, 48, 1, 24}, // DIT
		{MMFR2, 32, 1, 25}, // USCAT
		{ISAR1, 20, 2, 26}, // ILRCPC
		{ISAR0, 52, 1, 27}, // FLAGM
		{PFR1, 4, 2, 28}, // SSBS
		{ISAR1, 36, 1, 29}, // SB
	};
	return collect(caps, array_len(caps));
}

uint64_t hal_cpu_hwcap2(void)
{
	static const struct hwcap caps[] = {
		{ISAR1, 0, 2, 0}, // DCPODP
		{ISAR0, 52, 2, 7}, // FLAGM2
		{ISAR1, 32, 1, 8}, // FRINT
		{ISAR1, 52, 1, 13}, // I8MM
		{ISAR1, 44, 1, 14}, // BF16
		{ISAR0, 60, 1, 16}, // RNG
	};
	return collect(caps, array_len(caps));
}

const char *hal_cpu_platform(void)
{
	return "aarch64";
}

const char *hal_cpu_machine(void)
{
	return "aarch64";
}

uint16_t hal_cpu_elf_machine(void)
{
	return 183; // EM_AARCH64
}

static bool read_rndr(uint64_t *value)
{
	uint64_t is_valid;
	__asm__ volatile(READ_RNDR "\n\tcset %1, ne" : "=r"(*value), "=r"(is_valid) : : "cc");
	return is_valid;
}

bool hal_cpu_random(void *buf, size_t len)
{
	if (id_field(read_sysreg(id_aa64isar0_el1), 60) == 0)
		return false;
	for (size_t at = 0; at < len;) {
		uint64_t word;
		unsigned tries = 0;
		while (!read_rndr(&word)) {
			if (++tries == 10)
				return false;
		}
		size_t n = min(len - at, sizeof(word));
		memcpy((char *)buf + at, &word, n);
		at += n;
	}
	return true;
}

size_t hal_fpu_state_size(void)
{
	return 528;
}

void hal_fpu_init_state(void *state)
{
	memset(state, 0, hal_fpu_state_size());
}
