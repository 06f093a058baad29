// SPDX-License-Identifier: MIT
// The local APIC of each CPU, by MSRs (x2APIC) where there is that, else by memory (Intel SDM 3A,
// chapter 11). All CPUs use the same way; it is chosen by the boot CPU.
#include <arch/x86.h>
#include <drivers/lapic.h>
#include <drivers/pc.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/mmio.h>
#include <kernel/panic.h>

#define REG_ID 0x20
#define REG_TPR 0x80
#define REG_EOI 0xb0
#define REG_SVR 0xf0
#define REG_ESR 0x280
#define REG_ICR_LOW 0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370

#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define SVR_ENABLE 0x100u
#define LVT_NMI 0x400u
#define ICR_PENDING (1u << 12)
#define XAPIC_ID_MAX 254u // 8 bits, and 255 is everybody

static vaddr_t base; // 0: not mapped, or x2APIC
static bool is_x2apic;
static bool is_ready;

uint32_t lapic_read(uint32_t reg)
{
	if (is_x2apic)
		return (uint32_t)x86_rdmsr(X86_MSR_X2APIC + (reg >> 4));
	return hal_mmio_read32(base + reg);
}

void lapic_write(uint32_t reg, uint32_t value)
{
	if (is_x2apic)
		x86_wrmsr(X86_MSR_X2APIC + (reg >> 4), value);
	else
		hal_mmio_write32(base + reg, value);
}

uint32_t x86_lapic_id(void)
{
	uint32_t id = lapic_read(REG_ID);
	return is_x2apic ? id : id >> 24;
}

void x86_lapic_eoi(void)
{
	lapic_write(REG_EOI, 0);
}

bool x86_lapic_can_reach(uint32_t apic_id)
{
	return is_x2apic || apic_id <= XAPIC_ID_MAX;
}

void x86_lapic_send(uint32_t apic_id, uint32_t command)
{
	if (!is_ready)
		return;
	if (is_x2apic) {
		x86_wrmsr(X86_MSR_X2APIC + (REG_ICR_LOW >> 4), (uint64_t)apic_id << 32 | command);
		return;
	}
	// Two writes make one command: an interrupt between them could send its own.
	irqflags_t flags = hal_irq_save();
	while (hal_mmio_read32(base + REG_ICR_LOW) & ICR_PENDING)
		hal_cpu_relax();
	hal_mmio_write32(base + REG_ICR_HIGH, apic_id << 24);
	hal_mmio_write32(base + REG_ICR_LOW, command);
	hal_irq_restore(flags);
}

static void enable_mode(void)
{
	uint64_t value = x86_rdmsr(X86_MSR_APIC_BASE) | APIC_BASE_ENABLE;
	// From "off" straight to x2APIC is not allowed (SDM 3A, 11.12.1): first on.
	x86_wrmsr(X86_MSR_APIC_BASE, value);
	if (is_x2apic)
		x86_wrmsr(X86_MSR_APIC_BASE, value | APIC_BASE_X2APIC);
}

void lapic_init(void)
{
	bool is_already = x86_rdmsr(X86_MSR_APIC_BASE) & APIC_BASE_X2APIC;
	is_x2apic = is_already || x86_features.x2apic;
	if (!is_x2apic) {
		base = hal_mmio_map(pc_info.lapic_addr, 0x1000);
		if (base == 0)
			panic("no page table for the local APIC at 0x%lx",
			      (unsigned long)pc_info.lapic_addr);
	}
	lapic_init_cpu();
	is_ready = true;
}

void lapic_init_cpu(void)
{
	enable_mode();
	lapic_write(REG_TPR, 0);
	lapic_write(REG_LVT_TIMER, LAPIC_LVT_MASKED);
	lapic_write(REG_LVT_LINT0, LAPIC_LVT_MASKED);
	lapic_write(REG_LVT_LINT1, LVT_NMI);
	lapic_write(REG_LVT_ERROR, LAPIC_LVT_MASKED | X86_VECTOR_ERROR);
	lapic_write(REG_SVR, SVR_ENABLE | X86_VECTOR_SPURIOUS);
	lapic_write(REG_ESR, 0);
	x86_lapic_eoi(); // whatever firmware left in service
}

bool lapic_is_x2apic(void)
{
	return is_x2apic;
}
