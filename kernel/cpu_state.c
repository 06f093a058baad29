// SPDX-License-Identifier: MIT
// CPUs come and go.
//
// Start: the boot CPU starts them all, then waits for each at most a second from its own start. (An
// emulator's host may stop its CPUs for as long: the second is over when who waits has also looked
// LOOKS_MIN times.) A CPU claims its arrival by a compare-and-exchange on its state word, and so does
// whoever gives it up: exactly one of them wins, so a CPU that comes too late knows it and parks.
//
// Leaving: the scheduler has emptied the CPU's run queue and let go of its address space, and its idle
// thread, which counts as idle for grace periods, takes the CPU off. What others may still send it ends
// in this order:
//
//   the leaving CPU, interrupts off           others
//   takes its own call slot, answering calls  smp_call(): takes the slot, then looks at cpus_online
//   leaves cpus_online, gives the slot back     -> in time: is answered; later: skips this CPU
//   stops its timer and interrupt controller
//   state OFF, power off                      smp_stop_wait(): OFF, and the port says it is gone
//
// Its per-CPU area stays, counters included, so a CPU that comes back goes on with it; its TLB it
// flushes on arrival, so shootdowns that skipped it are not missed.
#include <hal/clock.h>
#include <hal/cpu.h>
#include <hal/irqchip.h>
#include <hal/mmu.h>
#include <hal/smp.h>
#include <kernel/assert.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/param.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <uapi/errno.h>

#define START_TIMEOUT NSEC_PER_SEC
#define POLL_INTERVAL (NSEC_PER_MSEC / 4)
#define LOOKS_MIN (START_TIMEOUT / POLL_INTERVAL / 4)

enum { CPU_ABSENT, CPU_STARTED, CPU_ARRIVED, CPU_GIVEN_UP, CPU_OFF };

static _Atomic uint32_t cpu_state[CPUS_MAX];
static vaddr_t start_stacks[CPUS_MAX]; // a CPU idles on it, and starts on it anew
static cpuid_t late_cpu; // tests: it arrives only after it was given up; 0 = none

void smp_init(void)
{
	store_relaxed(&cpu_state[0], CPU_ARRIVED);
	smp_mark_online(0);
}

bool smp_secondary_arrived(cpuid_t cpu)
{
	uint32_t expected = CPU_STARTED;
	while (CONFIG_TESTS && late_cpu && cpu == late_cpu &&
	       load_relaxed(&cpu_state[cpu]) == CPU_STARTED)
		hal_cpu_relax();
	return cas_acq_rel(&cpu_state[cpu], &expected, CPU_ARRIVED);
}

static err_t prepare_cpu(cpuid_t cpu)
{
	if (!hal_percpu_of(cpu)) {
		void *area = upcall_alloc_percpu(cpu, hal_percpu_size());
		if (!area)
			return -ENOMEM;
		hal_percpu_setup(cpu, area);
	}
	if (!start_stacks[cpu])
		start_stacks[cpu] = upcall_alloc_boot_stack(cpu);
	return start_stacks[cpu] ? 0 : -ENOMEM;
}

static err_t start_cpu(cpuid_t cpu)
{
	err_t err = prepare_cpu(cpu);
	if (err) {
		log_warn("smp: no memory for CPU %u, left off", cpu);
		return err;
	}
	store_release(&cpu_state[cpu], CPU_STARTED);
	err = hal_smp_start_cpu(cpu, start_stacks[cpu]);
	if (!err)
		return 0;
	store_relaxed(&cpu_state[cpu], CPU_GIVEN_UP);
	log_warn("smp: CPU %u (hardware id 0x%llx) refused to start: error %d", cpu,
		 (unsigned long long)bootinfo.cpus[cpu].hwid, -err);
	return err;
}

struct patience {
	nsec_t deadline, next_look;
	unsigned looks;
};

static struct patience new_patience(void)
{
	nsec_t now = time_now();
	return (struct patience){.deadline = now + START_TIMEOUT, .next_look = now};
}

/** To be asked again and again. */
static bool is_over(struct patience *patience)
{
	nsec_t now = time_now();
	if (now >= patience->next_look) {
		patience->looks++;
		patience->next_look = now + POLL_INTERVAL;
	}
	return now >= patience->deadline && patience->looks >= LOOKS_MIN;
}

/** @cpu has not even arrived in all that time, and shall not any more; or it has gone off again. */
static bool give_up(cpuid_t cpu, struct patience *patience)
{
	const char *refusal = hal_smp_refusal(cpu);
	uint32_t expected = CPU_STARTED;
	if (!refusal && !is_over(patience))
		return false;
	if (!cas_acq_rel(&cpu_state[cpu], &expected, refusal ? CPU_ABSENT : CPU_GIVEN_UP))
		return false;
	log_warn("smp: CPU %u (hardware id 0x%llx) %s, left off", cpu,
		 (unsigned long long)bootinfo.cpus[cpu].hwid, refusal ?: "did not arrive within 1 s");
	return true;
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
		if (start_cpu(cpu) == 0)
			bitmap_set(started.bits, cpu);
	}
	struct patience patience = new_patience();
	cpuid_t cpu;
	bitmap_for_each_set(cpu, started.bits, CPUS_MAX) {
		while (!cpu_is_online(cpu) && !give_up(cpu, &patience))
			hal_cpu_relax();
	}
}

err_t smp_start(cpuid_t cpu)
{
	uint32_t state = load_acquire(&cpu_state[cpu]);
	if (state == CPU_ARRIVED)
		return 0;
	if (state == CPU_GIVEN_UP) // it may still be on its way to the stack that it would get again
		return -EIO;
	err_t err = start_cpu(cpu);
	if (err)
		return err;
	struct patience patience = new_patience();
	while (!cpu_is_online(cpu)) {
		if (give_up(cpu, &patience))
			return -ETIMEDOUT;
		upcall_sleep_until(time_now() + POLL_INTERVAL);
	}
	return 0;
}

err_t smp_can_stop(cpuid_t cpu)
{
	return hal_smp_can_stop(cpu);
}

noreturn_fn void smp_stop_self(void)
{
	assert_irqs_off();
	smp_leave_online();
	hal_timer_set(UINT64_MAX);
	if (hal_irqchip->leave_cpu)
		hal_irqchip->leave_cpu();
	store_relaxed(&hal_percpu()->resched, 0);
	store_release(&cpu_state[this_cpu()], CPU_OFF);
	hal_smp_stop_self();
}

err_t smp_stop_wait(cpuid_t cpu)
{
	struct patience patience = new_patience();
	while (load_acquire(&cpu_state[cpu]) != CPU_OFF || !hal_smp_is_stopped(cpu)) {
		if (is_over(&patience)) {
			log_warn("smp: CPU %u (hardware id 0x%llx) does not go off", cpu,
				 (unsigned long long)bootinfo.cpus[cpu].hwid);
			return -ETIMEDOUT;
		}
		upcall_sleep_until(time_now() + POLL_INTERVAL);
	}
	return 0;
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
