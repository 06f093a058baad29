// SPDX-License-Identifier: MIT
// Data of which each CPU has its own. A fixed head that entry code and the hot paths use, then the
// linker section `.percpu`, of which every CPU gets a zeroed copy.
//
//   DEFINE_PERCPU(struct runq, runq);          one per CPU, zero at start
//   struct runq *rq = this_cpu_ptr(runq);      interrupts off, or the caller cannot migrate
//   struct runq *other = cpu_ptr(runq, cpu);
#pragma once

#include <lib/types.h>

struct thread;

/** Entry code knows these offsets (arch/offsets.c): keep it small and in this order. */
struct hal_percpu {
	struct thread *current; // the thread on this CPU, always
	uintptr_t entry_sp; // top of current's kernel stack: where its trapframe ends
	uintptr_t scratch[2]; // entry code only
	uint32_t cpu; // dense number of this CPU
	uint32_t irq_depth; // > 0 inside an interrupt handler
	_Atomic uint32_t resched; // != 0: call upcall_exit_work() before going back to user mode
	uint32_t has_fpu; // floating-point unit is on and holds current's state
	uintptr_t arch[6]; // the backend's own
	uintptr_t mm[3]; // mm/space's: which address space the MMU is set to (mm/space_inline.h)
	uint32_t is_sample_due; // the end of this interrupt calls upcall_sample()
};

/** This CPU's head. */
static inline struct hal_percpu *hal_percpu(void);
/** The head of any CPU that was given an area; NULL before. */
struct hal_percpu *hal_percpu_of(cpuid_t cpu);

/** Bytes of one CPU's copy of section .percpu, head included. */
size_t hal_percpu_size(void);
/** Give @cpu its area (zeroed, hal_percpu_size() bytes, 64-byte aligned). The boot CPU uses one in
 *  the image from the first instruction of C on. */
void hal_percpu_setup(cpuid_t cpu, void *area);

#if CONFIG_HOST // whose linker supplies __start_ and __stop_ of sections with C names
#define HAL_PERCPU_SECTION "percpu"
#else
#define HAL_PERCPU_SECTION ".percpu"
#endif
#define DEFINE_PERCPU(type, name) __attribute__((section(HAL_PERCPU_SECTION), used)) type percpu_##name
#define DECLARE_PERCPU(type, name) extern type percpu_##name

#define this_cpu_ptr(name) ((__typeof__(percpu_##name) *)hal_percpu_this(&percpu_##name))
#define cpu_ptr(name, cpu_) ((__typeof__(percpu_##name) *)hal_percpu_ptr(&percpu_##name, (cpu_)))

/** Address of this CPU's, or @cpu's, copy of the variable whose section address is @var. */
static inline void *hal_percpu_this(void *var);
static inline void *hal_percpu_ptr(void *var, cpuid_t cpu);

/** Shorthand: the running thread and CPU. */
static inline struct thread *current_thread(void);
static inline cpuid_t this_cpu(void);

#include <arch/percpu.h>
