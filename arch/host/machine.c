// SPDX-License-Identifier: MIT
// The machine of the laboratory: its CPUs and their per-CPU areas, their start, and its end.
#include "host.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <hal/atomic.h>
#include <hal/console.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/power.h>
#include <hal/smp.h>
#include <hal/upcall.h>

#include "lab.h"

struct host_config host_config = {
	.mode = HOST_PARALLEL,
	.cpus = 4,
	.ram_bytes = 256ull << 20,
	.asid_bits = 8,
	.cmdline = "",
	.entry = upcall_boot,
};

__thread struct hal_percpu *host_percpu_self;

static struct host_cpu cpus[CPUS_MAX];
static struct hal_percpu *_Atomic percpu_areas[CPUS_MAX];

// So that section `percpu` exists in every program: lab points that the CPU passed.
DEFINE_PERCPU(uint64_t, host_points);

struct host_cpu *host_cpu_of(cpuid_t cpu)
{
	return &cpus[cpu];
}

struct hal_percpu *hal_percpu_of(cpuid_t cpu)
{
	if (cpu >= CPUS_MAX)
		return NULL;
	return atomic_load_explicit(&percpu_areas[cpu], memory_order_acquire);
}

size_t hal_percpu_size(void)
{
	return align_up(host_percpu_offset(__stop_percpu), 64ul);
}

void hal_percpu_setup(cpuid_t cpu, void *area)
{
	struct hal_percpu *self = area;

	self->cpu = cpu;
	self->arch[HOST_CPU] = (uintptr_t)&cpus[cpu];
	atomic_store_explicit(&percpu_areas[cpu], self, memory_order_release);
}

void host_percpu_alloc(cpuid_t cpu)
{
	hal_percpu_setup(cpu, host_local_alloc(hal_percpu_size()));
}

static void cpu_init(cpuid_t number)
{
	struct host_cpu *cpu = &cpus[number];
	pthread_condattr_t attr;

	memset(cpu, 0, sizeof(*cpu));
	cpu->number = number;
	cpu->deadline = UINT64_MAX;
	pthread_mutex_init(&cpu->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&cpu->wake, &attr);
}

vaddr_t host_stack_alloc(size_t size)
{
	return (vaddr_t)host_local_alloc(size) + size;
}

static void first_boot(void *arg)
{
	host_san_arrive(arg);
	host_config.entry();
	host_die("the first function of CPU 0 returned");
}

static void fill_bootinfo(void)
{
	bootinfo.loader = "host";
	bootinfo.machine = "laboratory";
	bootinfo_set_cmdline(host_config.cmdline);
	bootinfo_set_boot_cpu(0);
	for (unsigned i = 0; i < host_config.cpus; i++)
		bootinfo_add_cpu(i, 0);
	if (host_config.set_topology)
		host_config.set_topology();
	topology_finish();
}

void host_boot(void)
{
	static struct host_stack boot_stack, initial_stack; // the process's own: never run again

	if (host_config.cpus < 1 || host_config.cpus > CPUS_MAX)
		host_die("%u CPUs: 1 to %u can be had", host_config.cpus, CPUS_MAX);
	host_clock_init();
	for (unsigned i = 0; i < host_config.cpus; i++)
		cpu_init(i);
	host_percpu_alloc(0);
	host_percpu_self = hal_percpu_of(0);
	cpus[0].thread = pthread_self();
	lab_attach(&cpus[0]);
	hal_console_init();
	host_memory_init();
	fill_bootinfo();
	boot_stack.top = host_stack_alloc(MIB(1));
	boot_stack.bottom = boot_stack.top - MIB(1);
	host_san_leave(&initial_stack, &boot_stack);
	host_asm_call(boot_stack.top, first_boot, &boot_stack);
}

/** First code of a secondary on the stack that the kernel gave. */
static void first_secondary(void *arg)
{
	struct host_cpu *cpu = arg;

	host_san_arrive(&cpu->entry_stack);
	upcall_secondary(cpu->number);
}

static void *cpu_thread(void *arg)
{
	struct host_cpu *cpu = arg;
	struct host_stack initial_stack;

	host_percpu_self = hal_percpu_of(cpu->number);
	host_san_leave(&initial_stack, &cpu->entry_stack);
	host_asm_call(cpu->entry_stack.top, first_secondary, cpu);
}

err_t hal_smp_start_cpu(cpuid_t number, vaddr_t stack_top)
{
	struct host_cpu *cpu = &cpus[number];

	if (number >= host_config.cpus || !hal_percpu_of(number))
		return -EINVAL;
	cpu->entry_stack = (struct host_stack){
		.top = stack_top,
		.bottom = stack_top - HAL_KSTACK_SIZE,
	};
	if (load_acquire(&cpu->is_penned)) {
		store_release(&cpu->is_penned, 0);
		hal_ipi_send(number);
		return 0;
	}
	if (lab_is_on()) {
		lab_start_cpu(cpu, host_context_frame(stack_top, first_secondary, cpu));
		return 0;
	}
	return pthread_create(&cpu->thread, NULL, cpu_thread, cpu) ? -EAGAIN : 0;
}

err_t hal_smp_can_stop(cpuid_t number)
{
	return number < host_config.cpus ? 0 : -EINVAL;
}

/** A CPU that was off begins again, on the stack that it has been given. */
void hal_smp_stop_self(void)
{
	struct host_cpu *cpu = host_cpu();

	store_release(&cpu->is_penned, 1);
	while (load_acquire(&cpu->is_penned)) {
		hal_cpu_wait();
		atomic_store_explicit(&cpu->pending, 0, memory_order_relaxed);
	}
	host_san_leave(NULL, &cpu->entry_stack);
	host_asm_call(cpu->entry_stack.top, first_secondary, cpu);
}

bool hal_smp_is_stopped(cpuid_t number)
{
	return load_acquire(&cpus[number].is_penned);
}

const char *hal_smp_refusal(cpuid_t number)
{
	(void)number; // never seen
	return NULL;
}

void host_exit(unsigned status)
{
	if (lab_is_on())
		lab_end(status);
	fflush(NULL);
	_exit(status);
}

void host_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("laboratory: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	host_exit(125);
}

void hal_power_off(void)
{
	host_exit(0);
}

void hal_power_reboot(void)
{
	host_exit(0);
}

void hal_power_exit(unsigned status)
{
	host_exit(status);
}
