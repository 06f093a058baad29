// SPDX-License-Identifier: MIT
// GICv2: distributor and CPU interface in memory (Arm IHI 0048B). At most 8 CPUs, each known by the
// number of its interface, which it reads from the banked target registers of its own SGIs.
// Group 0 for all: that is what a controller without security extensions signals as IRQ when bit 0 of
// the control registers is set; with them the non-secure side cannot change the groups.
// `lock` guards read-modify-write of the distributor's byte and two-bit fields.
#include <drivers/gic.h>

#include <hal/barrier.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <hal/percpu.h>
#include <kernel/lock.h>
#include <uapi/errno.h>

#define GICC_CTLR 0x000
#define GICC_PMR 0x004
#define GICC_BPR 0x008
#define GICC_IAR 0x00c
#define GICC_EOIR 0x010
#define GICC_EOI_MODE (1 << 9)

static vaddr_t distributor, cpu_interface;
static uint32_t intid_count;
static uint8_t interface_bits[CPUS_MAX]; // each CPU's bit in target fields
static struct spinlock lock = SPINLOCK_INIT;
// IAR of the SGI being handled says which CPU sent it; EOIR wants that back.
static DEFINE_PERCPU(uint32_t, gicv2_iar);

static void init_cpu(void)
{
	uint8_t bits = 0;
	for (unsigned at = 0; at < 32 && !bits; at += 4) {
		uint32_t targets = hal_mmio_read32(distributor + GICD_ITARGETSR + at);
		bits = (uint8_t)(targets | targets >> 8 | targets >> 16 | targets >> 24);
	}
	// A controller for one CPU has no target registers: they read as 0.
	interface_bits[this_cpu()] = bits ? bits : 1;
	gic_init_private(distributor, 0);
	hal_mmio_write32(cpu_interface + GICC_PMR, GIC_PRIORITY_MASK);
	hal_mmio_write32(cpu_interface + GICC_BPR, 0);
	uint32_t ctlr = hal_mmio_read32(cpu_interface + GICC_CTLR);
	hal_mmio_write32(cpu_interface + GICC_CTLR, (ctlr & ~(uint32_t)GICC_EOI_MODE) | 1);
}

static err_t set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	if (irq >= intid_count)
		return -EINVAL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	err_t err = gic_write_trigger(distributor, irq, trigger);
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

static err_t set_target(uint32_t irq, cpuid_t cpu)
{
	if (irq >= intid_count)
		return -EINVAL;
	if (irq < GIC_SPI_FIRST)
		return 0;
	hal_mmio_write8(distributor + GICD_ITARGETSR + irq, interface_bits[cpu]);
	return 0;
}

static void mask(uint32_t irq)
{
	gic_write_bit(distributor + GICD_ICENABLER, irq);
}

static void unmask(uint32_t irq)
{
	gic_write_bit(distributor + GICD_ISENABLER, irq);
}

static void eoi(uint32_t irq)
{
	(void)irq;
	hal_mmio_write32(cpu_interface + GICC_EOIR, *this_cpu_ptr(gicv2_iar));
}

static void handle(struct trapframe *tf)
{
	for (;;) {
		uint32_t iar = hal_mmio_read32(cpu_interface + GICC_IAR);
		uint32_t intid = iar & 0x3ff;
		if (intid >= GIC_INTID_END)
			return;
		*this_cpu_ptr(gicv2_iar) = iar;
		hal_rmb_device();
		gic_dispatch(tf, intid, eoi);
	}
}

static void send_sgi(cpuid_t cpu, unsigned sgi)
{
	hal_wmb_device();
	hal_mmio_write32(distributor + GICD_SGIR, (uint32_t)interface_bits[cpu] << 16 | sgi);
}

static void send_ipi(cpuid_t cpu)
{
	send_sgi(cpu, GIC_SGI_CALL);
}

static const struct gic_ops ops = {
	.chip = {
		.name = "GICv2",
		.init_cpu = init_cpu,
		.set_trigger = set_trigger,
		.set_target = set_target,
		.mask = mask,
		.unmask = unmask,
		.eoi = eoi,
		.send_ipi = send_ipi,
	},
	.handle = handle,
	.send_sgi = send_sgi,
};

static err_t init(int node)
{
	paddr_t dist_pa, cpu_pa;
	uint64_t dist_size, cpu_size;
	if (hal_irqchip)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &dist_pa, &dist_size) != 0 ||
	    fdt_reg(&hal_fdt, node, 1, &cpu_pa, &cpu_size) != 0)
		return -EINVAL;
	distributor = hal_mmio_map(dist_pa, 0x1000);
	cpu_interface = hal_mmio_map(cpu_pa, 0x1000);
	if (!distributor || !cpu_interface)
		return -ENOMEM;
	intid_count = gic_intid_count(hal_mmio_read32(distributor + GICD_TYPER));
	hal_mmio_write32(distributor + GICD_CTLR, 0);
	gic_init_shared(distributor, intid_count, 0);
	hal_mmio_write32(distributor + GICD_CTLR, 1);
	return gic_register(&ops);
}

DT_DRIVER(irqchip, "arm,gic-400", init);
DT_DRIVER(irqchip, "arm,cortex-a15-gic", init);
DT_DRIVER(irqchip, "arm,cortex-a9-gic", init);
DT_DRIVER(irqchip, "arm,cortex-a7-gic", init);
