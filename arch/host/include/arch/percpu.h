// SPDX-License-Identifier: MIT
// Per-CPU areas of the laboratory: a thread-local pointer. Each area is the head, then a copy of
// section `percpu`.
#pragma once

extern __thread struct hal_percpu *host_percpu_self;
extern char __start_percpu[], __stop_percpu[];

/** Words of hal_percpu.arch. */
enum { HOST_IRQ_ON, HOST_CPU };

#define HOST_PERCPU_HEAD align_up(sizeof(struct hal_percpu), 64ul)

static inline struct hal_percpu *hal_percpu(void)
{
	struct hal_percpu *self;

	// A kernel thread may continue on another pthread after a switch, where the compiler would
	// use a thread-local address that it computed on the old one. volatile: read anew each
	// time.
	__asm__ volatile("movq %%fs:host_percpu_self@tpoff, %0" : "=r"(self));
	return self;
}

static inline size_t host_percpu_offset(const void *var)
{
	return HOST_PERCPU_HEAD + (size_t)((const char *)var - __start_percpu);
}

static inline void *hal_percpu_this(void *var)
{
	return (char *)hal_percpu() + host_percpu_offset(var);
}

static inline void *hal_percpu_ptr(void *var, cpuid_t cpu)
{
	return (char *)hal_percpu_of(cpu) + host_percpu_offset(var);
}

static inline struct thread *current_thread(void)
{
	return hal_percpu()->current;
}

static inline cpuid_t this_cpu(void)
{
	return hal_percpu()->cpu;
}
