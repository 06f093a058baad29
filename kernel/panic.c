// SPDX-License-Identifier: MIT
// Panic: the first CPU to come here stops the others, gives each 100 ms to answer, prints what every
// CPU was doing, and leaves the machine with a failing status. No lock is taken on the way.
#include <hal/bootinfo.h>
#include <hal/clock.h>
#include <hal/context.h>
#include <hal/cpu.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/power.h>
#include <hal/smp.h>
#include <hal/trapframe.h>
#include <hal/upcall.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/format.h>

#define ANSWER_NS (100 * NSEC_PER_MSEC)
#define STACK_DEPTH 24
#define DEPTH_CREDIBLE 4 // fewer return addresses than this: there are no frame pointers
#define PANIC_STATUS 3

static _Atomic uint32_t panic_cpu_plus_1;

/** What a stopped CPU was doing. */
struct stopped {
	const struct trapframe *_Atomic tf;
	uintptr_t fp;
	_Atomic uint32_t is_stopped;
};
static DEFINE_PERCPU(struct stopped, stopped);

bool panic_is_active(void)
{
	return load_relaxed(&panic_cpu_plus_1) != 0;
}

void upcall_panic_stop(struct trapframe *tf)
{
	struct stopped *self = this_cpu_ptr(stopped);
	store_relaxed(&self->tf, (const struct trapframe *)tf);
	self->fp = tf ? 0 : (uintptr_t)__builtin_frame_address(0);
	store_release(&self->is_stopped, 1);
	hal_cpu_halt();
}

struct walk {
	unsigned depth;
};

static bool print_return_address(void *arg, uintptr_t pc)
{
	struct walk *walk = arg;
	char name[80];
	// The call, not what follows it: a call that never returns may be its function's last instruction.
	symbol_format(pc - 1, name, sizeof(name));
	console_panic_printf("    %s\n", name);
	return ++walk->depth < STACK_DEPTH;
}

/** Images without frame pointers (release): name every word of the stack, from @sp up, that points behind
 *  a call in the kernel's text. Some are left over from calls that have ended; "?" says so. Kernel stacks
 *  end at a multiple of their size (mm/kmap.h). */
static void print_likely_callers(uintptr_t sp)
{
	uintptr_t at = align_up(sp, sizeof(uintptr_t)), end = align_up(sp + 1, HAL_KSTACK_SIZE);
	struct walk walk = {0};
	for (; at < end && walk.depth < STACK_DEPTH; at += sizeof(uintptr_t)) {
		uintptr_t word = *(const volatile uintptr_t *)at;
		char name[80];
		if (word <= (uintptr_t)_text_start || word >= (uintptr_t)_text_end)
			continue;
		symbol_format(word - 1, name, sizeof(name));
		console_panic_printf("    ? %s\n", name);
		walk.depth++;
	}
}

/** The stack above @sp, whose innermost frame pointer is @fp. */
static void print_stack(uintptr_t fp, uintptr_t sp)
{
	struct walk walk = {0};
	console_panic_printf("  stack:\n");
	if (fp) // 0 would mean this function's own
		hal_backtrace(fp, print_return_address, &walk);
	if (walk.depth < DEPTH_CREDIBLE && sp >= HAL_KMAP_BASE && sp - HAL_KMAP_BASE < HAL_KMAP_SIZE)
		print_likely_callers(sp);
}

static void print_frame(const struct trapframe *tf)
{
	char name[80];
	symbol_format(hal_tf_pc(tf), name, sizeof(name));
	console_panic_printf("  %s mode, at %s\n", hal_tf_is_user(tf) ? "user" : "kernel", name);
	hal_tf_print(tf, console_panic_printf);
	if (!hal_tf_is_user(tf))
		print_stack(hal_tf_frame_pointer(tf), hal_tf_sp(tf));
}

/** Ask every other CPU to stop; wait for all of them together. */
static void stop_others(cpuid_t self)
{
	cpuid_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		if (cpu != self)
			hal_ipi_send_stop(cpu);
	}
	nsec_t end = time_now() + ANSWER_NS;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		struct stopped *other = cpu_ptr(stopped, cpu);
		while (cpu != self && !load_acquire(&other->is_stopped) && time_now() < end)
			hal_cpu_relax();
	}
}

static void print_other(cpuid_t cpu)
{
	struct stopped *other = cpu_ptr(stopped, cpu);
	if (!load_acquire(&other->is_stopped)) {
		console_panic_printf("CPU %u: silent for 100 ms\n", cpu);
		return;
	}
	const struct trapframe *tf = load_relaxed(&other->tf);
	console_panic_printf("CPU %u: stopped\n", cpu);
	if (tf)
		print_frame(tf);
	else
		print_stack(other->fp, other->fp);
}

noreturn_fn static void finish(const struct trapframe *tf, uintptr_t fp)
{
	cpuid_t self = this_cpu(), cpu;
	stop_others(self);
	console_panic_printf("CPU %u: panicked\n", self);
	if (tf)
		print_frame(tf);
	else
		print_stack(fp, fp);
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		if (cpu != self)
			print_other(cpu);
	}
	console_panic_printf("halted after %llu ms. The lines above the panic are the last of the log.\n",
			     (unsigned long long)(time_now() / NSEC_PER_MSEC));
	hal_power_exit(PANIC_STATUS);
}

/** The first CPU to panic goes on; any other stops, and a panic within the panic ends at once. */
static void begin(const struct trapframe *tf)
{
	hal_irq_disable();
	uint32_t expected = 0, self = this_cpu() + 1;
	if (cas_acq_rel(&panic_cpu_plus_1, &expected, self))
		return;
	if (expected == self)
		hal_power_exit(PANIC_STATUS);
	upcall_panic_stop((struct trapframe *)tf);
}

static void print_reason(const char *fmt, va_list ap)
{
	char text[200];
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	console_panic_begin();
	console_panic_printf("KERNEL PANIC: %s\n", text);
}

void panic(const char *fmt, ...)
{
	begin(NULL);
	va_list ap;
	va_start(ap, fmt);
	print_reason(fmt, ap);
	va_end(ap);
	finish(NULL, (uintptr_t)__builtin_frame_address(0));
}

void panic_frame(const struct trapframe *tf, const char *fmt, ...)
{
	begin(tf);
	va_list ap;
	va_start(ap, fmt);
	print_reason(fmt, ap);
	va_end(ap);
	finish(tf, 0);
}

/** gcc's stack protector found a kernel stack frame overwritten. */
noreturn_fn void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
	panic("stack smashed: a kernel function wrote past its frame");
}

uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;
