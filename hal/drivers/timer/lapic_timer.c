// SPDX-License-Identifier: MIT
// The one-shot timer of each CPU's local APIC (Intel SDM 3A, 11.5.4): it counts down from what is
// written, or, in deadline mode, compares with the TSC. The deadline in clock ticks is kept per CPU,
// because a long one takes several counts.
#include <arch/x86.h>
#include <drivers/lapic.h>
#include <drivers/pc_timer.h>
#include <hal/clock.h>

#define DIVIDE_BY_1 0xb
#define LVT_MODE_DEADLINE (2u << 17)
#define COUNT_MAX 0xf0000000u

static bool use_deadline;
static uint64_t counts_per_tick_32; // times 2^32
static uint64_t ticks_max; // longest that one count lasts
static bool must_keep_alive;

void lapic_timer_begin(void)
{
	lapic_write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | X86_VECTOR_TIMER);
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_TIMER_INITIAL, UINT32_MAX);
}

uint32_t lapic_timer_elapsed(void)
{
	return UINT32_MAX - lapic_read(LAPIC_TIMER_CURRENT);
}

void lapic_timer_set_rate(uint64_t timer_hz, uint64_t clock_hz, bool deadline,
			  uint64_t keep_alive_ticks)
{
	lapic_write(LAPIC_TIMER_INITIAL, 0);
	use_deadline = deadline;
	must_keep_alive = keep_alive_ticks != 0;
	counts_per_tick_32 = max((timer_hz << 32) / clock_hz, (uint64_t)1);
	ticks_max = ((uint64_t)COUNT_MAX << 32) / counts_per_tick_32;
	if (must_keep_alive)
		ticks_max = min(ticks_max, keep_alive_ticks);
}

void lapic_timer_init_cpu(void)
{
	hal_percpu()->arch[X86_PERCPU_DEADLINE] = UINT64_MAX;
	lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_write(LAPIC_LVT_TIMER, (use_deadline ? LVT_MODE_DEADLINE : 0) | X86_VECTOR_TIMER);
	if (use_deadline) // the mode before the first deadline (SDM 3A, 11.5.4.1)
		__asm__ volatile("mfence" : : : "memory");
	x86_timer_set(UINT64_MAX);
}

void x86_timer_set(uint64_t ticks)
{
	hal_percpu()->arch[X86_PERCPU_DEADLINE] = ticks;
	if (use_deadline) {
		x86_wrmsr(X86_MSR_TSC_DEADLINE, ticks == UINT64_MAX ? 0 : max(ticks, (uint64_t)1));
		return;
	}
	if (ticks == UINT64_MAX && !must_keep_alive) {
		lapic_write(LAPIC_TIMER_INITIAL, 0);
		return;
	}
	uint64_t now = hal_clock_read();
	uint64_t delta = ticks > now ? min(ticks - now, ticks_max) : 0;
	// One more: it must not fire before the clock has got there.
	lapic_write(LAPIC_TIMER_INITIAL, (uint32_t)(delta * counts_per_tick_32 >> 32) + 1);
}

bool x86_timer_is_due(void)
{
	uint64_t deadline = hal_percpu()->arch[X86_PERCPU_DEADLINE];

	if (deadline != UINT64_MAX && hal_clock_read() >= deadline)
		return true;
	// Early: the count was cut short, or another deadline replaced the one that fired.
	if (!use_deadline)
		x86_timer_set(deadline);
	return false;
}
