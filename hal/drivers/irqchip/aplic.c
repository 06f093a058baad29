// SPDX-License-Identifier: MIT
// The APLIC (RISC-V Advanced Interrupt Architecture 1.0, chapter 4): the wires of the devices. Its
// supervisor domain either interrupts harts itself, each with a claim register (direct delivery), or
// sends each interrupt as a message to the IMSIC of a hart, under the identity that is the source's
// number. Machine mode's domain is firmware's: its parents are other interrupts, or it is disabled.
#include <arch/csr.h>
#include <arch/irq.h>
#include <drivers/imsic.h>
#include <drivers/riscv_irqchip.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <hal/irqchip.h>
#include <hal/mmio.h>
#include <hal/percpu.h>
#include <hal/smp.h>
#include <hal/upcall.h>
#include <kernel/log.h>
#include <uapi/errno.h>

#define DOMAINCFG 0x0000
#define DOMAINCFG_IE (1u << 8)
#define DOMAINCFG_MSI (1u << 2)
#define SOURCECFG(irq) (4ul * (irq))
#define SETIPNUM_LE 0x2000
#define SETIENUM 0x1edc
#define CLRIP(irq) (0x1d00ul + 4ul * ((irq) / 32))
#define CLRIE(irq) (0x1f00ul + 4ul * ((irq) / 32))
#define CLRIENUM 0x1fdc
#define TARGET(irq) (0x3000ul + 4ul * (irq))
#define TARGET_HART_SHIFT 18
#define TARGET_PRIORITY 1u
#define IDC(index) (0x4000ul + 32ul * (index))
#define IDC_DELIVERY 0x00
#define IDC_THRESHOLD 0x08
#define IDC_CLAIM 0x1c
#define CLAIM_ID_SHIFT 16

enum { SOURCE_INACTIVE = 0, SOURCE_RISING = 4, SOURCE_FALLING, SOURCE_HIGH, SOURCE_LOW };

#define SOURCES_MAX 1023
#define NO_INDEX UINT32_MAX

static vaddr_t base;
static uint32_t source_count;
static bool is_direct;
static uint32_t idc_of[CPUS_MAX]; // direct delivery: which claim register is the CPU's
static bool is_level[SOURCES_MAX + 1]; // as set by set_trigger

static bool is_source(uint32_t irq)
{
	return irq > 0 && irq <= source_count;
}

static vaddr_t idc_here(void)
{
	return base + IDC(idc_of[this_cpu()]);
}

static void direct_init_cpu(void)
{
	if (idc_of[this_cpu()] == NO_INDEX) {
		log_warn("aplic: CPU %u has no claim register: it gets no device interrupts", this_cpu());
		return;
	}
	hal_mmio_write32(idc_here() + IDC_THRESHOLD, 0);
	hal_mmio_write32(idc_here() + IDC_DELIVERY, 1);
	csr_set(sie, 1 << IRQ_EXTERNAL);
}

static void direct_leave_cpu(void)
{
	if (idc_of[this_cpu()] != NO_INDEX)
		hal_mmio_write32(idc_here() + IDC_DELIVERY, 0);
}

static void direct_handle(void)
{
	for (;;) {
		uint32_t irq = hal_mmio_read32(idc_here() + IDC_CLAIM) >> CLAIM_ID_SHIFT;
		if (irq == 0)
			return;
		upcall_irq(irq);
	}
}

static void message_init_cpu(void)
{
	imsic_init_cpu(source_count);
}

static err_t set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	static const uint32_t modes[] = {
		[HAL_IRQ_LEVEL_HIGH] = SOURCE_HIGH,
		[HAL_IRQ_LEVEL_LOW] = SOURCE_LOW,
		[HAL_IRQ_EDGE_RISING] = SOURCE_RISING,
		[HAL_IRQ_EDGE_FALLING] = SOURCE_FALLING,
	};
	if (!is_source(irq))
		return -EINVAL;
	is_level[irq] = trigger == HAL_IRQ_LEVEL_HIGH || trigger == HAL_IRQ_LEVEL_LOW;
	hal_mmio_write32(base + SOURCECFG(irq), modes[trigger]);
	return 0;
}

static err_t set_target(uint32_t irq, cpuid_t cpu)
{
	uint32_t index;
	if (!is_source(irq) || cpu >= bootinfo.cpu_count)
		return -EINVAL;
	if (is_direct) {
		if (idc_of[cpu] == NO_INDEX)
			return -EINVAL;
		hal_mmio_write32(base + TARGET(irq), idc_of[cpu] << TARGET_HART_SHIFT | TARGET_PRIORITY);
		return 0;
	}
	if (!imsic_hart_index(cpu, &index))
		return -EINVAL;
	hal_mmio_write32(base + TARGET(irq), index << TARGET_HART_SHIFT | irq);
	return 0;
}

static void mask(uint32_t irq)
{
	if (is_source(irq))
		hal_mmio_write32(base + CLRIENUM, irq);
}

static void unmask(uint32_t irq)
{
	if (is_source(irq))
		hal_mmio_write32(base + SETIENUM, irq);
}

static void eoi(uint32_t irq)
{
	// A level that is still there has sent its message and sends no other unless it is made pending
	// again, which this does exactly if the line is active (AIA 4.9.2).
	if (!is_direct && is_source(irq) && is_level[irq])
		hal_mmio_write32(base + SETIPNUM_LE, irq);
}

static const struct irqchip_ops direct_ops = {
	.name = "APLIC",
	.init_cpu = direct_init_cpu,
	.leave_cpu = direct_leave_cpu,
	.set_trigger = set_trigger,
	.set_target = set_target,
	.mask = mask,
	.unmask = unmask,
	.eoi = eoi,
	.send_ipi = hal_ipi_send,
};

static const struct irqchip_ops message_ops = {
	.name = "APLIC, IMSIC",
	.init_cpu = message_init_cpu,
	.leave_cpu = imsic_leave_cpu,
	.set_trigger = set_trigger,
	.set_target = set_target,
	.mask = mask,
	.unmask = unmask,
	.eoi = eoi,
	.send_ipi = hal_ipi_send,
};

/** Returns the number of CPUs that have a claim register. */
static unsigned read_parents(int node)
{
	unsigned used = 0;
	cpuid_t cpu;
	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		idc_of[cpu] = NO_INDEX;
	for (unsigned i = 0; riscv_irqchip_parent(node, i, &cpu); i++) {
		if (cpu < bootinfo.cpu_count) {
			idc_of[cpu] = i;
			used++;
		}
	}
	return used;
}

/** Where @node's interrupts go. -ENODEV: to machine mode, or to nothing that is known. */
static err_t find_delivery(int node)
{
	uint32_t phandle;
	is_direct = fdt_u32(&hal_fdt, node, "msi-parent", &phandle) != 0;
	if (is_direct)
		return read_parents(node) ? 0 : -ENODEV;
	int imsic = fdt_find_phandle(&hal_fdt, phandle);
	if (imsic < 0 || !fdt_is_compatible(&hal_fdt, imsic, "riscv,imsics") || imsic_init(imsic) != 0)
		return -ENODEV;
	source_count = min(source_count, imsic_id_count());
	return 0;
}

static void reset_domain(void)
{
	hal_mmio_write32(base + DOMAINCFG, 0);
	for (uint32_t irq = 0; irq <= source_count; irq += 32) {
		hal_mmio_write32(base + CLRIE(irq), UINT32_MAX);
		hal_mmio_write32(base + CLRIP(irq), UINT32_MAX);
	}
	// A source that is inactive, or was delegated to nobody, ignores its target.
	for (uint32_t irq = 1; irq <= source_count; irq++) {
		(void)set_trigger(irq, HAL_IRQ_LEVEL_HIGH);
		(void)set_target(irq, 0);
	}
	hal_mmio_write32(base + DOMAINCFG, DOMAINCFG_IE | (is_direct ? 0 : DOMAINCFG_MSI));
}

static err_t aplic_init(int node)
{
	paddr_t addr;
	uint64_t size;
	if (hal_irqchip)
		return -EBUSY;
	source_count = min(fdt_u32_or(&hal_fdt, node, "riscv,num-sources", 0), (uint32_t)SOURCES_MAX);
	err_t err = find_delivery(node);
	if (err)
		return err;
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || source_count == 0 ||
	    size < TARGET(source_count) + 4) {
		log_warn("aplic: reg or riscv,num-sources of node %s is malformed",
			 fdt_node_name(&hal_fdt, node));
		return -EINVAL;
	}
	base = hal_mmio_map(addr, size);
	if (base == 0)
		return -ENOMEM;
	reset_domain();
	riscv_external_irq = is_direct ? direct_handle : imsic_handle;
	hal_irqchip = is_direct ? &direct_ops : &message_ops;
	return 0;
}

DT_DRIVER(irqchip, "riscv,aplic", aplic_init);
