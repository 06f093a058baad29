// SPDX-License-Identifier: MIT
// Other harts, by the firmware: SBI HSM starts and stops them, SBI IPI interrupts them.
#include "internal.h"

#include <arch/sbi.h>
#include <hal/atomic.h>
#include <hal/bootinfo.h>
#include <hal/cpu.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/smp.h>
#include <lib/string.h>
#include <uapi/errno.h>

static DEFINE_PERCPU(_Atomic uint32_t, is_stop_asked); // the next IPI ends it

#define HSM_STOPPED 1
#define IPI_SEND 0

bool riscv_has_started_others;

/** Physical address of a per-CPU area, which is in the direct map. */
static paddr_t area_paddr(const struct hal_percpu *area)
{
	return (uintptr_t)area >= HAL_KERNEL_BASE ? hal_image_paddr(area) : hal_direct_paddr(area);
}

/** Tests: CPU N of "smp.refused=N" is told a mode that no hart has, when it starts for the first time. */
static bool is_to_refuse(cpuid_t cpu)
{
	static bool is_done;
	const char *at = bootinfo.cmdline, *end;
	const char *word = bootinfo_next_word("smp.refused=", &at);
	uint64_t number;
	if (is_done || !word || !parse_u64(word, 10, &number, &end) || number != cpu)
		return false;
	is_done = true;
	return true;
}

err_t hal_smp_start_cpu(cpuid_t cpu, vaddr_t stack_top)
{
	struct hal_percpu *area = hal_percpu_of(cpu);
	if (!area)
		return -EINVAL;
	riscv_has_started_others = true;
	area->entry_sp = stack_top;
	area->scratch[0] = (uintptr_t)area; // nobody's until it traps
	area->arch[RISCV_PERCPU_SATP] = riscv_kernel_satp;
	if (CONFIG_TESTS && is_to_refuse(cpu))
		area->arch[RISCV_PERCPU_SATP] = riscv_kernel_satp | 7ull << SATP_MODE_SHIFT;
	asm volatile("fence rw, rw" ::: "memory");
	struct sbi_result r = sbi_call(SBI_EXT_HSM, SBI_HSM_START, bootinfo.cpus[cpu].hwid,
				       hal_image_paddr(riscv_secondary_start), area_paddr(area));
	return r.error == 0 ? 0 : -EIO;
}

const char *hal_smp_refusal(cpuid_t cpu)
{
	const volatile uintptr_t *satp = &hal_percpu_of(cpu)->arch[RISCV_PERCPU_SATP];
	return *satp ? NULL : "has no page tables as deep as those in use";
}

err_t hal_smp_can_stop(cpuid_t cpu)
{
	(void)cpu;
	return sbi_has(SBI_EXT_HSM) ? 0 : -ENOTSUP;
}

noreturn_fn void hal_smp_stop_self(void)
{
	csr_write(sie, 0);
	sbi_call(SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0);
	hal_cpu_halt(); // firmware refused: off, but for good
}

bool hal_smp_is_stopped(cpuid_t cpu)
{
	struct sbi_result r =
		sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, bootinfo.cpus[cpu].hwid, 0, 0);
	return r.error == 0 && r.value == HSM_STOPPED;
}

void hal_ipi_send(cpuid_t cpu)
{
	asm volatile("fence w, ow" ::: "memory");
	sbi_call(SBI_EXT_IPI, IPI_SEND, 1, bootinfo.cpus[cpu].hwid, 0);
}

bool riscv_is_stop_asked(void)
{
	return load_relaxed(this_cpu_ptr(is_stop_asked));
}

bool hal_ipi_send_stop(cpuid_t cpu)
{
	store_relaxed(cpu_ptr(is_stop_asked, cpu), 1);
	hal_ipi_send(cpu); // a hart that has its interrupts off does not hear this
	return false;
}
