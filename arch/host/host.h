// SPDX-License-Identifier: MIT
// Inside the laboratory's port: its CPUs, its modes, its memory.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

// The C library first: <lib/types.h> defines what <limits.h> does not define before it.
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <hal/bootinfo.h>
#include <hal/clock.h>
#include <hal/context.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <lib/types.h>
#include <uapi/errno.h>

enum host_mode {
	HOST_PARALLEL, // a CPU is a pthread; the host's clock
	HOST_LAB, // one CPU at a time, on one pthread; virtual time (lab.c)
	HOST_SIM, // the same, and only computing takes time (sim.c)
};

/** What a machine was asked to be: set before host_boot(), constant afterwards. */
struct host_config {
	enum host_mode mode;
	unsigned cpus;
	uint64_t ram_bytes;
	unsigned asid_bits;
	const char *cmdline;
	void (*entry)(void); // CPU 0 begins there; never returns
	void (*set_topology)(void); // says where the CPUs of bootinfo stand; NULL = nothing is known
	void (*user)(void); // runs in the place of the first user program; NULL = that one
};
extern struct host_config host_config;

/** Bits of host_cpu.pending. */
enum host_pending { HOST_PENDING_IPI = 1, HOST_PENDING_STOP = 2, HOST_PENDING_IRQ = 4 };

#define HOST_TLB_ENTRIES 64
struct host_tlb_entry {
	vaddr_t va;
	uint32_t asid;
	bool is_valid;
	pte_t pte;
};

#define HOST_FPU_WORDS 8
#define HOST_FPU_SIZE (HOST_FPU_WORDS * sizeof(uint64_t))

struct host_cpu {
	cpuid_t number;
	_Atomic uint32_t pending; // enum host_pending
	_Atomic uint32_t *stack_left; // of the fast-path call that returns now (own CPU)
	uint64_t deadline; // of the timer, UINT64_MAX = none; own CPU, or the token's holder
	// Parallel: where a CPU without work sleeps.
	pthread_t thread;
	pthread_mutex_t lock; // of the condition; pending is set under it
	pthread_cond_t wake;
	// The stack on which the CPU runs now, for the sanitizers.
	vaddr_t stack_bottom, stack_top;
	struct host_stack entry_stack; // kernel stack at an entry from user mode, while switching
	void *dead_fiber; // of a stack that was left for good: destroyed from the next one
	_Atomic uint32_t is_penned; // off, until it is started again
	uintptr_t start_sp; // a CPU asked to start: its first stack
	struct lab_cpu *lab; // NULL in parallel mode
	// Soft MMU and floating-point unit.
	paddr_t root;
	uint32_t asid;
	struct host_tlb_entry tlb[HOST_TLB_ENTRIES];
	uint64_t tlb_fills, tlb_flushes;
	bool is_fpu_on;
	uint64_t fpu[HOST_FPU_WORDS];
};

/** The CPU that runs this; NULL outside (the driver of a laboratory run, a helper thread). */
static inline struct host_cpu *host_cpu(void)
{
	struct hal_percpu *self = hal_percpu();

	return self ? (struct host_cpu *)self->arch[HOST_CPU] : NULL;
}
/** Any CPU by its number: exists from host_boot() on. */
struct host_cpu *host_cpu_of(cpuid_t cpu);

/** Build memory and CPUs as host_config says and call upcall_boot() on CPU 0. */
noreturn_fn void host_boot(void);
/** Zeroed memory of the machine outside its RAM, 64-byte aligned, never freed. */
#define HOST_LOCAL_BASE 0x7ed000000000ul
#define HOST_LOCAL_SIZE MIB(64)
void *host_local_alloc(size_t size);
/** A stack of local memory: its top. */
vaddr_t host_stack_alloc(size_t size);
/** Give @cpu a per-CPU area of local memory. */
void host_percpu_alloc(cpuid_t cpu);
/** Name and offset of a function or object of this program, into @buf. */
void host_symbol_format(uintptr_t address, char *buf, size_t len);
/** The end of the process, buffers written, or of one laboratory run. */
noreturn_fn void host_exit(unsigned status);
/** A broken promise inside the laboratory itself, or of its user. */
noreturn_fn void host_die(const char *fmt, ...) printf_like(1, 2);

void host_memory_init(void);
void host_clock_init(void);
uint64_t host_clock_real(void);
/** Set @bits of @cpu and wake it. Any thread. */
void host_cpu_interrupt(struct host_cpu *cpu, uint32_t bits);
/** Take what is pending, with interrupts off. @tf is of user mode or NULL. */
void host_irq_take(struct trapframe *tf);
/** Something would end hal_cpu_wait(). */
bool host_irq_is_pending(struct host_cpu *cpu);
/** Interrupt number @irq of the model controller; edge. */
void host_irq_raise(uint32_t irq);

/** Translate for user access: 0 when there is no such translation. Own CPU. */
paddr_t host_mmu_translate(struct host_cpu *cpu, vaddr_t va, bool is_write);

// asm.S
/** Push callee-saved registers, store the stack pointer in *@save, continue on @sp. */
void host_asm_switch(uintptr_t *save, uintptr_t sp);
/** Continue on @sp, which host_asm_switch() left or host_context_frame() made. */
noreturn_fn void host_asm_resume(uintptr_t sp);
/** Call @fn(@arg) with the stack ending at @top. */
noreturn_fn void host_asm_call(uintptr_t top, void (*fn)(void *), void *arg);
/** As host_asm_switch() to the stack ending at @top, calling @fn(@arg) there. */
void host_asm_enter(uintptr_t *save, uintptr_t top, void (*fn)(void *), void *arg);
/** A stack below @top that host_asm_switch() continues in @fn(@arg). */
uintptr_t host_context_frame(vaddr_t top, void (*fn)(void *), void *arg);

/** user.c: to user mode. Interrupts off. */
noreturn_fn void host_user_return(struct trapframe *tf);

// sanitizer.c: the stack that runs changes; bounds go into host_cpu
/** First step: @next comes; @prev is NULL when nothing of the present stack is kept. */
void host_san_leave(struct host_stack *prev, struct host_stack *next);
/** The same when @next belongs to another CPU: says nothing about the order of what they do. */
void host_san_leave_cpu(struct host_stack *prev, struct host_stack *next);
/** Last step, on the new stack @self. */
void host_san_arrive(struct host_stack *self);
/** The stack that runs now, as it was noted at the last arrival. */
void host_stack_note(struct host_stack *self);
