// SPDX-License-Identifier: MIT
// I/O APICs: the root interrupt controller of a PC (82093AA data sheet). Global interrupt n, as far
// as vectors go, has vector 0x20 + n. The registers of one I/O APIC go through an index register,
// so a lock keeps CPUs apart.
#include <arch/x86.h>
#include <drivers/lapic.h>
#include <drivers/pc.h>
#include <hal/bootinfo.h>
#include <hal/irqchip.h>
#include <hal/mmio.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <uapi/errno.h>

#define WINDOW_INDEX 0x00
#define WINDOW_DATA 0x10
#define REG_VERSION 0x01
#define REG_REDIRECTION 0x10 // two words an entry
#define ENTRY_LOW_ACTIVE (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_MASKED (1u << 16)
#define PHYSICAL_ID_MAX 254u
#define VECTORS (X86_VECTOR_IRQ_LAST - X86_VECTOR_IRQ_FIRST + 1u)

static struct {
	vaddr_t base;
	uint32_t gsi_base;
	uint32_t inputs;
} ioapics[PC_IOAPICS_MAX];
static unsigned ioapic_count;
static uint32_t messages; // interrupts below VECTORS that are messages, from the top (lock)
static struct spinlock lock;

static uint32_t reg_read(unsigned i, uint32_t reg)
{
	hal_mmio_write32(ioapics[i].base + WINDOW_INDEX, reg);
	return hal_mmio_read32(ioapics[i].base + WINDOW_DATA);
}

static void reg_write(unsigned i, uint32_t reg, uint32_t value)
{
	hal_mmio_write32(ioapics[i].base + WINDOW_INDEX, reg);
	hal_mmio_write32(ioapics[i].base + WINDOW_DATA, value);
}

/** The I/O APIC with input @irq and the register of its entry; false: there is none. */
static bool find_entry(uint32_t irq, unsigned *i, uint32_t *reg)
{
	if (irq >= VECTORS)
		return false;
	for (*i = 0; *i < ioapic_count; (*i)++) {
		uint32_t input = irq - ioapics[*i].gsi_base;
		if (irq >= ioapics[*i].gsi_base && input < ioapics[*i].inputs) {
			*reg = REG_REDIRECTION + 2 * input;
			return true;
		}
	}
	return false;
}

/** Clear and set bits in one half of an entry. */
static err_t change_entry(uint32_t irq, unsigned half, uint32_t clear, uint32_t set)
{
	unsigned i;
	uint32_t reg;

	if (!find_entry(irq, &i, &reg))
		return -EINVAL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	reg_write(i, reg + half, (reg_read(i, reg + half) & ~clear) | set);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

/** Message interrupts have no entry: the device was told all. */
static bool is_message(uint32_t irq)
{
	return irq < VECTORS && irq >= VECTORS - messages;
}

static err_t ioapic_set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	uint32_t set = 0;
	if (is_message(irq))
		return 0;
	if (trigger == HAL_IRQ_LEVEL_HIGH || trigger == HAL_IRQ_LEVEL_LOW)
		set |= ENTRY_LEVEL;
	if (trigger == HAL_IRQ_LEVEL_LOW || trigger == HAL_IRQ_EDGE_FALLING)
		set |= ENTRY_LOW_ACTIVE;
	return change_entry(irq, 0, ENTRY_LEVEL | ENTRY_LOW_ACTIVE, set);
}

static err_t ioapic_set_target(uint32_t irq, cpuid_t cpu)
{
	if (is_message(irq))
		return 0;
	if (cpu >= bootinfo.cpu_count || bootinfo.cpus[cpu].hwid > PHYSICAL_ID_MAX)
		return -EINVAL;
	return change_entry(irq, 1, 0xff000000u, (uint32_t)bootinfo.cpus[cpu].hwid << 24);
}

static void ioapic_mask(uint32_t irq)
{
	(void)change_entry(irq, 0, 0, ENTRY_MASKED);
}

static void ioapic_unmask(uint32_t irq)
{
	(void)change_entry(irq, 0, ENTRY_MASKED, 0);
}

static void ioapic_eoi(uint32_t irq)
{
	// The local APIC tells the I/O APIC which vector it was.
	(void)irq;
	x86_lapic_eoi();
}

static void ioapic_send_ipi(cpuid_t cpu)
{
	x86_lapic_send((uint32_t)bootinfo.cpus[cpu].hwid, X86_LAPIC_FIXED | X86_VECTOR_IPI);
}

/** The first number behind the last input. */
static uint32_t inputs_end(void)
{
	uint32_t end = PC_ISA_IRQS;
	for (unsigned i = 0; i < ioapic_count; i++)
		end = max(end, ioapics[i].gsi_base + ioapics[i].inputs);
	return end;
}

/** To the boot CPU, which is never taken off (SDM volume 3, 11.11). */
static err_t ioapic_take_message(uint32_t *irq, uint64_t *address, uint32_t *data)
{
	err_t err = -ENOSPC;
	irqflags_t flags = spin_lock_irqsave(&lock);
	if (inputs_end() + messages < VECTORS && bootinfo.cpus[0].hwid <= PHYSICAL_ID_MAX) {
		*irq = VECTORS - ++messages;
		*address = PC_LAPIC_ADDR | bootinfo.cpus[0].hwid << 12;
		*data = X86_VECTOR_IRQ_FIRST + *irq;
		err = 0;
	}
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

static struct irqchip_ops ops = {
	.name = "I/O APIC",
	.init_cpu = lapic_init_cpu,
	.set_trigger = ioapic_set_trigger,
	.set_target = ioapic_set_target,
	.mask = ioapic_mask,
	.unmask = ioapic_unmask,
	.eoi = ioapic_eoi,
	.send_ipi = ioapic_send_ipi,
	.take_message = ioapic_take_message,
};

const struct irqchip_ops *hal_irqchip;

static void init_one(paddr_t addr, uint32_t gsi_base)
{
	unsigned i = ioapic_count;
	ioapics[i].base = hal_mmio_map(addr, 0x20);
	if (ioapics[i].base == 0) {
		log_error("irq: no page table for the I/O APIC at 0x%lx", (unsigned long)addr);
		return;
	}
	uint32_t version = reg_read(i, REG_VERSION);
	if (version == UINT32_MAX) {
		log_error("irq: no I/O APIC answers at 0x%lx", (unsigned long)addr);
		return;
	}
	ioapics[i].gsi_base = gsi_base;
	ioapics[i].inputs = (version >> 16 & 0xff) + 1;
	ioapic_count++;
	for (uint32_t n = 0; n < ioapics[i].inputs; n++) {
		uint32_t vector = X86_VECTOR_IRQ_FIRST + gsi_base + n;
		reg_write(i, REG_REDIRECTION + 2 * n, ENTRY_MASKED | (vector & 0xff));
		reg_write(i, REG_REDIRECTION + 2 * n + 1, (uint32_t)bootinfo.cpus[0].hwid << 24);
	}
}

void ioapic_init(void)
{
	for (unsigned i = 0; i < pc_info.ioapic_count; i++)
		init_one(pc_info.ioapics[i].addr, pc_info.ioapics[i].gsi_base);
	if (ioapic_count == 0)
		panic("no interrupt controller: looked for I/O APICs in ACPI's MADT%s",
		      pc_info.has_acpi ? "" : " (there is no ACPI) and at 0xfec00000");
}

void hal_irqchip_init(void)
{
	i8259_mask_all();
	lapic_init();
	ioapic_init();
	ops.name = lapic_is_x2apic() ? "I/O APIC, x2APIC" : "I/O APIC, xAPIC";
	hal_irqchip = &ops;
}
