// SPDX-License-Identifier: MIT
// Clock, one-shot timers, IPIs and a model interrupt controller. An interrupt is a bit of the CPU's
// pending word, or a deadline that has passed; it is taken where the CPU looks: when interrupts are
// turned on, in hal_cpu_relax(), in user mode's points and at each lab point.
#include "host.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <hal/explore.h>
#include <hal/irqchip.h>
#include <hal/irqflags.h>
#include <hal/smp.h>
#include <hal/upcall.h>

#include "lab.h"
#include "sim.h"

#define HOST_IRQS 64

static uint64_t clock_base;
static _Atomic uint64_t irq_raised, irq_unmasked; // a bit per line; all go to CPU irq_target[]
static _Atomic cpuid_t irq_target[HOST_IRQS];

uint64_t host_clock_real(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

void host_clock_init(void)
{
	clock_base = host_clock_real();
}

uint64_t host_clock_read(void)
{
	return lab_is_on() ? lab_clock() : host_clock_real() - clock_base;
}

uint64_t hal_clock_hz(void)
{
	return NSEC_PER_SEC;
}

const char *hal_clock_name(void)
{
	return lab_is_on() ? "virtual" : "monotonic";
}

void hal_clock_init(void)
{
}

void hal_timer_init_cpu(void)
{
	host_cpu()->deadline = UINT64_MAX;
}

void host_timer_set(uint64_t ticks)
{
	host_cpu()->deadline = ticks;
	if (host_cpu()->lab)
		lab_timer_set(host_cpu());
	if (ticks != UINT64_MAX && hal_irq_is_enabled())
		host_irq_poll();
}

uint64_t hal_rtc_read(void)
{
	// A fixed second in virtual time: runs must be equal.
	return lab_is_on() ? 1700000000 : (uint64_t)time(NULL);
}

bool host_irq_is_pending(struct host_cpu *cpu)
{
	if (atomic_load_explicit(&cpu->pending, memory_order_relaxed))
		return true;
	return cpu->deadline != UINT64_MAX && host_clock_read() >= cpu->deadline;
}

void host_cpu_interrupt(struct host_cpu *cpu, uint32_t bits)
{
	if (lab_is_on()) {
		lab_interrupt(cpu);
		atomic_fetch_or_explicit(&cpu->pending, bits, memory_order_acq_rel);
		return;
	}
	// A CPU about to sleep reads pending under this lock, so that the signal is not lost.
	pthread_mutex_lock(&cpu->lock);
	atomic_fetch_or_explicit(&cpu->pending, bits, memory_order_acq_rel);
	pthread_cond_signal(&cpu->wake);
	pthread_mutex_unlock(&cpu->lock);
}

static void take_lines(struct host_cpu *cpu)
{
	for (uint32_t irq = 0; irq < HOST_IRQS; irq++) {
		uint64_t bit = 1ull << irq;

		if (atomic_load(&irq_target[irq]) != cpu->number ||
		    !(atomic_load(&irq_unmasked) & bit))
			continue;
		if (atomic_fetch_and(&irq_raised, ~bit) & bit)
			upcall_irq(irq);
	}
}

void host_irq_take(struct trapframe *tf)
{
	struct host_cpu *cpu = host_cpu();
	struct trapframe kernel;
	uint32_t bits;

	if (!tf) {
		memset(&kernel, 0, sizeof(kernel));
		kernel.pc = (uintptr_t)__builtin_return_address(0);
		kernel.fp = kernel.sp = (uintptr_t)__builtin_frame_address(0);
		tf = &kernel;
	}
	if (cpu->lab)
		lab_interrupt(cpu);
	upcall_irq_enter();
	bits = atomic_exchange_explicit(&cpu->pending, 0, memory_order_acq_rel);
	if (bits & HOST_PENDING_STOP)
		upcall_panic_stop(tf);
	if (bits & HOST_PENDING_IPI)
		upcall_ipi();
	if (bits & HOST_PENDING_IRQ)
		take_lines(cpu);
	if (cpu->deadline != UINT64_MAX && host_clock_read() >= cpu->deadline) {
		cpu->deadline = UINT64_MAX;
		sim_timer_taken(cpu);
		upcall_timer();
	}
	sim_irqs_taken(cpu);
	upcall_irq_exit(tf);
}

bool host_irq_poll(void)
{
	struct hal_percpu *self = hal_percpu();
	bool has_taken = false;

	if (!self || !self->arch[HOST_IRQ_ON])
		return false;
	for (; host_irq_is_pending(host_cpu()); has_taken = true) {
		self->arch[HOST_IRQ_ON] = 0;
		host_irq_take(NULL);
		// The kernel is not preempted by interrupts, so this is the same CPU still.
		self->arch[HOST_IRQ_ON] = 1;
	}
	if (host_cpu()->lab)
		lab_look(host_cpu());
	return has_taken;
}

static void point(const volatile void *object, bool is_store, const void *pc)
{
	struct host_cpu *cpu = host_cpu();

	if (!cpu)
		return;
	if (cpu->lab && object) // a fence is none: memory is sequentially consistent
		lab_point(cpu, object, is_store, pc);
	else if (!atomic_load_explicit(&cpu->pending, memory_order_relaxed))
		return;
	host_irq_poll();
}

void host_explore_store(const volatile void *object)
{
	point(object, true, __builtin_return_address(0));
}

void host_explore_load(const volatile void *object)
{
	point(object, false, __builtin_return_address(0));
}

void host_cpu_relax(void)
{
	struct host_cpu *cpu = host_cpu();

	if (cpu && cpu->lab)
		lab_relax(cpu);
	else
		// Not by its C name: that is the kernel's own sched_yield() here.
		syscall(SYS_sched_yield);
	host_irq_poll();
}

void host_cpu_yield(void)
{
	hal_irq_enable();
	host_cpu_relax();
	hal_irq_disable();
}

void host_cpu_wait(void)
{
	struct host_cpu *cpu = host_cpu();
	struct timespec until;
	uint64_t end;

	if (hal_irq_is_enabled())
		host_die("hal_cpu_wait() with interrupts on");
	if (cpu->lab) {
		lab_wait(cpu);
		return;
	}
	pthread_mutex_lock(&cpu->lock);
	while (!host_irq_is_pending(cpu)) {
		if (cpu->deadline == UINT64_MAX) {
			pthread_cond_wait(&cpu->wake, &cpu->lock);
			continue;
		}
		end = cpu->deadline + clock_base;
		until.tv_sec = (time_t)(end / NSEC_PER_SEC);
		until.tv_nsec = (long)(end % NSEC_PER_SEC);
		pthread_cond_timedwait(&cpu->wake, &cpu->lock, &until);
	}
	pthread_mutex_unlock(&cpu->lock);
}

void hal_cpu_halt(void)
{
	struct host_cpu *cpu = host_cpu();

	hal_irq_disable();
	if (cpu->lab)
		lab_halt(cpu);
	for (;;) {
		pthread_mutex_lock(&cpu->lock);
		pthread_cond_wait(&cpu->wake, &cpu->lock);
		pthread_mutex_unlock(&cpu->lock);
	}
}

void hal_ipi_send(cpuid_t cpu)
{
	host_cpu_interrupt(host_cpu_of(cpu), HOST_PENDING_IPI);
}

bool hal_ipi_send_stop(cpuid_t cpu)
{
	host_cpu_interrupt(host_cpu_of(cpu), HOST_PENDING_STOP);
	return false;
}

void host_irq_raise(uint32_t irq)
{
	atomic_fetch_or(&irq_raised, 1ull << irq);
	host_cpu_interrupt(host_cpu_of(atomic_load(&irq_target[irq])), HOST_PENDING_IRQ);
}

static void chip_init_cpu(void)
{
}

static err_t chip_set_trigger(uint32_t irq, enum hal_irq_trigger trigger)
{
	(void)trigger;
	return irq < HOST_IRQS ? 0 : -EINVAL;
}

static err_t chip_set_target(uint32_t irq, cpuid_t cpu)
{
	if (irq >= HOST_IRQS || cpu >= host_config.cpus)
		return -EINVAL;
	atomic_store(&irq_target[irq], cpu);
	return 0;
}

static void chip_mask(uint32_t irq)
{
	if (irq < HOST_IRQS)
		atomic_fetch_and(&irq_unmasked, ~(1ull << irq));
}

static void chip_unmask(uint32_t irq)
{
	if (irq >= HOST_IRQS)
		return;
	atomic_fetch_or(&irq_unmasked, 1ull << irq);
	if (atomic_load(&irq_raised) & 1ull << irq)
		host_cpu_interrupt(host_cpu_of(atomic_load(&irq_target[irq])), HOST_PENDING_IRQ);
}

static void chip_eoi(uint32_t irq)
{
	(void)irq; // all lines are edges
}

static const struct irqchip_ops chip = {
	.name = "laboratory",
	.init_cpu = chip_init_cpu,
	.set_trigger = chip_set_trigger,
	.set_target = chip_set_target,
	.mask = chip_mask,
	.unmask = chip_unmask,
	.eoi = chip_eoi,
	.send_ipi = hal_ipi_send,
};
const struct irqchip_ops *hal_irqchip;

void hal_irqchip_init(void)
{
	hal_irqchip = &chip;
}
