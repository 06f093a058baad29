// SPDX-License-Identifier: MIT
// The root interrupt controller of the device tree.
#include <arch/csr.h>
#include <drivers/riscv_irqchip.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <hal/irqchip.h>
#include <kernel/panic.h>

const struct irqchip_ops *hal_irqchip;

void hal_irqchip_init(void)
{
	dt_probe(DT_CLASS_irqchip);
	if (!hal_irqchip)
		panic("no interrupt controller: the device tree has no usable node that is "
		      "compatible with \"riscv,plic0\", \"sifive,plic-1.0.0\" or \"riscv,aplic\"");
}

/** The CPU of hart id @hwid; bootinfo.cpu_count = not one that is used. */
static cpuid_t cpu_of_hart(uint64_t hwid)
{
	cpuid_t cpu = 0;
	while (cpu < bootinfo.cpu_count && bootinfo.cpus[cpu].hwid != hwid)
		cpu++;
	return cpu;
}

bool riscv_irqchip_parent(int node, unsigned index, cpuid_t *cpu)
{
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;
	uint64_t hwid, size;
	*cpu = bootinfo.cpu_count;
	if (fdt_interrupts(&hal_fdt, node, index, cells, &n, &intc) != 0)
		return false;
	int hart = fdt_parent(&hal_fdt, intc); // an entry is a hart's local controller and its interrupt
	if (n == 1 && cells[0] == IRQ_EXTERNAL && hart >= 0 &&
	    fdt_reg_raw(&hal_fdt, hart, 0, &hwid, &size) == 0)
		*cpu = cpu_of_hart(hwid);
	return true;
}
