// SPDX-License-Identifier: MIT
// What entry.S does not settle itself: interrupts and exceptions, sorted to the upcalls.
// Signal numbers and codes are Linux's (arch/riscv/kernel/traps.c).
#include "internal.h"

#include <arch/cpu.h>
#include <arch/irq.h>
#include <hal/barrier.h>
#include <hal/clock.h>
#include <hal/context.h>
#include <hal/mmu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <hal/upcall.h>

enum {
	SIG_ILL = 4,
	SIG_TRAP = 5,
	SIG_BUS = 7,
	SIG_SEGV = 11,
	CODE_ILLOPC = 1,
	CODE_BRKPT = 1,
	CODE_ADRALN = 1,
	CODE_ACCERR = 2,
};

void (*riscv_external_irq)(void);

struct fixup {
	uintptr_t first, end, target;
};

extern const struct fixup _ex_table_start[], _ex_table_end[];

static const struct fixup *find_fixup(uintptr_t pc)
{
	for (const struct fixup *fixup = _ex_table_start; fixup < _ex_table_end; fixup++) {
		if (pc >= fixup->first && pc < fixup->end)
			return fixup;
	}
	return NULL;
}

bool hal_uaccess_has_fixup(const struct trapframe *tf)
{
	return find_fixup(tf->pc);
}

bool hal_uaccess_fixup(struct trapframe *tf)
{
	const struct fixup *fixup = find_fixup(tf->pc);
	if (fixup)
		tf->pc = fixup->target;
	return fixup;
}

static void handle_interrupt(struct trapframe *tf)
{
	upcall_irq_enter();
	switch (tf->cause & 0xff) {
	case IRQ_TIMER:
		// Level-triggered by the comparison; upcall_timer() sets the next one.
		hal_timer_set(UINT64_MAX);
		upcall_timer();
		break;
	case IRQ_SOFT:
		csr_clear(sip, 1 << IRQ_SOFT);
		hal_mb_device();
		if (riscv_is_stop_asked())
			upcall_panic_stop(tf);
		upcall_ipi();
		break;
	case IRQ_EXTERNAL:
		riscv_external_irq();
		break;
	}
	upcall_irq_exit(tf);
}

static bool is_float_csr(uint32_t insn)
{
	uint32_t csr = insn >> 20;
	return (insn >> 12 & 3) != 0 && csr >= 1 && csr <= 3; // fflags, frm, fcsr
}

/** Whether @insn is of the F or D extension (unprivileged manual, opcode map). */
static bool is_float_insn(uint32_t insn)
{
	if ((insn & 3) != 3) {
		// C.FLD, C.FSD and their stack forms: quadrants 0 and 2, funct3 1 and 5.
		unsigned funct3 = insn >> 13 & 7;
		return (insn & 3) != 1 && (funct3 == 1 || funct3 == 5);
	}
	switch (insn & 0x7f) {
	case 0x07: // LOAD-FP
	case 0x27: // STORE-FP
	case 0x43: // MADD
	case 0x47: // MSUB
	case 0x4b: // NMSUB
	case 0x4f: // NMADD
	case 0x53: // OP-FP
		return true;
	case 0x73: // SYSTEM
		return is_float_csr(insn);
	}
	return false;
}

static void illegal_instruction(struct trapframe *tf, uint64_t insn)
{
	bool is_off = (csr_read(sstatus) & SSTATUS_FS) == 0;
	// A hart may leave stval 0. Then turning the unit on is a try: it traps again if it must.
	if (is_off && riscv_features.has_fpu && (insn == 0 || is_float_insn((uint32_t)insn)))
		upcall_fpu_first_use(tf);
	else
		upcall_user_exception(tf, SIG_ILL, CODE_ILLOPC, tf->pc);
}

void riscv_trap_user(struct trapframe *tf)
{
	uint64_t tval = csr_read(stval);
	if ((int64_t)tf->cause < 0) {
		handle_interrupt(tf);
		return;
	}
	switch (tf->cause) {
	case CAUSE_INSN_PAGE:
		upcall_page_fault(tf, tval, HAL_FAULT_EXEC, false);
		break;
	case CAUSE_LOAD_PAGE:
		upcall_page_fault(tf, tval, HAL_FAULT_READ, false);
		break;
	case CAUSE_STORE_PAGE:
		upcall_page_fault(tf, tval, HAL_FAULT_WRITE, false);
		break;
	case CAUSE_ILLEGAL:
		illegal_instruction(tf, tval);
		break;
	case CAUSE_BREAKPOINT:
		upcall_user_exception(tf, SIG_TRAP, CODE_BRKPT, tf->pc);
		break;
	case CAUSE_INSN_MISALIGNED:
	case CAUSE_LOAD_MISALIGNED:
	case CAUSE_STORE_MISALIGNED:
		upcall_user_exception(tf, SIG_BUS, CODE_ADRALN, tval);
		break;
	case CAUSE_INSN_ACCESS:
	case CAUSE_LOAD_ACCESS:
	case CAUSE_STORE_ACCESS:
		upcall_user_exception(tf, SIG_SEGV, CODE_ACCERR, tval);
		break;
	default:
		upcall_user_exception(tf, SIG_ILL, CODE_ILLOPC, tf->pc);
		break;
	}
}

static const char *exception_name(uint64_t cause)
{
	static const char *const names[] = {
		[CAUSE_INSN_MISALIGNED] = "misaligned jump",
		[CAUSE_INSN_ACCESS] = "instruction access fault",
		[CAUSE_ILLEGAL] = "illegal instruction",
		[CAUSE_BREAKPOINT] = "breakpoint",
		[CAUSE_LOAD_MISALIGNED] = "misaligned load",
		[CAUSE_LOAD_ACCESS] = "load access fault",
		[CAUSE_STORE_MISALIGNED] = "misaligned store",
		[CAUSE_STORE_ACCESS] = "store access fault",
	};
	const char *name = cause < array_len(names) ? names[cause] : NULL;
	return name ? name : "unknown exception";
}

/** Whether @addr is in the guard page below the present kernel stack. */
static bool is_stack_guard(vaddr_t addr)
{
	return hal_percpu()->entry_sp - HAL_KSTACK_SIZE - 1 - addr < HAL_PAGE_SIZE;
}

static void kernel_page_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access)
{
	static const unsigned needs[] = {
		[HAL_FAULT_READ] = HAL_PROT_READ,
		[HAL_FAULT_WRITE] = HAL_PROT_WRITE,
		[HAL_FAULT_EXEC] = HAL_PROT_EXEC,
	};
	if (riscv_mmu_mend(addr, needs[access]))
		return;
	if (is_stack_guard(addr))
		upcall_kernel_exception(tf, "kernel stack overflow");
	upcall_page_fault(tf, addr, access, false);
}

void riscv_trap_kernel(struct trapframe *tf)
{
	uint64_t tval = csr_read(stval);
	if ((int64_t)tf->cause < 0) {
		handle_interrupt(tf);
		return;
	}
	switch (tf->cause) {
	case CAUSE_INSN_PAGE:
		kernel_page_fault(tf, tval, HAL_FAULT_EXEC);
		break;
	case CAUSE_LOAD_PAGE:
		kernel_page_fault(tf, tval, HAL_FAULT_READ);
		break;
	case CAUSE_STORE_PAGE:
		kernel_page_fault(tf, tval, HAL_FAULT_WRITE);
		break;
	default:
		if (!hal_uaccess_fixup(tf))
			upcall_kernel_exception(tf, exception_name(tf->cause));
	}
}
