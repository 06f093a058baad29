// SPDX-License-Identifier: MIT
// Choice and calibration of the clock. The TSC is the clock where it runs at one rate on all CPUs:
// it is invariant, or a hypervisor that keeps it so (KVM, QEMU's TCG) says its name; and no CPU, when
// it starts, reads less than another has read before. Else the HPET or the PM timer, extended to 64
// bits; where there is neither, the TSC all the same.
//
// TSC and local APIC timer are calibrated together, within 5 ms, by whichever of HPET, PM timer and
// PIT there is, else by what CPUID says. A reading of the reference lies between two of the TSC; of a few, the tightest pair
// is used, and what remains is told as the error.
#include <arch/x86.h>
#include <drivers/pc_timer.h>
#include <hal/atomic.h>
#include <hal/clock.h>
#include <hal/cpu.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <lib/format.h>
#include <lib/string.h>

#define CALIBRATION_USEC 3500
#define SAMPLE_TRIES 10
#define WARP_ROUNDS 64

bool x86_clock_is_tsc = true; // until hal_clock_init() knows: it may be read, but counts for nothing

static const struct pc_counter *reference; // what was calibrated by
static const struct pc_counter *chipset; // clock in place of the TSC, or NULL
static uint64_t clock_hz;
static char clock_name[64];
static _Atomic uint64_t tsc_latest; // seen by any CPU that starts

// The chipset clock: its 64-bit count at the last reading, and how it becomes clock ticks. The scale
// is not 1 only when a CPU's start has shown that the TSC, already in use, cannot be trusted.
static _Atomic uint64_t chipset_count;
static uint64_t chipset_base, ticks_base;
static uint64_t ticks_per_count_32 = 1ull << 32;

struct sample {
	uint64_t tsc, count;
	uint64_t width; // TSC ticks of uncertainty
	uint32_t lapic;
};

static uint64_t tsc_ordered(void)
{
	__asm__ volatile("lfence" : : : "memory");
	return x86_rdtsc();
}

static struct sample take_sample(void)
{
	struct sample best = {.width = UINT64_MAX};

	for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = tsc_ordered();
		uint64_t count = reference->read();
		uint64_t after = tsc_ordered();
		if (after - before < best.width) {
			best.width = after - before;
			best.tsc = before + best.width / 2;
			best.count = count;
			best.lapic = lapic_timer_elapsed();
		}
	}
	return best;
}

struct rates {
	uint64_t tsc_hz, lapic_hz;
	unsigned error_ppm;
};

static struct rates calibrate(void)
{
	uint64_t wait = reference->hz / 1000 * CALIBRATION_USEC / 1000;

	lapic_timer_begin();
	struct sample start = take_sample(), end;
	while (((reference->read() - start.count) & reference->mask) < wait)
		hal_cpu_relax();
	end = take_sample();
	uint64_t counts = (end.count - start.count) & reference->mask;
	uint64_t ticks = end.tsc - start.tsc;
	uint64_t doubt = start.width / 2 + end.width / 2;
	return (struct rates){
		.tsc_hz = ticks * reference->hz / counts,
		.lapic_hz = (uint64_t)(end.lapic - start.lapic) * reference->hz / counts,
		.error_ppm = (unsigned)(doubt * 1000000 / ticks + 1000000 / counts),
	};
}

static bool is_tsc_trusted(void)
{
	const struct x86_features *f = &x86_features;
	return f->invariant_tsc || str_has_prefix(f->hypervisor, "KVM") ||
	       str_has_prefix(f->hypervisor, "TCG");
}

/** The chipset counter, extended to 64 bits: every CPU comes by at least once while it wraps. */
static uint64_t chipset_read(void)
{
	uint64_t last = load_acquire(&chipset_count);
	uint64_t now;

	do {
		now = last + ((chipset->read() - last) & chipset->mask);
		// Read before another CPU's newer one: an apparent wrap. Theirs is good enough.
		if (now - last > chipset->mask / 2)
			return last;
	} while (!cas_acq_rel(&chipset_count, &last, now));
	return now;
}

uint64_t x86_clock_read_chipset(void)
{
	uint64_t counts = chipset_read() - chipset_base;
	return ticks_base + (uint64_t)((unsigned __int128)counts * ticks_per_count_32 >> 32);
}

/** Go on with the chipset's counter at the same rate and from the same time. */
static void leave_tsc(uint64_t now)
{
	store_relaxed(&chipset_count, chipset->read());
	chipset_base = load_relaxed(&chipset_count);
	ticks_base = now;
	ticks_per_count_32 = (clock_hz << 32) / chipset->hz;
	fence_seq_cst();
	x86_clock_is_tsc = false;
}

/** Compare this CPU's TSC with what CPUs that started before have seen. */
static void check_warp(void)
{
	for (unsigned i = 0; i < WARP_ROUNDS; i++) {
		uint64_t latest = load_acquire(&tsc_latest);
		uint64_t now = tsc_ordered();
		if (now < latest) {
			if (chipset)
				leave_tsc(latest);
			log_warn("clock: the TSC of CPU %u is %llu ticks behind%s%s", this_cpu(),
				 (unsigned long long)(latest - now),
				 chipset ? ": going on with the " : "",
				 chipset ? chipset->name : "");
			return;
		}
		cas_acq_rel(&tsc_latest, &latest, now);
	}
}

void hal_clock_init(void)
{
	const struct pc_counter *hpet = hpet_init();
	const struct pc_counter *pmtimer = pmtimer_init();

	chipset = hpet ? hpet : pmtimer;
	reference = chipset ? chipset : pit_init();
	if (!reference)
		reference = tsc_cpuid_init();
	if (!reference)
		panic("no timer to calibrate by: looked for ACPI's HPET table, the FADT's PM timer, "
		      "the PIT at port 0x40 and CPUID leaf 15H");
	struct rates rates = calibrate();
	if (rates.tsc_hz == 0 || rates.lapic_hz == 0)
		panic("the %s stands still beside the %s", rates.tsc_hz ? "local APIC timer" : "TSC",
		      reference->name);

	x86_clock_is_tsc = is_tsc_trusted() || !chipset;
	clock_hz = x86_clock_is_tsc ? rates.tsc_hz : chipset->hz;
	bool deadline = x86_clock_is_tsc && x86_features.tsc_deadline;
	if (x86_clock_is_tsc)
		fmt_snprintf(clock_name, sizeof(clock_name), "tsc%s, by %s within %u ppm",
			     deadline ? " with deadline timer" : "", reference->name, rates.error_ppm);
	else
		fmt_snprintf(clock_name, sizeof(clock_name), "%s", chipset->name);
	// A counter that wraps must be read meanwhile, also if the TSC is given up later.
	bool wraps = chipset && chipset->mask != UINT64_MAX && !x86_features.invariant_tsc;
	uint64_t keep_alive = wraps ? clock_hz / chipset->hz * (chipset->mask / 4) : 0;
	lapic_timer_set_rate(rates.lapic_hz, clock_hz, deadline, keep_alive);
}

uint64_t hal_clock_hz(void)
{
	return clock_hz;
}

const char *hal_clock_name(void)
{
	return clock_name;
}

void hal_timer_init_cpu(void)
{
	if (x86_clock_is_tsc)
		check_warp();
	lapic_timer_init_cpu();
}
