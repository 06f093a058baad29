// SPDX-License-Identifier: MIT
// The IMSIC (RISC-V Advanced Interrupt Architecture 1.0, chapter 3): each hart has a file of interrupt
// identities, set pending by a store to the hart's page and read through CSRs of the hart itself. Which
// identities are enabled only the hart can say, so every hart enables all; masking is the APLIC's.
#include <drivers/imsic.h>

#include <arch/csr.h>
#include <drivers/riscv_irqchip.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <hal/percpu.h>
#include <hal/upcall.h>
#include <kernel/log.h>
#include <lib/types.h>
#include <uapi/errno.h>

// CSRs that the assembler may not know by name (AIA 2.1).
#define CSR_SISELECT 0x150
#define CSR_SIREG 0x151
#define CSR_STOPEI 0x15c

#define SELECT_DELIVERY 0x70
#define SELECT_THRESHOLD 0x72
#define SELECT_PENDING 0x80
#define SELECT_ENABLE 0xc0 // on RV64 every other register, 64 identities each
#define STOPEI_ID_SHIFT 16

#define PAGE_SHIFT 12 // of a file, whatever the MMU's pages are
#define IDS_MAX 2047
#define NO_INDEX UINT32_MAX

static uint32_t ids;
static uint32_t index_of[CPUS_MAX];

/** Read the top identity and take it: the claim is a write of any value in the same instruction. */
static uint64_t claim_top(void)
{
	uint64_t top;
	asm volatile("csrrw %0, " CSR_STRING(CSR_STOPEI) ", zero" : "=r"(top)::"memory");
	return top;
}

static void select_write(uint32_t reg, uint64_t value)
{
	csr_write(CSR_SISELECT, reg);
	csr_write(CSR_SIREG, value);
}

uint32_t imsic_id_count(void)
{
	return ids;
}

bool imsic_hart_index(cpuid_t cpu, uint32_t *index)
{
	*index = index_of[cpu];
	return *index != NO_INDEX;
}

void imsic_init_cpu(uint32_t count)
{
	if (index_of[this_cpu()] == NO_INDEX) {
		log_warn("imsic: CPU %u has no interrupt file: it gets no device interrupts", this_cpu());
		return;
	}
	select_write(SELECT_DELIVERY, 0);
	select_write(SELECT_THRESHOLD, 0);
	for (uint32_t id = 0; id <= ids; id += 64) {
		uint64_t from = id ? 0 : 1; // there is no identity 0
		uint64_t enabled = 0;
		for (uint64_t bit = from; bit < 64 && id + bit <= count; bit++)
			enabled |= 1ull << bit;
		select_write(SELECT_PENDING + id / 32, 0);
		select_write(SELECT_ENABLE + id / 32, enabled);
	}
	select_write(SELECT_DELIVERY, 1);
	csr_set(sie, 1 << IRQ_EXTERNAL);
}

void imsic_leave_cpu(void)
{
	select_write(SELECT_DELIVERY, 0);
}

void imsic_handle(void)
{
	for (;;) {
		uint64_t top = claim_top();
		uint32_t id = (uint32_t)(top >> STOPEI_ID_SHIFT);
		if (id == 0)
			return;
		upcall_irq(id);
	}
}

/** The address of file number @file, which lie one after the other in the node's ranges. */
static err_t file_address(int node, uint64_t file, uint64_t stride, paddr_t *addr)
{
	for (unsigned i = 0;; i++) {
		paddr_t base;
		uint64_t size;
		err_t err = fdt_reg(&hal_fdt, node, i, &base, &size);
		if (err)
			return err;
		if (file < size / stride) {
			*addr = base + file * stride;
			return 0;
		}
		file -= size / stride;
	}
}

static uint32_t bits_for(uint32_t count)
{
	uint32_t bits = 0;
	while (bits < 31 && 1u << bits < count)
		bits++;
	return bits;
}

err_t imsic_init(int node)
{
	uint32_t count = fdt_u32_or(&hal_fdt, node, "riscv,num-ids", 0);
	uint32_t guest_bits = fdt_u32_or(&hal_fdt, node, "riscv,guest-index-bits", 0);
	uint32_t group_bits = fdt_u32_or(&hal_fdt, node, "riscv,group-index-bits", 0);
	uint32_t group_shift = fdt_u32_or(&hal_fdt, node, "riscv,group-index-shift", 2 * PAGE_SHIFT);
	uint32_t files = 0, used = 0;
	cpuid_t cpu;
	for (cpu = 0; cpu < CPUS_MAX; cpu++)
		index_of[cpu] = NO_INDEX;
	while (riscv_irqchip_parent(node, files, &cpu))
		files++;
	uint32_t hart_bits = fdt_u32_or(&hal_fdt, node, "riscv,hart-index-bits", bits_for(files));
	if (count < 63 || count > IDS_MAX || guest_bits > 7 || hart_bits > 15 || group_bits > 7 ||
	    group_shift > 55)
		return -EINVAL;
	for (uint32_t file = 0; file < files; file++) {
		paddr_t addr;
		riscv_irqchip_parent(node, file, &cpu);
		if (cpu == bootinfo.cpu_count)
			continue;
		if (file_address(node, file, 1ull << (PAGE_SHIFT + guest_bits), &addr) != 0)
			return -EINVAL;
		uint64_t hart = addr >> (PAGE_SHIFT + guest_bits) & ((1ull << hart_bits) - 1);
		uint64_t group = addr >> group_shift & ((1ull << group_bits) - 1);
		index_of[cpu] = (uint32_t)(group << hart_bits | hart);
		used++;
	}
	ids = count;
	return used ? 0 : -EINVAL;
}
