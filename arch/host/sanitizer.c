// SPDX-License-Identifier: MIT
// Stack switches as the sanitizers want to hear of them: address sanitizer by the bounds of the
// next stack, thread sanitizer by a fibre for each stack that holds live frames. A stack that is
// left for good loses its fibre, for the functions on it never return.
#include "host.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

void host_stack_note(struct host_stack *self)
{
	struct host_cpu *cpu = host_cpu();

	self->bottom = cpu->stack_bottom;
	self->top = cpu->stack_top;
}

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)

#include <sanitizer/common_interface_defs.h>

void host_san_leave(struct host_stack *prev, struct host_stack *next)
{
	__sanitizer_start_switch_fiber(prev ? &prev->fake_stack : NULL, (void *)next->bottom,
				       next->top - next->bottom);
}

void host_san_leave_cpu(struct host_stack *prev, struct host_stack *next)
{
	host_san_leave(prev, next);
}

static void san_arrive(struct host_stack *self)
{
	__sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
	self->fake_stack = NULL;
}

const char *__asan_default_options(void)
{
	// Kernel objects come from the kernel's allocators, which the leak checker cannot read.
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

#elif defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)

#include <sanitizer/tsan_interface.h>

// Not instrumented: it would be entered on one fibre and left on the other.
__attribute__((no_sanitize_thread)) static void switch_fiber(struct host_stack *prev,
							      struct host_stack *next,
							      unsigned flags)
{
	void *here = __tsan_get_current_fiber();

	if (prev)
		prev->fiber = here;
	else
		host_cpu()->dead_fiber = here;
	if (!next->fiber)
		next->fiber = __tsan_create_fiber(0);
	__tsan_switch_to_fiber(next->fiber, flags);
}

// What a CPU did on one stack comes before what it does on the next: program order. (Between two
// CPUs only the kernel's own atomics order anything.)
__attribute__((no_sanitize_thread)) void host_san_leave(struct host_stack *prev,
							 struct host_stack *next)
{
	switch_fiber(prev, next, 0);
}

__attribute__((no_sanitize_thread)) void host_san_leave_cpu(struct host_stack *prev,
							     struct host_stack *next)
{
	switch_fiber(prev, next, __tsan_switch_to_fiber_no_sync);
}

static void san_arrive(struct host_stack *self)
{
	struct host_cpu *cpu = host_cpu();

	self->fiber = NULL;
	if (cpu->dead_fiber)
		__tsan_destroy_fiber(cpu->dead_fiber);
	cpu->dead_fiber = NULL;
}

const char *__tsan_default_options(void)
{
	return "halt_on_error=1:report_thread_leaks=0:atexit_sleep_ms=0";
}

#else

void host_san_leave(struct host_stack *prev, struct host_stack *next)
{
	(void)prev;
	(void)next;
}

void host_san_leave_cpu(struct host_stack *prev, struct host_stack *next)
{
	host_san_leave(prev, next);
}

static void san_arrive(struct host_stack *self)
{
	(void)self;
}

#endif

void host_san_arrive(struct host_stack *self)
{
	struct host_cpu *cpu = host_cpu();

	san_arrive(self);
	cpu->stack_bottom = self->bottom;
	cpu->stack_top = self->top;
}
