// SPDX-License-Identifier: MIT
// Starting CPUs and asking them to do something.
//
// Start: the boot CPU starts them all, then waits for each at most a second from its own start. A
// CPU claims its arrival by a compare-and-exchange on its state word, and so does the boot CPU when
// it gives up: exactly one of them wins, so a CPU that comes too late knows it and parks.
//
// Calls: one slot per target CPU, taken by a lock that is held until the call has returned. The
// caller keeps its interrupts on while it waits, so two CPUs that call each other both progress.
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

#define START_TIMEOUT NSEC_PER_SEC

enum { CPU_ABSENT, CPU_STARTED, CPU_ARRIVED, CPU_GIVEN_UP };

struct call {
	void (*fn)(void *arg);
	void *arg;
	_Atomic uint32_t is_pending; // set by the caller, cleared when fn has returned
};

struct smp_cpu {
	_Atomic uint32_t is_parked; // set by itself, cleared by who calls it back
	struct spinlock lock; // of the call slot
	struct call call;
};

struct cpuset cpus_online;
static _Atomic uint32_t start_state[CPUS_MAX];
static cpuid_t late_cpu; // tests: it arrives only after it was given up; 0 = none
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

static void mark_offline(cpuid_t cpu)
{
	__atomic_fetch_and(&cpus_online.bits[cpu / BITS_PER_LONG], ~(1ul << (cpu % BITS_PER_LONG)),
			   __ATOMIC_ACQ_REL);
}

void smp_park(void)
{
	struct smp_cpu *self = this_cpu_ptr(smp_cpu);
	store_release(&self->is_parked, 1);
	mark_offline(this_cpu());
	while (load_acquire(&self->is_parked)) {
		hal_cpu_wait();
		hal_irq_enable(); // takes the interrupt that ended the wait
		hal_irq_disable();
	}
	// Flushes of kernel addresses went past this CPU.
	hal_tlb_flush_all();
	smp_mark_online(this_cpu());
}

void smp_unpark(cpuid_t cpu)
{
	store_release(&cpu_ptr(smp_cpu, cpu)->is_parked, 0);
	hal_ipi_send(cpu);
}

void smp_init(void)
{
	store_relaxed(&start_state[0], CPU_ARRIVED);
	smp_mark_online(0);
}

bool smp_secondary_arrived(cpuid_t cpu)
{
	uint32_t expected = CPU_STARTED;
	while (CONFIG_TESTS && cpu == late_cpu && load_relaxed(&start_state[cpu]) == CPU_STARTED)
		hal_cpu_relax();
	return cas_acq_rel(&start_state[cpu], &expected, CPU_ARRIVED);
}

static bool start_cpu(cpuid_t cpu)
{
	void *area = upcall_alloc_percpu(cpu, hal_percpu_size());
	vaddr_t stack = area ? upcall_alloc_boot_stack(cpu) : 0;
	if (!stack) {
		log_warn("smp: no memory for CPU %u, left off", cpu);
		return false;
	}
	hal_percpu_setup(cpu, area);
	store_release(&start_state[cpu], CPU_STARTED);
	err_t err = hal_smp_start_cpu(cpu, stack);
	if (!err)
		return true;
	store_relaxed(&start_state[cpu], CPU_GIVEN_UP);
	log_warn("smp: CPU %u (hardware id 0x%llx) refused to start: error %d", cpu,
		 (unsigned long long)bootinfo.cpus[cpu].hwid, -err);
	return false;
}

static void wait_for_cpu(cpuid_t cpu, nsec_t deadline)
{
	while (!cpu_is_online(cpu)) {
		uint32_t expected = CPU_STARTED;
		if (time_now() >= deadline &&
		    cas_acq_rel(&start_state[cpu], &expected, CPU_GIVEN_UP)) {
			log_warn("smp: CPU %u (hardware id 0x%llx) did not arrive within 1 s, left off",
				 cpu, (unsigned long long)bootinfo.cpus[cpu].hwid);
			return;
		}
		hal_cpu_relax();
	}
}

static unsigned wanted_count(void)
{
	unsigned possible = bootinfo.cpu_count;
	uint64_t wanted = param_get_u64("maxcpus", possible);
	if (wanted == 0 || wanted > possible) {
		log_warn("command line: maxcpus=%llu, but there are 1 to %u: using %u",
			 (unsigned long long)wanted, possible, wanted ? possible : 1);
		wanted = wanted ? possible : 1;
	}
	return (unsigned)wanted;
}

void smp_start_all(void)
{
	unsigned count = wanted_count();
	if (CONFIG_TESTS)
		late_cpu = (cpuid_t)param_get_u64("smp.late", 0);
	struct cpuset started = {{0}};
	for (cpuid_t cpu = 1; cpu < count; cpu++) {
		if (start_cpu(cpu))
			bitmap_set(started.bits, cpu);
	}
	nsec_t deadline = time_now() + START_TIMEOUT;
	cpuid_t cpu;
	bitmap_for_each_set(cpu, started.bits, CPUS_MAX)
		wait_for_cpu(cpu, deadline);
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

/** Take @cpu's slot and send; the slot stays locked until finish_call(). */
static void begin_call(cpuid_t cpu, void (*fn)(void *), void *arg)
{
	struct smp_cpu *target = cpu_ptr(smp_cpu, cpu);
	while (!spin_trylock(&target->lock))
		hal_cpu_relax();
	target->call.fn = fn;
	target->call.arg = arg;
	store_release(&target->call.is_pending, 1);
	hal_ipi_send(cpu);
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

void smp_call(cpuid_t cpu, void (*fn)(void *arg), void *arg)
{
	assert(hal_irq_is_enabled());
	if (cpu == this_cpu()) {
		call_here(fn, arg);
	} else {
		begin_call(cpu, fn, arg);
		finish_call(cpu);
	}
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
	bitmap_for_each_set(cpu, targets.bits, CPUS_MAX)
		begin_call(cpu, fn, arg);
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

void upcall_secondary(cpuid_t cpu)
{
	if (!smp_secondary_arrived(cpu))
		hal_cpu_halt();
	hal_mmu_enable_kernel_root();
	hal_cpu_init();
	if (hal_irqchip->init_cpu)
		hal_irqchip->init_cpu();
	time_init_cpu();
	quiesce_init_cpu();
	smp_mark_online(cpu);
	upcall_sched_start_cpu();
}
