// SPDX-License-Identifier: MIT
// Starting other CPUs (Intel SDM 3A, 8.4.4) and interrupting them. A CPU finds its own number and
// stack by its APIC id, so several may start at a time.
#include <hal/smp.h>

#include <arch/x86.h>
#include <hal/atomic.h>
#include <hal/bootinfo.h>
#include <hal/clock.h>
#include <hal/cpu.h>
#include <hal/mmu.h>
#include <lib/string.h>
#include <uapi/errno.h>

#define LOW_MEMORY_END 0xa0000u
#define USEC_INIT_TO_STARTUP 10
#define USEC_STARTUP_AGAIN 10000 // at least 200; an emulator may need more

extern const char x86_trampoline[], x86_trampoline_end[];

vaddr_t x86_ap_stacks[CPUS_MAX]; // read by boot.S
static paddr_t trampoline_page;
static _Atomic uint32_t stop_requested[CPUS_MAX];
static _Atomic uint32_t is_halted[CPUS_MAX]; // by hal_smp_stop_self(): INIT brings it back
static _Atomic uint32_t has_started[CPUS_MAX]; // since the last INIT

static bool overlaps_reserved(paddr_t page)
{
	for (unsigned i = 0; i < bootinfo.reserved_count; i++) {
		const struct boot_range *r = &bootinfo.reserved[i];
		if (page < r->base + r->size && r->base < page + HAL_PAGE_SIZE)
			return true;
	}
	return false;
}

paddr_t x86_smp_find_low_page(void)
{
	// Page 0 holds the BIOS's vectors. From the top: loaders put their things at the bottom.
	for (paddr_t page = LOW_MEMORY_END - HAL_PAGE_SIZE; page > 0; page -= HAL_PAGE_SIZE) {
		if (bootinfo_is_ram(page, HAL_PAGE_SIZE) && !overlaps_reserved(page))
			return page;
	}
	return 0;
}

void x86_smp_reserve_trampoline(void)
{
	trampoline_page = x86_smp_find_low_page();
	if (trampoline_page == 0) {
		bootinfo_warn("no free page below 640 KiB: other CPUs cannot start");
		return;
	}
	bootinfo_reserve(trampoline_page, HAL_PAGE_SIZE);
	memcpy(hal_direct(trampoline_page), x86_trampoline, (size_t)(x86_trampoline_end - x86_trampoline));
}

static void delay_usec(uint64_t usec)
{
	uint64_t end = hal_clock_read() + hal_clock_hz() / 1000000 * usec;
	while (hal_clock_read() < end)
		hal_cpu_relax();
}

void x86_smp_note_start(cpuid_t cpu)
{
	store_release(&has_started[cpu], 1);
}

static bool starts_within(cpuid_t cpu, uint64_t usec)
{
	uint64_t end = hal_clock_read() + hal_clock_hz() / 1000000 * usec;
	while (!load_acquire(&has_started[cpu]) && hal_clock_read() < end)
		hal_cpu_relax();
	return load_acquire(&has_started[cpu]);
}

err_t hal_smp_start_cpu(cpuid_t cpu, vaddr_t stack_top)
{
	uint32_t apic_id = (uint32_t)bootinfo.cpus[cpu].hwid;

	if (trampoline_page == 0)
		return -ENOMEM;
	if (!x86_lapic_can_reach(apic_id))
		return -ENXIO; // cut to 8 bits, it would be another CPU's
	x86_ap_stacks[cpu] = stack_top;
	store_relaxed(&is_halted[cpu], 0);
	store_relaxed(&has_started[cpu], 0);
	fence_seq_cst();
	x86_lapic_send(apic_id, X86_LAPIC_INIT);
	delay_usec(USEC_INIT_TO_STARTUP);
	uint32_t startup = X86_LAPIC_STARTUP | (uint32_t)(trampoline_page >> HAL_PAGE_SHIFT);
	x86_lapic_send(apic_id, startup);
	// The second one is for CPUs that lost the first, and only for them: one that runs should ignore it,
	// but in QEMU it may stop at its first interrupt, for ever.
	if (!starts_within(cpu, USEC_STARTUP_AGAIN))
		x86_lapic_send(apic_id, startup);
	return 0;
}

// Firmware, and who knows what else, takes the first CPU for granted; and INIT would send it to the
// reset vector.
err_t hal_smp_can_stop(cpuid_t cpu)
{
	return cpu == 0 ? -EBUSY : 0;
}

noreturn_fn void hal_smp_stop_self(void)
{
	store_release(&is_halted[this_cpu()], 1);
	hal_cpu_halt();
}

bool hal_smp_is_stopped(cpuid_t cpu)
{
	return load_acquire(&is_halted[cpu]) != 0;
}

const char *hal_smp_refusal(cpuid_t cpu)
{
	(void)cpu; // never seen
	return NULL;
}

void hal_ipi_send(cpuid_t cpu)
{
	// x2APIC's WRMSR does not wait for earlier stores (Intel SDM 3A, 10.12.3).
	fence_seq_cst();
	x86_lapic_send((uint32_t)bootinfo.cpus[cpu].hwid, X86_LAPIC_FIXED | X86_VECTOR_IPI);
}

bool hal_ipi_send_stop(cpuid_t cpu)
{
	store_relaxed(&stop_requested[cpu], 1);
	fence_seq_cst();
	x86_lapic_send((uint32_t)bootinfo.cpus[cpu].hwid, X86_LAPIC_NMI);
	return true;
}

bool x86_smp_is_stop_requested(cpuid_t cpu)
{
	return load_relaxed(&stop_requested[cpu]) != 0;
}
