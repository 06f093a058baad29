// SPDX-License-Identifier: MIT
// The root interrupt controller of the device tree.
#include <hal/dt.h>
#include <hal/irqchip.h>
#include <kernel/panic.h>

const struct irqchip_ops *hal_irqchip;

void hal_irqchip_init(void)
{
	dt_probe(DT_CLASS_irqchip);
	if (!hal_irqchip)
		panic("no interrupt controller: the device tree has no usable node that is "
		      "compatible with \"riscv,plic0\" or \"sifive,plic-1.0.0\"");
}
