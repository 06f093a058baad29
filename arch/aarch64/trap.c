// SPDX-License-Identifier: MIT
// What entry.S calls: sorts exceptions by ESR_EL1 (Arm ARM D19.2.40) into the kernel's upcalls. All
// run with interrupts off; FAR_EL1 is read before anything can turn them on.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/fpu.h>
#include <hal/mmu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <hal/upcall.h>

// Linux's numbers of signals and their codes.
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum { ILL_ILLOPC = 1, ILL_ILLOPN = 2 };
enum { TRAP_BRKPT = 1, TRAP_TRACE = 2, TRAP_HWBKPT = 4 };
enum { BUS_ADRALN = 1, BUS_OBJERR = 3 };
enum { SEGV_MAPERR = 1 };
enum { FPE_FLTDIV = 3, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES, FPE_FLTINV };

// ISS of aborts
#define ISS_WRITE (1 << 6)
#define ISS_CACHE_MAINTENANCE (1 << 8)
#define ISS_FAULT_MASK 0x3f
#define FAULT_TRANSLATION 0x04 // 4..7
#define FAULT_ACCESS_FLAG 0x08
#define FAULT_PERMISSION 0x0c
#define FAULT_ALIGNMENT 0x21
#define FAULT_ADDRESS_SIZE 0x00
#define FAULT_TLB_CONFLICT 0x30

void arch_trap_user(struct trapframe *tf);
void arch_trap_kernel(struct trapframe *tf);
void arch_trap_irq(struct trapframe *tf);
noreturn_fn void arch_trap_serror(struct trapframe *tf);
noreturn_fn void arch_trap_fatal(struct trapframe *tf);
noreturn_fn void arch_trap_stack_overflow(struct trapframe *tf);

static unsigned exception_class(const struct trapframe *tf)
{
	return (tf->esr >> ESR_EC_SHIFT) & 0x3f;
}

static bool is_user_address(vaddr_t addr)
{
	return !(addr >> 63);
}

/** FAR_EL1; user addresses without the tag that TBI0 lets user mode put into the top byte. */
static vaddr_t fault_address(void)
{
	vaddr_t addr = read_sysreg(far_el1);
	return addr & 1ul << 55 ? addr : addr & ~(0xfful << 56);
}

static unsigned fault_status(const struct trapframe *tf)
{
	return tf->esr & ISS_FAULT_MASK;
}

/** Translation, access flag and permission faults are mm's. */
static bool is_page_fault(unsigned status)
{
	return status >= FAULT_TRANSLATION && status < FAULT_PERMISSION + 4;
}

static enum hal_fault_access fault_access(const struct trapframe *tf)
{
	unsigned class = exception_class(tf);
	if (class == EC_INSTR_ABORT_LOWER || class == EC_INSTR_ABORT_SAME)
		return HAL_FAULT_EXEC;
	// Cache maintenance says "write" but needs no more than a read.
	if ((tf->esr & ISS_WRITE) && !(tf->esr & ISS_CACHE_MAINTENANCE))
		return HAL_FAULT_WRITE;
	return HAL_FAULT_READ;
}

static void page_fault(struct trapframe *tf, vaddr_t addr)
{
	upcall_page_fault(tf, addr, fault_access(tf), fault_status(tf) >= FAULT_ACCESS_FLAG);
}

static void user_abort(struct trapframe *tf)
{
	vaddr_t addr = fault_address();
	unsigned status = fault_status(tf);
	if (is_page_fault(status))
		page_fault(tf, addr);
	else if (status < FAULT_TRANSLATION)
		upcall_user_exception(tf, SIGSEGV, SEGV_MAPERR, addr);
	else if (status == FAULT_ALIGNMENT)
		upcall_user_exception(tf, SIGBUS, BUS_ADRALN, addr);
	else
		upcall_user_exception(tf, SIGBUS, BUS_OBJERR, addr);
}

static int fp_exception_code(uint64_t esr)
{
	static const int codes[] = {FPE_FLTINV, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES};
	// Bit 23: the five bits below say which.
	if (!(esr & 1 << 23))
		return FPE_FLTINV;
	for (unsigned i = 0; i < array_len(codes); i++) {
		if (esr & 1u << i)
			return codes[i];
	}
	return FPE_FLTINV;
}

void arch_trap_user(struct trapframe *tf)
{
	switch (exception_class(tf)) {
	case EC_INSTR_ABORT_LOWER:
	case EC_DATA_ABORT_LOWER:
		user_abort(tf);
		break;
	case EC_FP_ACCESS:
		upcall_fpu_first_use(tf);
		break;
	case EC_WFX:
		tf->pc += 4; // a hint; the CPU is the scheduler's to idle
		break;
	case EC_PC_ALIGNMENT:
		upcall_user_exception(tf, SIGBUS, BUS_ADRALN, tf->pc);
		break;
	case EC_SP_ALIGNMENT:
		upcall_user_exception(tf, SIGBUS, BUS_ADRALN, tf->sp);
		break;
	case EC_FP_EXCEPTION:
		upcall_user_exception(tf, SIGFPE, fp_exception_code(tf->esr), tf->pc);
		break;
	case EC_BRK:
		upcall_user_exception(tf, SIGTRAP, TRAP_BRKPT, tf->pc);
		break;
	case EC_STEP_LOWER:
		upcall_user_exception(tf, SIGTRAP, TRAP_TRACE, tf->pc);
		break;
	case EC_BREAKPOINT_LOWER:
	case EC_WATCHPOINT_LOWER:
		upcall_user_exception(tf, SIGTRAP, TRAP_HWBKPT, tf->pc);
		break;
	case EC_PAC_FAIL:
		upcall_user_exception(tf, SIGILL, ILL_ILLOPN, tf->pc);
		break;
	default:
		// Undefined and trapped instructions, illegal state, extensions that are off.
		upcall_user_exception(tf, SIGILL, ILL_ILLOPC, tf->pc);
	}
}

extern const struct extable_entry {
	uintptr_t start, end, fixup;
} _extable_start[], _extable_end[];

static const struct extable_entry *find_fixup(uintptr_t pc)
{
	for (const struct extable_entry *entry = _extable_start; entry < _extable_end; entry++) {
		if (pc >= entry->start && pc < entry->end)
			return entry;
	}
	return NULL;
}

bool hal_uaccess_has_fixup(const struct trapframe *tf)
{
	return find_fixup(tf->pc);
}

bool hal_uaccess_fixup(struct trapframe *tf)
{
	const struct extable_entry *entry = find_fixup(tf->pc);
	if (!entry)
		return false;
	tf->pc = entry->fixup;
	return true;
}

static void kernel_abort(struct trapframe *tf)
{
	vaddr_t addr = fault_address();
	unsigned status = fault_status(tf);
	bool is_user_copy = find_fixup(tf->pc) && is_user_address(addr);
	if (is_user_address(addr) && !is_user_copy)
		upcall_kernel_exception(tf, "user memory touched outside a user copy");
	if (is_page_fault(status))
		page_fault(tf, addr);
	else if (!is_user_copy || !hal_uaccess_fixup(tf))
		upcall_kernel_exception(tf, status == FAULT_ALIGNMENT ? "alignment fault"
								      : "external abort");
}

void arch_trap_kernel(struct trapframe *tf)
{
	switch (exception_class(tf)) {
	case EC_INSTR_ABORT_SAME:
	case EC_DATA_ABORT_SAME:
		kernel_abort(tf);
		return;
	case EC_UNKNOWN:
		if (tf->pc == (uintptr_t)arch_semihosting_hlt) {
			tf->x[0] = (uint64_t)-1;
			tf->pc += 4;
			return;
		}
		upcall_kernel_exception(tf, "undefined instruction");
	case EC_FP_ACCESS:
		upcall_kernel_exception(tf, "floating-point instruction in the kernel");
	case EC_BRK:
		upcall_kernel_exception(tf, "BRK instruction");
	case EC_PC_ALIGNMENT:
	case EC_SP_ALIGNMENT:
		upcall_kernel_exception(tf, "misaligned pc or sp");
	case EC_ILLEGAL_STATE:
		upcall_kernel_exception(tf, "illegal execution state");
	default:
		upcall_kernel_exception(tf, "unexpected exception");
	}
}

void arch_trap_irq(struct trapframe *tf)
{
	upcall_irq_enter();
	arch_handle_irq(tf);
	upcall_irq_exit(tf);
}

noreturn_fn void arch_trap_serror(struct trapframe *tf)
{
	upcall_kernel_exception(tf, "SError: asynchronous external abort");
}

noreturn_fn void arch_trap_fatal(struct trapframe *tf)
{
	upcall_kernel_exception(tf, "FIQ, or an exception from a mode that is not used");
}

noreturn_fn void arch_trap_stack_overflow(struct trapframe *tf)
{
	upcall_kernel_exception(tf, "kernel stack overflow");
}
