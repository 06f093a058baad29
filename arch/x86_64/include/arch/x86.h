// SPDX-License-Identifier: MIT
// What the files of arch/x86_64 and the PC's drivers tell each other. Nothing above hal/ includes it.
#pragma once

#include <arch/layout.h>
#include <arch/msr.h>
#include <hal/percpu.h>
#include <lib/types.h>

struct trapframe;

// Task state segment (Intel SDM 3A, 8.7). Its 64-bit fields are not aligned.
struct x86_tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; // IST n is ist[n - 1]
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
} __attribute__((packed));

#define X86_GDT_ENTRIES 8
#define X86_CPU_SELECTOR 0x3b // a segment that is never loaded; its limit is the CPU's number (user/vdso)

// The beginning of each CPU's area.
struct x86_percpu {
	struct hal_percpu head;
	uint32_t pad[3]; // puts tss.rsp[0] on an 8-byte boundary
	struct x86_tss tss;
	uint32_t pad2;
	uint64_t gdt[X86_GDT_ENTRIES];
};

// What is fixed once the boot CPU has looked at itself.
struct x86_features {
	bool smep, smap, umip, xsave, rdrand, rdseed, x2apic, tsc_deadline, invariant_tsc, gib_pages;
	char hypervisor[13]; // "KVMKVMKVM", "TCGTCGTCGTCG", or ""
};

extern struct x86_features x86_features;

/** The boot CPU's first look at itself; patches STAC and CLAC in. Text must be writable. */
void x86_cpu_detect(void);
/** What CPUID's leaves 15H and 16H say of the TSC: hertz, 0 = nothing. */
uint64_t x86_tsc_hz(const struct x86_cpuid *ratio, const struct x86_cpuid *nominal);
/** Vectors, GDT, TSS and system-call registers of this CPU, whose GS base is set. */
void x86_cpu_load_tables(void);
/** Control registers and user-visible features of this CPU. */
void x86_cpu_enable_features(void);
/** Fill the descriptor tables that all CPUs share. */
void x86_trap_init(void);
void x86_trap_load_idt(void);
/** Give the boot CPU its area: before anything else in C. */
void x86_percpu_init_boot(void);
/** Set GS base of this CPU, number @cpu, from its area. */
void x86_percpu_load(cpuid_t cpu);
/** XCR0 and CR0 of this CPU. */
void x86_fpu_init_cpu(void);

/** The table @exception of user-copy code: continue elsewhere. Used by hal_uaccess_fixup(). */
struct x86_fixup {
	uint64_t start, end, target;
};

/** After a fault at @addr in the kernel half: a table that came into the kernel root later than the
 *  present root was made. True: copied, try again. */
bool x86_mmu_sync_root(vaddr_t addr);

/** CPU @cpu was told to stop by an NMI. */
bool x86_smp_is_stop_requested(cpuid_t cpu);
/** Boot code of APs gets its page below 640 KiB: after the last bootinfo_reserve() but its own. */
void x86_smp_reserve_trampoline(void);
/** The highest page below 640 KiB that is RAM and nobody's; 0: there is none. */
paddr_t x86_smp_find_low_page(void);
/** This CPU, number @cpu, runs: it needs no further startup message. */
void x86_smp_note_start(cpuid_t cpu);

/** Platform (hal/platform/pc): fill bootinfo from what the loader left at @info. */
enum x86_boot_protocol { X86_BOOT_MULTIBOOT2 = 1, X86_BOOT_PVH = 2 };
void pc_boot(enum x86_boot_protocol protocol, paddr_t info);

/** Drivers. The local APIC: */
uint32_t x86_lapic_id(void);
void x86_lapic_eoi(void);
/** Whether a CPU with this id can be interrupted, or started: without x2APIC there are 8 bits for it. */
bool x86_lapic_can_reach(uint32_t apic_id);
void x86_lapic_send(uint32_t apic_id, uint32_t command);
#define X86_LAPIC_FIXED 0x4000u // | vector
#define X86_LAPIC_NMI 0x4400u
#define X86_LAPIC_INIT 0x4500u
#define X86_LAPIC_STARTUP 0x4600u // | page number
/** The timer interrupt came: true when its time has really come, else it was set again. */
bool x86_timer_is_due(void);
