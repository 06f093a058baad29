// SPDX-License-Identifier: MIT
// The CPU as a whole: what it can do, its descriptor tables and control registers.
#include <hal/cpu.h>

#include <arch/x86.h>
#include <hal/mmu.h>
#include <lib/format.h>
#include <lib/string.h>

#define EM_X86_64 62

struct x86_features x86_features;

extern void x86_syscall_entry(void), x86_syscall_entry32(void);

/** Emergency stacks: a kernel stack overflow, and NMIs, which may come in the first instructions of
 *  a system call. */
struct emergency_stack {
	_Alignas(16) char bytes[X86_IST_STACK_SIZE];
};
static DEFINE_PERCPU(struct emergency_stack, double_fault_stack);
static DEFINE_PERCPU(struct emergency_stack, nmi_stack);

// A place that holds a NOP and should hold STAC or CLAC.
struct smap_patch {
	uint64_t at;
	uint8_t instruction[8];
};

static void patch_smap_instructions(void)
{
	extern struct smap_patch _smap_patches_start[], _smap_patches_end[];

	for (struct smap_patch *p = _smap_patches_start; p < _smap_patches_end; p++)
		memcpy((void *)p->at, p->instruction, 3);
}

static void detect_hypervisor(struct x86_features *f)
{
	struct x86_cpuid r = x86_cpuid(0x40000000, 0);
	memcpy(f->hypervisor, &r.ebx, 4);
	memcpy(f->hypervisor + 4, &r.ecx, 4);
	memcpy(f->hypervisor + 8, &r.edx, 4);
}

void x86_cpu_detect(void)
{
	struct x86_features *f = &x86_features;
	uint32_t max_leaf = x86_cpuid(0, 0).eax;
	uint32_t max_extended = x86_cpuid(0x80000000, 0).eax;
	struct x86_cpuid r = x86_cpuid(1, 0);

	f->xsave = r.ecx & 1u << 26;
	f->rdrand = r.ecx & 1u << 30;
	f->x2apic = r.ecx & 1u << 21;
	f->tsc_deadline = r.ecx & 1u << 24;
	if (r.ecx & 1u << 31)
		detect_hypervisor(f);
	if (max_leaf >= 7) {
		r = x86_cpuid(7, 0);
		f->smep = r.ebx & 1u << 7;
		f->smap = r.ebx & 1u << 20;
		f->rdseed = r.ebx & 1u << 18;
		f->umip = r.ecx & 1u << 2;
	}
	f->gib_pages = x86_cpuid(0x80000001, 0).edx & 1u << 26;
	if (max_extended >= 0x80000007)
		f->invariant_tsc = x86_cpuid(0x80000007, 0).edx & 1u << 8;
	if (f->smap)
		patch_smap_instructions();
}

// SDM 2A, CPUID: the crystal's hertz in ECX and TSC / crystal = EBX / EAX; many CPUs leave ECX out, and then
// the nominal megahertz must do.
uint64_t x86_tsc_hz(const struct x86_cpuid *ratio, const struct x86_cpuid *nominal)
{
	if (ratio->eax == 0 || ratio->ebx == 0)
		return 0;
	if (ratio->ecx != 0)
		return (uint64_t)ratio->ecx * ratio->ebx / ratio->eax;
	return (nominal->eax & 0xffff) * 1000000ull;
}

static void fill_gdt(struct x86_percpu *area)
{
	uint64_t tss = (uint64_t)&area->tss;

	area->gdt[X86_KERNEL_CS >> 3] = 0x00af9b000000ffff;
	area->gdt[X86_KERNEL_DS >> 3] = 0x00cf93000000ffff;
	area->gdt[X86_USER_DS >> 3] = 0x00cff3000000ffff;
	area->gdt[X86_USER_CS >> 3] = 0x00affb000000ffff;
	// Available 64-bit TSS, 16 bytes (Intel SDM 3A, 7.2.3).
	area->gdt[X86_TSS_SELECTOR >> 3] = (sizeof(struct x86_tss) - 1) | (tss & 0xffffff) << 16 |
					   0x89ull << 40 | (tss >> 24 & 0xff) << 56;
	area->gdt[(X86_TSS_SELECTOR >> 3) + 1] = tss >> 32;
	static_assert(CPUS_MAX <= 0x10000, "the low part of a limit");
	area->gdt[X86_CPU_SELECTOR >> 3] = 0x0040f10000000000 | area->head.cpu;
}

static void load_gdt(struct x86_percpu *area)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(area->gdt) - 1, (uint64_t)area->gdt};

	__asm__ volatile("lgdt %0" : : "m"(pointer));
	// CS keeps its value, but the descriptor is now ours; SS must be a data segment for IRET.
	__asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1: movl %1, %%ss"
			 :
			 : "i"(X86_KERNEL_CS), "r"(X86_KERNEL_DS)
			 : "rax", "memory");
	__asm__ volatile("ltr %w0" : : "r"(X86_TSS_SELECTOR));
}

void x86_cpu_load_tables(void)
{
	struct x86_percpu *area = (struct x86_percpu *)hal_percpu();

	area->tss.ist[X86_IST_DOUBLE_FAULT - 1] =
		(uint64_t)(this_cpu_ptr(double_fault_stack) + 1);
	area->tss.ist[X86_IST_NMI - 1] = (uint64_t)(this_cpu_ptr(nmi_stack) + 1);
	area->tss.iomap_base = sizeof(struct x86_tss); // no user ports
	fill_gdt(area);
	load_gdt(area);
	x86_trap_load_idt();
	// Before the first entry that uses what changes: no cache or TLB knows of it.
	x86_wrmsr(X86_MSR_PAT, X86_PAT);
}

static void enable_system_calls(void)
{
	x86_wrmsr(X86_MSR_STAR, (uint64_t)X86_STAR_USER_BASE << 48 | (uint64_t)X86_KERNEL_CS << 32);
	x86_wrmsr(X86_MSR_LSTAR, (uint64_t)x86_syscall_entry);
	x86_wrmsr(X86_MSR_CSTAR, (uint64_t)x86_syscall_entry32);
	// TF IF DF IOPL NT AC: off in the kernel.
	x86_wrmsr(X86_MSR_FMASK, 0x47700);
}

void hal_cpu_init(void)
{
	const struct x86_features *f = &x86_features;
	uint64_t cr4 = X86_CR4_PAE | X86_CR4_PGE | X86_CR4_MCE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

	if (f->xsave)
		cr4 |= X86_CR4_OSXSAVE;
	if (f->smep)
		cr4 |= X86_CR4_SMEP;
	if (f->smap)
		cr4 |= X86_CR4_SMAP;
	if (f->umip)
		cr4 |= X86_CR4_UMIP;
	x86_write_cr4(cr4);
	x86_write_cr0(X86_CR0_PE | X86_CR0_MP | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP |
		      X86_CR0_AM | X86_CR0_PG);
	x86_fpu_init_cpu();
	enable_system_calls();
}

void hal_cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" : : : "memory");
}

static void append_feature(char *buf, size_t len, bool has, const char *name)
{
	if (has) {
		strlcat(buf, " ", len);
		strlcat(buf, name, len);
	}
}

void hal_cpu_describe(cpuid_t cpu, char *buf, size_t len)
{
	(void)cpu; // all are alike: what the boot CPU said
	char model[49] = "x86_64";
	if (x86_cpuid(0x80000000, 0).eax >= 0x80000004) {
		for (unsigned i = 0; i < 3; i++) {
			struct x86_cpuid r = x86_cpuid(0x80000002 + i, 0);
			memcpy(model + 16 * i, &r, 16);
		}
	}
	model[48] = 0;
	const char *name = model;
	while (*name == ' ')
		name++;
	const struct x86_features *f = &x86_features;
	fmt_snprintf(buf, len, "%s,", name);
	append_feature(buf, len, true, "nx");
	append_feature(buf, len, f->smep, "smep");
	append_feature(buf, len, f->smap, "smap");
	append_feature(buf, len, f->umip, "umip");
	append_feature(buf, len, f->xsave, "xsave");
	append_feature(buf, len, f->x2apic, "x2apic");
	append_feature(buf, len, f->rdrand, "rdrand");
	append_feature(buf, len, f->hypervisor[0], "under");
	append_feature(buf, len, f->hypervisor[0], f->hypervisor);
}

uint64_t hal_cpu_hwcap(void)
{
	return x86_cpuid(1, 0).edx;
}

uint64_t hal_cpu_hwcap2(void)
{
	return 0; // neither ring-3 MWAIT nor FSGSBASE
}

const char *hal_cpu_platform(void)
{
	return "x86_64";
}

const char *hal_cpu_machine(void)
{
	return "x86_64";
}

uint16_t hal_cpu_elf_machine(void)
{
	return EM_X86_64;
}

static bool random_word(uint64_t *word)
{
	// Both may run dry for a moment; ten tries are Intel's advice (SDM 1, 7.3.17.1).
	for (unsigned i = 0; i < 10; i++) {
		bool ok;
		if (x86_features.rdseed)
			__asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(ok));
		else
			__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
		if (ok)
			return true;
		hal_cpu_relax();
	}
	return false;
}

bool hal_cpu_random(void *buf, size_t len)
{
	char *to = buf;

	if (!x86_features.rdseed && !x86_features.rdrand)
		return false;
	while (len > 0) {
		uint64_t word;
		if (!random_word(&word))
			return false;
		size_t n = min(len, sizeof(word));
		memcpy(to, &word, n);
		to += n;
		len -= n;
	}
	return true;
}
