// SPDX-License-Identifier: MIT
// What the two versions of Arm's Generic Interrupt Controller share. Interrupts are named by INTID:
// 0-15 from CPU to CPU, 16-31 private to a CPU, 32-1019 shared.
#pragma once

#include <hal/irqchip.h>
#include <lib/types.h>

#define GIC_SGI_CALL 0 // hal_ipi_send()
#define GIC_SGI_STOP 1 // hal_ipi_send_stop()
#define GIC_PPI_FIRST 16
#define GIC_SPI_FIRST 32
#define GIC_INTID_END 1020 // special numbers from here on

// Distributor registers of both versions (GICv2 4.1.2, GICv3 12.8). In GICv3 those of the first 32
// interrupts stand in each redistributor at the same offsets.
#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_IGROUPR 0x080
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00
#define GICD_IROUTER 0x6000

#define GIC_PRIORITY 0xa0
#define GIC_PRIORITY_MASK 0xf0 // lets all of the above through

/** One version; gic.c speaks to it through this. */
struct gic_ops {
	struct irqchip_ops chip;
	/** Take interrupts until none is pending. */
	void (*handle)(struct trapframe *tf);
	void (*send_sgi)(cpuid_t cpu, unsigned sgi);
};

/** A version announces itself from its device-tree probe. -EBUSY: there is one already. */
err_t gic_register(const struct gic_ops *ops);
/** Call the upcall for @intid; @eoi ends it where upcall_irq() does not. */
void gic_dispatch(struct trapframe *tf, uint32_t intid, void (*eoi)(uint32_t intid));

/** Number of INTIDs that GICD_TYPER @typer says are there. */
uint32_t gic_intid_count(uint32_t typer);
/** Registers of @bits bits per interrupt at @base: set or read-modify-write that of @intid. */
void gic_write_bit(vaddr_t base, uint32_t intid);
err_t gic_write_trigger(vaddr_t base, uint32_t intid, enum hal_irq_trigger trigger);
/** Shared interrupts [32, @count): off, not pending, usual priority; @groups goes into the group
 *  registers. */
void gic_init_shared(vaddr_t distributor, uint32_t count, uint32_t groups);
/** The same for the 32 private ones of this CPU, at @base; the SGIs are on. */
void gic_init_private(vaddr_t base, uint32_t groups);
