// SPDX-License-Identifier: MIT
// Which CPUs are online, and asking them to do something.
//
// One call slot per target CPU, taken by a lock that is held until the call has returned. The
// caller keeps its interrupts on while it waits, so two CPUs that call each other both progress. A CPU
// leaves cpus_online under its own slot's lock: who takes the slot later does not wait for it.
#include <hal/cpu.h>
#include <hal/mmu.h>
#include <hal/smp.h>
#include <hal/irqchip.h>
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/param.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <kernel/upcall.h>

struct call {
	void (*fn)(void *arg);
	void *arg;
	_Atomic uint32_t is_pending; // set by the caller, cleared when fn has returned
};

struct smp_cpu {
	struct spinlock lock; // of the call slot
	struct call call;
};

struct cpuset cpus_online;
static DEFINE_PERCPU(struct smp_cpu, smp_cpu);

unsigned cpus_online_count(void)
{
	return bitmap_weight(cpus_online.bits, CPUS_MAX);
}

unsigned cpus_possible_count(void)
{
	return bootinfo.cpu_count;
}

/** Bits of cpus_online are set one by one by their own CPUs, so with an atomic or. */
void smp_mark_online(cpuid_t cpu)
{
	__atomic_fetch_or(&cpus_online.bits[cpu / BITS_PER_LONG], 1ul << (cpu % BITS_PER_LONG),
			  __ATOMIC_ACQ_REL);
}

static void run_pending_call(void)
{
	struct call *call = &this_cpu_ptr(smp_cpu)->call;
	if (!load_acquire(&call->is_pending))
		return;
	call->fn(call->arg);
	store_release(&call->is_pending, 0);
}

void smp_handle_ipi(void)
{
	run_pending_call();
}

void smp_leave_online(void)
{
	cpuid_t cpu = this_cpu();
	struct smp_cpu *self = this_cpu_ptr(smp_cpu);
	while (!spin_trylock(&self->lock)) {
		run_pending_call();
		hal_cpu_relax();
	}
	__atomic_fetch_and(&cpus_online.bits[cpu / BITS_PER_LONG], ~(1ul << (cpu % BITS_PER_LONG)),
			   __ATOMIC_ACQ_REL);
	spin_unlock(&self->lock);
}

/** Take @cpu's slot and send; the slot stays locked until finish_call(). False: it is not online. */
static bool begin_call(cpuid_t cpu, void (*fn)(void *), void *arg)
{
	if (!cpu_is_online(cpu))
		return false;
	struct smp_cpu *target = cpu_ptr(smp_cpu, cpu);
	while (!spin_trylock(&target->lock))
		hal_cpu_relax();
	if (unlikely(!cpu_is_online(cpu))) { // it left meanwhile
		spin_unlock(&target->lock);
		return false;
	}
	target->call.fn = fn;
	target->call.arg = arg;
	store_release(&target->call.is_pending, 1);
	hal_ipi_send(cpu);
	return true;
}

static void finish_call(cpuid_t cpu)
{
	struct smp_cpu *target = cpu_ptr(smp_cpu, cpu);
	while (load_acquire(&target->call.is_pending))
		hal_cpu_relax();
	spin_unlock(&target->lock);
}

static void call_here(void (*fn)(void *), void *arg)
{
	irqflags_t flags = hal_irq_save();
	fn(arg);
	hal_irq_restore(flags);
}

bool smp_call(cpuid_t cpu, void (*fn)(void *arg), void *arg)
{
	assert(hal_irq_is_enabled());
	if (cpu == this_cpu()) {
		call_here(fn, arg);
		return true;
	}
	if (!begin_call(cpu, fn, arg))
		return false;
	finish_call(cpu);
	return true;
}

void smp_call_many(const struct cpuset *cpus, void (*fn)(void *arg), void *arg)
{
	assert(hal_irq_is_enabled());
	// Slots are taken in ascending order, so two callers cannot wait for each other.
	cpuid_t self = this_cpu(), cpu;
	struct cpuset targets;
	bitmap_and(targets.bits, cpus->bits, cpus_online.bits, CPUS_MAX);
	bool here = bitmap_test(targets.bits, self);
	bitmap_clear(targets.bits, self);
	bitmap_for_each_set(cpu, targets.bits, CPUS_MAX) {
		if (!begin_call(cpu, fn, arg))
			bitmap_clear(targets.bits, cpu);
	}
	if (here)
		call_here(fn, arg);
	bitmap_for_each_set(cpu, targets.bits, CPUS_MAX)
		finish_call(cpu);
}

void smp_kick(cpuid_t cpu)
{
	store_release(&hal_percpu_of(cpu)->resched, 1);
	if (cpu != this_cpu())
		hal_ipi_send(cpu);
}
