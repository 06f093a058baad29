// SPDX-License-Identifier: MIT
// The part of the interrupt controller driver that GICv2 and GICv3 have in common: choosing, the
// distributor's banked registers, and where each interrupt goes.
#include <drivers/gic.h>

#include <arch/boot.h>
#include <hal/clock.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <hal/smp.h>
#include <hal/upcall.h>
#include <kernel/panic.h>
#include <uapi/errno.h>

const struct irqchip_ops *hal_irqchip;
static const struct gic_ops *gic;

err_t gic_register(const struct gic_ops *ops)
{
	if (gic)
		return -EBUSY;
	gic = ops;
	hal_irqchip = &ops->chip;
	return 0;
}

void hal_irqchip_init(void)
{
	dt_probe(DT_CLASS_irqchip);
	if (!gic)
		panic("no interrupt controller: the device tree has no usable node compatible with "
		      "arm,gic-v3, arm,gic-400 or arm,cortex-a15-gic");
}

void arch_handle_irq(struct trapframe *tf)
{
	gic->handle(tf);
}

void hal_ipi_send(cpuid_t cpu)
{
	gic->send_sgi(cpu, GIC_SGI_CALL);
}

bool hal_ipi_send_stop(cpuid_t cpu)
{
	if (gic)
		gic->send_sgi(cpu, GIC_SGI_STOP);
	return false;
}

void gic_dispatch(struct trapframe *tf, uint32_t intid, void (*eoi)(uint32_t intid))
{
	if (intid == arch_timer_irq) {
		// The line stays high until the next hal_timer_set(), which need not come.
		write_sysreg(cntv_ctl_el0, 0);
		isb();
		eoi(intid);
		upcall_timer();
	} else if (intid == GIC_SGI_CALL) {
		eoi(intid);
		upcall_ipi();
	} else if (intid == GIC_SGI_STOP) {
		eoi(intid);
		upcall_panic_stop(tf);
	} else {
		upcall_irq(intid);
	}
}

uint32_t gic_intid_count(uint32_t typer)
{
	return min(32 * ((typer & 0x1f) + 1), (uint32_t)GIC_INTID_END);
}

void gic_write_bit(vaddr_t base, uint32_t intid)
{
	hal_mmio_write32(base + intid / 32 * 4, 1u << intid % 32);
}

err_t gic_write_trigger(vaddr_t base, uint32_t intid, enum hal_irq_trigger trigger)
{
	// The GIC knows level high and rising edge; board logic inverts the others.
	bool is_edge = trigger == HAL_IRQ_EDGE_RISING || trigger == HAL_IRQ_EDGE_FALLING;
	if (intid < GIC_PPI_FIRST)
		return is_edge ? 0 : -EINVAL;
	vaddr_t at = base + GICD_ICFGR + intid / 16 * 4;
	uint32_t bit = 2u << intid % 16 * 2;
	uint32_t value = hal_mmio_read32(at);
	hal_mmio_write32(at, is_edge ? value | bit : value & ~bit);
	return 0;
}

static void fill(vaddr_t base, uint32_t first, uint32_t count, unsigned per_register, uint32_t value)
{
	for (uint32_t intid = first; intid < count; intid += per_register)
		hal_mmio_write32(base + intid / per_register * 4, value);
}

void gic_init_shared(vaddr_t distributor, uint32_t count, uint32_t groups)
{
	fill(distributor + GICD_ICENABLER, GIC_SPI_FIRST, count, 32, UINT32_MAX);
	fill(distributor + GICD_ICPENDR, GIC_SPI_FIRST, count, 32, UINT32_MAX);
	fill(distributor + GICD_ICACTIVER, GIC_SPI_FIRST, count, 32, UINT32_MAX);
	fill(distributor + GICD_IGROUPR, GIC_SPI_FIRST, count, 32, groups);
	fill(distributor + GICD_IPRIORITYR, GIC_SPI_FIRST, count, 4, GIC_PRIORITY * 0x01010101u);
	fill(distributor + GICD_ICFGR, GIC_SPI_FIRST, count, 16, 0);
}

void gic_init_private(vaddr_t base, uint32_t groups)
{
	fill(base + GICD_ICENABLER, 0, 32, 32, UINT32_MAX);
	fill(base + GICD_ICPENDR, 0, 32, 32, UINT32_MAX);
	fill(base + GICD_ICACTIVER, 0, 32, 32, UINT32_MAX);
	fill(base + GICD_IGROUPR, 0, 32, 32, groups);
	fill(base + GICD_IPRIORITYR, 0, 32, 4, GIC_PRIORITY * 0x01010101u);
	gic_write_bit(base + GICD_ISENABLER, GIC_SGI_CALL);
	gic_write_bit(base + GICD_ISENABLER, GIC_SGI_STOP);
}
