// SPDX-License-Identifier: MIT
// Starting other CPUs, by PSCI or by the device tree's spin tables. A started CPU finds its slot by
// its MPIDR (head.S). A spin table lets a CPU go once and has no way back: such a CPU goes off into a
// pen, where it sleeps on its own stack until its flag is cleared and it is interrupted.
#include <arch/boot.h>
#include <arch/smp_slot.h>
#include <arch/sysreg.h>
#include <hal/atomic.h>
#include <hal/barrier.h>
#include <hal/bootinfo.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/smp.h>
#include <hal/upcall.h>
#include <uapi/errno.h>

struct arch_smp_slot arch_smp_slots[CPUS_MAX];
uint64_t arch_smp_slot_count;

noreturn_fn void arch_secondary(cpuid_t cpu);

static err_t release_from_spin_table(cpuid_t cpu, paddr_t entry)
{
	err_t err = hal_spin_table_release(bootinfo.cpus[cpu].release_addr, entry);
	__asm__ volatile("sev" : : : "memory");
	return err;
}

err_t hal_smp_start_cpu(cpuid_t cpu, vaddr_t stack_top)
{
	struct arch_smp_slot *slot = &arch_smp_slots[cpu];
	slot->hwid = bootinfo.cpus[cpu].hwid;
	slot->percpu = hal_percpu_of(cpu);
	if (!slot->percpu)
		return -EINVAL;
	__atomic_store_n(&slot->stack_top, stack_top, __ATOMIC_RELEASE);
	if (arch_smp_slot_count <= cpu) {
		for (cpuid_t i = (cpuid_t)arch_smp_slot_count; i < cpu; i++)
			arch_smp_slots[i].hwid = bootinfo.cpus[i].hwid;
		__atomic_store_n(&arch_smp_slot_count, cpu + 1, __ATOMIC_RELEASE);
	}
	if (load_acquire(&slot->is_penned)) {
		store_release(&slot->is_penned, 0);
		hal_ipi_send(cpu);
		return 0;
	}
	// The new CPU reads the slot through its caches, but only after firmware let it go.
	hal_mb_device();
	paddr_t entry = hal_image_paddr(arch_secondary_entry);
	if (bootinfo.cpus[cpu].release_addr)
		return release_from_spin_table(cpu, entry);
	return arch_psci_cpu_on(slot->hwid, entry, cpu);
}

noreturn_fn void arch_secondary(cpuid_t cpu)
{
	arch_cpu_init_early();
	// The identity map is not needed any more. Only this CPU has used it.
	hal_mmu_deactivate();
	__asm__ volatile("tlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory");
	upcall_secondary(cpu);
}

static bool is_from_spin_table(cpuid_t cpu)
{
	return bootinfo.cpus[cpu].release_addr != 0;
}

err_t hal_smp_can_stop(cpuid_t cpu)
{
	return is_from_spin_table(cpu) || arch_psci_can_stop() ? 0 : -ENOTSUP;
}

/** Sleep until hal_smp_start_cpu() clears the flag. What is still sent here is taken and does nothing. */
static noreturn_fn void wait_in_pen(cpuid_t cpu)
{
	struct arch_smp_slot *slot = &arch_smp_slots[cpu];
	store_release(&slot->is_penned, 1);
	while (load_acquire(&slot->is_penned)) {
		hal_cpu_wait();
		hal_irq_enable();
		hal_irq_disable();
	}
	__asm__ volatile("mov sp, %0\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, %1\n\tb arch_secondary"
			 :
			 : "r"(slot->stack_top), "r"((uint64_t)cpu)
			 : "x0", "memory");
	__builtin_unreachable();
}

noreturn_fn void hal_smp_stop_self(void)
{
	if (is_from_spin_table(this_cpu()))
		wait_in_pen(this_cpu());
	arch_psci_cpu_off();
	hal_cpu_halt(); // firmware refused: off, but for good
}

const char *hal_smp_refusal(cpuid_t cpu)
{
	(void)cpu; // never seen
	return NULL;
}

bool hal_smp_is_stopped(cpuid_t cpu)
{
	if (is_from_spin_table(cpu))
		return load_acquire(&arch_smp_slots[cpu].is_penned) != 0;
	return arch_psci_is_off(bootinfo.cpus[cpu].hwid);
}
