// SPDX-License-Identifier: MIT
// Faults and exceptions, from the port to whoever can resolve them.
#include <hal/mmu.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <kernel/assert.h>
#include <kernel/panic.h>
#include <kernel/upcall.h>
#include <uapi/errno.h>
#include <uapi/signal.h>

static const char *const access_names[] = {"read", "write", "execution"};

noreturn_fn static void die_of_fault(struct trapframe *tf, vaddr_t addr,
				     enum hal_fault_access access, bool is_present)
{
	panic_frame(tf, "%s of address 0x%lx by the kernel: %s", access_names[access],
		    (unsigned long)addr, is_present ? "not allowed there" : "nothing is mapped there");
}

/** The signal of a fault that mm could not resolve. */
static void signal_of_fault(struct trapframe *tf, vaddr_t addr, err_t err, bool is_present)
{
	if (err == -EIO)
		upcall_fault_signal(tf, SIGBUS, BUS_ADRERR, addr);
	else if (err == -ENOMEM)
		upcall_fault_signal(tf, SIGKILL, SI_KERNEL, addr);
	else
		upcall_fault_signal(tf, SIGSEGV,
				    err == -EACCES || is_present ? SEGV_ACCERR : SEGV_MAPERR, addr);
}

/** Kernel code touches user memory only in uaccess functions, with interrupts on. */
static void kernel_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access,
			 bool is_present)
{
	bool is_uaccess = addr < HAL_USER_TOP && hal_uaccess_has_fixup(tf);
	if (!is_uaccess)
		die_of_fault(tf, addr, access, is_present);
	if (hal_percpu()->irq_depth == 0) {
		hal_irq_enable();
		err_t err = upcall_mm_fault(tf, addr, access);
		hal_irq_disable();
		if (!err)
			return;
	}
	hal_uaccess_fixup(tf);
}

void upcall_page_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access,
		       bool is_present)
{
	if (!hal_tf_is_user(tf)) {
		kernel_fault(tf, addr, access, is_present);
		return;
	}
	hal_irq_enable();
	err_t err = addr < HAL_USER_TOP ? upcall_mm_fault(tf, addr, access) : -EFAULT;
	if (err)
		signal_of_fault(tf, addr, err, is_present);
	hal_irq_disable();
	exit_user_work(tf);
}

void upcall_user_exception(struct trapframe *tf, int signo, int code, vaddr_t addr)
{
	hal_irq_enable();
	upcall_fault_signal(tf, signo, code, addr);
	hal_irq_disable();
	exit_user_work(tf);
}

void upcall_kernel_exception(struct trapframe *tf, const char *what)
{
	panic_frame(tf, "%s", what);
}
