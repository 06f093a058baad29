// SPDX-License-Identifier: MIT
// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0): a priority per source,
// enable bits per source and context, and a claim register per context. A context is a hart in one
// mode; which is which is said by the device tree alone.
//
// Masking sets the priority to 0 and leaves the enable bit alone: a source that is completed while
// its enable bit is clear would stay claimed for ever. The enable bit chooses the hart.
#include <arch/csr.h>
#include <arch/irq.h>
#include <drivers/riscv_irqchip.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <hal/irqchip.h>
#include <hal/mmio.h>
#include <hal/percpu.h>
#include <hal/smp.h>
#include <hal/upcall.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <uapi/errno.h>

#define PRIORITY(irq) (4ul * (irq))
#define ENABLE(context, irq) (0x2000ul + 0x80ul * (context) + 4ul * ((irq) / 32))
#define THRESHOLD(context) (0x200000ul + 0x1000ul * (context))
#define CLAIM(context) (THRESHOLD(context) + 4)
#define SOURCES_MAX 1024
#define CONTEXTS_MAX 15872
#define NO_CONTEXT UINT32_MAX

static struct spinlock lock = SPINLOCK_INIT; // enable words, target
static vaddr_t base;
static uint32_t source_count;
static uint32_t context_of[CPUS_MAX];
static uint32_t target[SOURCES_MAX]; // CPU whose enable bit is set

static void set_enable(uint32_t context, uint32_t irq, uint32_t bit)
{
	vaddr_t at = base + ENABLE(context, irq);
	uint32_t word = hal_mmio_read32(at) & ~(1u << irq % 32);
	hal_mmio_write32(at, word | bit << irq % 32);
}

static void plic_init_cpu(void)
{
	uint32_t context = context_of[this_cpu()];
	if (context == NO_CONTEXT) {
		log_warn("plic: CPU %u has no context: it gets no device interrupts", this_cpu());
		return;
	}
	// Firmware clears the enable bits of a hart that it starts.
	spin_lock(&lock);
	for (uint32_t irq = 1; irq <= source_count; irq++) {
		if (target[irq] == this_cpu())
			set_enable(context, irq, 1);
	}
	spin_unlock(&lock);
	hal_mmio_write32(base + THRESHOLD(context), 0);
	csr_set(sie, 1 << IRQ_EXTERNAL);
}

static void plic_leave_cpu(void)
{
	if (context_of[this_cpu()] != NO_CONTEXT)
		hal_mmio_write32(base + THRESHOLD(context_of[this_cpu()]), UINT32_MAX);
}

static bool is_source(uint32_t irq)
{
	return irq > 0 && irq <= source_count;
}

static err_t plic_set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	// The gateway of each source is wired for its device; nothing can be chosen.
	(void)trigger;
	return is_source(irq) ? 0 : -EINVAL;
}

static err_t plic_set_target(uint32_t irq, cpuid_t cpu)
{
	if (!is_source(irq) || cpu >= bootinfo.cpu_count || context_of[cpu] == NO_CONTEXT)
		return -EINVAL;
	irqflags_t flags = spin_lock_irqsave(&lock);
	if (target[irq] < bootinfo.cpu_count)
		set_enable(context_of[target[irq]], irq, 0);
	target[irq] = cpu;
	set_enable(context_of[cpu], irq, 1);
	spin_unlock_irqrestore(&lock, flags);
	return 0;
}

static void plic_mask(uint32_t irq)
{
	if (is_source(irq))
		hal_mmio_write32(base + PRIORITY(irq), 0);
}

static void plic_unmask(uint32_t irq)
{
	if (!is_source(irq))
		return;
	if (target[irq] >= bootinfo.cpu_count && plic_set_target(irq, 0) != 0)
		return;
	hal_mmio_write32(base + PRIORITY(irq), 1);
}

static void plic_eoi(uint32_t irq)
{
	hal_mmio_write32(base + CLAIM(context_of[this_cpu()]), irq);
}

static void plic_handle(void)
{
	vaddr_t claim = base + CLAIM(context_of[this_cpu()]);
	for (;;) {
		uint32_t irq = hal_mmio_read32(claim);
		if (irq == 0)
			return;
		upcall_irq(irq);
	}
}

static const struct irqchip_ops plic_ops = {
	.name = "PLIC",
	.init_cpu = plic_init_cpu,
	.leave_cpu = plic_leave_cpu,
	.set_trigger = plic_set_trigger,
	.set_target = plic_set_target,
	.mask = plic_mask,
	.unmask = plic_unmask,
	.eoi = plic_eoi,
	.send_ipi = hal_ipi_send,
};

/** Returns the number of contexts. */
static uint32_t read_contexts(int node)
{
	for (unsigned i = 0; i < CPUS_MAX; i++)
		context_of[i] = NO_CONTEXT;
	uint32_t context = 0;
	cpuid_t cpu;
	for (; context < CONTEXTS_MAX && riscv_irqchip_parent(node, context, &cpu); context++) {
		if (cpu < bootinfo.cpu_count)
			context_of[cpu] = context;
	}
	return context;
}

static void disable_all(uint32_t contexts)
{
	for (uint32_t irq = 1; irq <= source_count; irq++) {
		hal_mmio_write32(base + PRIORITY(irq), 0);
		target[irq] = UINT32_MAX;
	}
	// Of machine mode's contexts too: the kernel owns the devices now.
	for (uint32_t context = 0; context < contexts; context++) {
		for (uint32_t irq = 0; irq <= source_count; irq += 32)
			hal_mmio_write32(base + ENABLE(context, irq), 0);
	}
}

static err_t plic_init(int node)
{
	paddr_t addr;
	uint64_t size;
	if (hal_irqchip)
		return -EBUSY;
	uint32_t contexts = read_contexts(node);
	source_count = min(fdt_u32_or(&hal_fdt, node, "riscv,ndev", 0), (uint32_t)SOURCES_MAX - 1);
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || source_count == 0 || contexts == 0 ||
	    size < CLAIM(contexts - 1) + 4) {
		log_warn("plic: reg, riscv,ndev or interrupts-extended of node %s is malformed",
			 fdt_node_name(&hal_fdt, node));
		return -EINVAL;
	}
	base = hal_mmio_map(addr, size);
	if (base == 0)
		return -ENOMEM;
	disable_all(contexts);
	riscv_external_irq = plic_handle;
	hal_irqchip = &plic_ops;
	return 0;
}

DT_DRIVER(irqchip, "sifive,plic-1.0.0", plic_init);
DT_DRIVER(irqchip, "riscv,plic0", plic_init);
