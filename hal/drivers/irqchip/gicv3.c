// SPDX-License-Identifier: MIT
// GICv3 and later: one distributor, a redistributor per CPU, and the CPU interface in system
// registers (Arm IHI 0069G). Interrupts are routed by affinity; all of them are group 1.
// `lock` guards read-modify-write of the distributor's two-bit fields.
#include <drivers/gic.h>

#include <arch/sysreg.h>
#include <hal/bootinfo.h>
#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <hal/percpu.h>
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <uapi/errno.h>

#define GICD_CTLR_ENABLE 0x13 // ARE, group 1 in both security views
#define GICD_CTLR_RWP (1u << 31)
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_TYPER_VLPIS (1 << 1)
#define GICR_TYPER_LAST (1 << 4)
#define GICR_WAKER_SLEEP (1 << 1)
#define GICR_WAKER_CHILDREN_ASLEEP (1 << 2)
#define GICR_SGI_BASE 0x10000
#define GICR_STRIDE 0x20000
#define GICR_STRIDE_VLPIS 0x40000

#define ICC_PMR_EL1 s3_0_c4_c6_0
#define ICC_IAR1_EL1 s3_0_c12_c12_0
#define ICC_EOIR1_EL1 s3_0_c12_c12_1
#define ICC_BPR1_EL1 s3_0_c12_c12_3
#define ICC_CTLR_EL1 s3_0_c12_c12_4
#define ICC_SRE_EL1 s3_0_c12_c12_5
#define ICC_IGRPEN1_EL1 s3_0_c12_c12_7
#define ICC_SGI1R_EL1 s3_0_c12_c11_5
// One more expansion, so that read_sysreg() sees the encoding.
#define read_icc(name) read_sysreg(name)
#define write_icc(name, value) write_sysreg(name, value)

#define REGIONS_MAX 16
#define SPINS_MAX 1000000u

static vaddr_t distributor;
static uint32_t intid_count;
static struct {
	vaddr_t base;
	uint64_t size;
} regions[REGIONS_MAX];
static unsigned region_count;
static uint64_t stride; // 0: as each redistributor says
static struct spinlock lock = SPINLOCK_INIT;
static DEFINE_PERCPU(vaddr_t, gicv3_redistributor);

static void wait_clear(vaddr_t at, uint32_t bit, const char *what)
{
	for (unsigned i = 0; hal_mmio_read32(at) & bit; i++) {
		if (i == SPINS_MAX)
			panic("GICv3: %s does not finish", what);
		hal_cpu_relax();
	}
}

static vaddr_t private_base(void)
{
	return *this_cpu_ptr(gicv3_redistributor) + GICR_SGI_BASE;
}

/** MPIDR's affinity fields in the order of GICR_TYPER's upper half. */
static uint32_t packed_affinity(uint64_t hwid)
{
	return (uint32_t)((hwid & 0xffffff) | (hwid >> 32 & 0xff) << 24);
}

static vaddr_t find_in_region(unsigned region, uint32_t affinity)
{
	uint64_t at = 0;
	while (at + GICR_STRIDE <= regions[region].size) {
		vaddr_t base = regions[region].base + at;
		uint64_t typer = hal_mmio_read64(base + GICR_TYPER);
		if (typer >> 32 == affinity)
			return base;
		if (typer & GICR_TYPER_LAST)
			break;
		at += stride ? stride : typer & GICR_TYPER_VLPIS ? GICR_STRIDE_VLPIS : GICR_STRIDE;
	}
	return 0;
}

static vaddr_t find_redistributor(uint64_t hwid)
{
	for (unsigned i = 0; i < region_count; i++) {
		vaddr_t base = find_in_region(i, packed_affinity(hwid));
		if (base)
			return base;
	}
	panic("GICv3: CPU %u (hardware id 0x%llx) has no redistributor", this_cpu(),
	      (unsigned long long)hwid);
}

static void init_cpu(void)
{
	vaddr_t base = find_redistributor(bootinfo.cpus[this_cpu()].hwid);
	*this_cpu_ptr(gicv3_redistributor) = base;
	uint32_t waker = hal_mmio_read32(base + GICR_WAKER);
	hal_mmio_write32(base + GICR_WAKER, waker & ~(uint32_t)GICR_WAKER_SLEEP);
	wait_clear(base + GICR_WAKER, GICR_WAKER_CHILDREN_ASLEEP, "a redistributor's wake-up");
	gic_init_private(private_base(), UINT32_MAX);

	write_icc(ICC_SRE_EL1, read_icc(ICC_SRE_EL1) | 1);
	isb();
	if (!(read_icc(ICC_SRE_EL1) & 1))
		panic("GICv3: firmware keeps the system registers from the kernel (ICC_SRE)");
	write_icc(ICC_PMR_EL1, GIC_PRIORITY_MASK);
	write_icc(ICC_BPR1_EL1, 0);
	write_icc(ICC_CTLR_EL1, 0); // end of interrupt also deactivates
	write_icc(ICC_IGRPEN1_EL1, 1);
	isb();
}

static vaddr_t bank_of(uint32_t irq)
{
	return irq < GIC_SPI_FIRST ? private_base() : distributor;
}

static err_t set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	if (irq >= intid_count)
		return -EINVAL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	err_t err = gic_write_trigger(bank_of(irq), irq, trigger);
	spin_unlock_irqrestore(&lock, flags);
	return err;
}

static err_t set_target(uint32_t irq, cpuid_t cpu)
{
	if (irq >= intid_count)
		return -EINVAL;
	if (irq >= GIC_SPI_FIRST)
		hal_mmio_write64(distributor + GICD_IROUTER + irq * 8ul, bootinfo.cpus[cpu].hwid);
	return 0;
}

static void mask(uint32_t irq)
{
	gic_write_bit(bank_of(irq) + GICD_ICENABLER, irq);
}

static void unmask(uint32_t irq)
{
	gic_write_bit(bank_of(irq) + GICD_ISENABLER, irq);
}

static void eoi(uint32_t irq)
{
	write_icc(ICC_EOIR1_EL1, irq);
	isb();
}

static void handle(struct trapframe *tf)
{
	for (;;) {
		uint32_t intid = (uint32_t)read_icc(ICC_IAR1_EL1);
		if (intid >= GIC_INTID_END)
			return;
		// The acknowledgement takes effect before the device's registers are read.
		__asm__ volatile("dsb sy" : : : "memory");
		gic_dispatch(tf, intid, eoi);
	}
}

static void send_sgi(cpuid_t cpu, unsigned sgi)
{
	uint64_t hwid = bootinfo.cpus[cpu].hwid;
	uint64_t aff0 = hwid & 0xff;
	uint64_t value = (hwid >> 32 & 0xff) << 48 | (aff0 >> 4) << 44 | (hwid >> 16 & 0xff) << 32 |
			 (uint64_t)sgi << 24 | (hwid >> 8 & 0xff) << 16 | 1ul << (aff0 & 15);
	// What was written before must be seen by the CPU that is interrupted.
	__asm__ volatile("dsb ishst" : : : "memory");
	write_icc(ICC_SGI1R_EL1, value);
	isb();
}

static void send_ipi(cpuid_t cpu)
{
	send_sgi(cpu, GIC_SGI_CALL);
}

static const struct gic_ops ops = {
	.chip = {
		.name = "GICv3",
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

static err_t map_regions(int node)
{
	uint32_t count = fdt_u32_or(&hal_fdt, node, "#redistributor-regions", 1);
	if (fdt_number(&hal_fdt, node, "redistributor-stride", &stride) != 0)
		stride = 0;
	for (unsigned i = 0; i < count && i < REGIONS_MAX; i++) {
		paddr_t pa;
		uint64_t size;
		if (fdt_reg(&hal_fdt, node, 1 + i, &pa, &size) != 0)
			return -EINVAL;
		regions[i].base = hal_mmio_map(pa, size);
		regions[i].size = size;
		if (!regions[i].base)
			return -ENOMEM;
		region_count++;
	}
	return region_count ? 0 : -EINVAL;
}

static err_t init(int node)
{
	paddr_t pa;
	uint64_t size;
	if (hal_irqchip)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &pa, &size) != 0)
		return -EINVAL;
	distributor = hal_mmio_map(pa, 0x10000);
	if (!distributor)
		return -ENOMEM;
	err_t err = map_regions(node);
	if (err)
		return err;
	intid_count = gic_intid_count(hal_mmio_read32(distributor + GICD_TYPER));
	hal_mmio_write32(distributor + GICD_CTLR, 0);
	wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP, "the distributor's start");
	gic_init_shared(distributor, intid_count, UINT32_MAX);
	hal_mmio_write32(distributor + GICD_CTLR, GICD_CTLR_ENABLE);
	wait_clear(distributor + GICD_CTLR, GICD_CTLR_RWP, "the distributor's start");
	for (uint32_t irq = GIC_SPI_FIRST; irq < intid_count; irq++)
		set_target(irq, 0);
	return gic_register(&ops);
}

DT_DRIVER(irqchip, "arm,gic-v3", init);
