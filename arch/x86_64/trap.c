// SPDX-License-Identifier: MIT
// Exceptions and interrupts after entry.S has saved the registers: which upcall each one is.
// Runs with interrupts off; entry.S restores the frame afterwards.
#include <arch/x86.h>
#include <hal/mmu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <hal/upcall.h>
#include <uapi/signal.h>

enum {
	VECTOR_DIVIDE = 0,
	VECTOR_DEBUG = 1,
	VECTOR_BREAKPOINT = 3,
	VECTOR_OVERFLOW = 4,
	VECTOR_NO_FPU = 7,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_PROTECTION = 13,
	VECTOR_PAGE_FAULT = 14,
	VECTOR_X87 = 16,
	VECTOR_MACHINE_CHECK = 18,
	VECTOR_SIMD = 19,
};

#define PF_PRESENT 0x01u
#define PF_WRITE 0x02u
#define PF_FETCH 0x10u

#define ILL_ILLOPN 2 // Linux's code for #UD

struct exception {
	const char *name;
	uint8_t signo;
	uint8_t code;
	bool has_addr; // si_addr is the instruction
};

static const struct exception exceptions[32] = {
	[0] = {"divide error", SIGFPE, FPE_INTDIV, true},
	[1] = {"debug exception", SIGTRAP, TRAP_TRACE, true},
	[2] = {"non-maskable interrupt", 0, 0, false},
	[3] = {"breakpoint", SIGTRAP, SI_KERNEL, false},
	[4] = {"overflow", SIGSEGV, SI_KERNEL, false},
	[5] = {"bound range exceeded", SIGSEGV, SI_KERNEL, false},
	[6] = {"invalid opcode", SIGILL, ILL_ILLOPN, true},
	[7] = {"floating-point unit used", SIGSEGV, SI_KERNEL, false},
	[8] = {"double fault", 0, 0, false},
	[9] = {"coprocessor overrun", SIGFPE, SI_KERNEL, false},
	[10] = {"invalid TSS", SIGSEGV, SI_KERNEL, false},
	[11] = {"segment not present", SIGBUS, SI_KERNEL, false},
	[12] = {"stack segment fault", SIGBUS, SI_KERNEL, false},
	[13] = {"general protection fault", SIGSEGV, SI_KERNEL, false},
	[14] = {"page fault", 0, 0, false},
	[16] = {"x87 error", SIGFPE, FPE_FLTINV, true},
	[17] = {"alignment check", SIGBUS, BUS_ADRALN, false},
	[18] = {"machine check", 0, 0, false},
	[19] = {"SIMD error", SIGFPE, FPE_FLTINV, true},
};

void x86_trap(struct trapframe *tf);
void x86_trap_paranoid(struct trapframe *tf);

/** si_code out of unmasked exception bits, as both x87 and SSE number them. */
static int fpe_code(unsigned status)
{
	if (status & 0x01)
		return FPE_FLTINV;
	if (status & 0x04)
		return FPE_FLTDIV;
	if (status & 0x08)
		return FPE_FLTOVF;
	if (status & 0x12)
		return FPE_FLTUND;
	if (status & 0x20)
		return FPE_FLTRES;
	return FPE_FLTINV;
}

static int x87_code(void)
{
	uint16_t status, control;
	__asm__ volatile("fnstsw %0; fnstcw %1" : "=m"(status), "=m"(control));
	return fpe_code(status & ~(unsigned)control & 0x3f);
}

static int simd_code(void)
{
	uint32_t mxcsr;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	return fpe_code(mxcsr & ~(mxcsr >> 7) & 0x3f);
}

static int exception_code(const struct trapframe *tf, const struct exception *e)
{
	if (tf->vector == VECTOR_X87)
		return x87_code();
	if (tf->vector == VECTOR_SIMD)
		return simd_code();
	return e->code;
}

static void exception(struct trapframe *tf)
{
	const struct exception *e = &exceptions[tf->vector];
	const char *name = e->name ? e->name : "reserved exception";

	// XRSTOR from user memory refuses what is no state, and any but an address aligned to 64 bytes.
	if (tf->vector == VECTOR_PROTECTION && !hal_tf_is_user(tf) && hal_uaccess_fixup(tf))
		return;
	if (!hal_tf_is_user(tf))
		upcall_kernel_exception(tf, name);
	if (tf->vector == VECTOR_NO_FPU) {
		upcall_fpu_first_use(tf);
		return;
	}
	int signo = e->signo ? e->signo : SIGSEGV;
	int code = e->signo ? exception_code(tf, e) : SI_KERNEL;
	upcall_user_exception(tf, signo, code, e->has_addr ? tf->rip : 0);
}

static void page_fault(struct trapframe *tf)
{
	vaddr_t addr = x86_read_cr2();
	enum hal_fault_access access = tf->nr & PF_FETCH ? HAL_FAULT_EXEC :
				       tf->nr & PF_WRITE ? HAL_FAULT_WRITE :
							   HAL_FAULT_READ;

	if (!hal_tf_is_user(tf) && !(tf->nr & PF_PRESENT) && x86_mmu_sync_root(addr))
		return;
	upcall_page_fault(tf, addr, access, tf->nr & PF_PRESENT);
}

static void interrupt(struct trapframe *tf)
{
	upcall_irq_enter();
	switch (tf->vector) {
	case X86_VECTOR_TIMER:
		x86_lapic_eoi();
		if (x86_timer_is_due())
			upcall_timer();
		break;
	case X86_VECTOR_IPI:
		x86_lapic_eoi();
		upcall_ipi();
		break;
	case X86_VECTOR_SPURIOUS: // has no EOI (Intel SDM 3A, 11.9)
		break;
	case X86_VECTOR_ERROR:
		x86_lapic_eoi();
		break;
	default:
		upcall_irq((uint32_t)tf->vector - X86_VECTOR_IRQ_FIRST);
		break;
	}
	upcall_irq_exit(tf);
}

void x86_trap(struct trapframe *tf)
{
	if (tf->vector >= X86_VECTOR_IRQ_FIRST)
		interrupt(tf);
	else if (tf->vector == VECTOR_PAGE_FAULT)
		page_fault(tf);
	else
		exception(tf);
}

/** Whether a double fault came from pushing onto the guard page below a kernel stack. */
static bool is_stack_overflow(const struct trapframe *tf)
{
	vaddr_t addr = x86_read_cr2();
	vaddr_t distance = addr > tf->rsp ? addr - tf->rsp : tf->rsp - addr;
	return !hal_tf_is_user(tf) && distance <= HAL_PAGE_SIZE;
}

void x86_trap_paranoid(struct trapframe *tf)
{
	if (tf->vector == X86_VECTOR_NMI && x86_smp_is_stop_requested(this_cpu()))
		upcall_panic_stop(tf);
	if (tf->vector == VECTOR_DOUBLE_FAULT && is_stack_overflow(tf))
		upcall_kernel_exception(tf, "kernel stack overflow");
	upcall_kernel_exception(tf, exceptions[tf->vector].name);
}

// The interrupt descriptor table (Intel SDM 3A, 6.14.1).
struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t ist_type; // IST number, type 0xe (interrupt gate), DPL, present
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

#define GATE_INTERRUPT 0x8e00u
#define GATE_USER 0x6000u

static struct gate idt[256];

static unsigned gate_attributes(unsigned vector)
{
	switch (vector) {
	case X86_VECTOR_NMI:
		return GATE_INTERRUPT | X86_IST_NMI;
	case VECTOR_DOUBLE_FAULT:
		return GATE_INTERRUPT | X86_IST_DOUBLE_FAULT;
	case VECTOR_MACHINE_CHECK:
		return GATE_INTERRUPT | X86_IST_DOUBLE_FAULT; // both end in a panic
	case VECTOR_BREAKPOINT:
	case VECTOR_OVERFLOW:
		return GATE_INTERRUPT | GATE_USER;
	default:
		return GATE_INTERRUPT;
	}
}

void x86_trap_init(void)
{
	extern char x86_trap_stubs[];

	for (unsigned vector = 0; vector < 256; vector++) {
		uint64_t offset = (uint64_t)x86_trap_stubs + 16 * vector;
		idt[vector] = (struct gate){
			.offset_low = (uint16_t)offset,
			.selector = X86_KERNEL_CS,
			.ist_type = (uint16_t)gate_attributes(vector),
			.offset_middle = (uint16_t)(offset >> 16),
			.offset_high = (uint32_t)(offset >> 32),
		};
	}
}

void x86_trap_load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)idt};
	__asm__ volatile("lidt %0" : : "m"(pointer));
}
