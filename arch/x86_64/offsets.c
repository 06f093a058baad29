// SPDX-License-Identifier: MIT
// Structure offsets and numbers for the assembler sources.
#include <arch/x86.h>
#include <hal/bootinfo.h>
#include <hal/context.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <uapi/ipc.h>

#define EMIT(name, value) __asm__ volatile("\n->" #name " %0" : : "i"((unsigned long)(value)))

void offsets(void);
void offsets(void)
{
	EMIT(TF_SIZE, sizeof(struct trapframe));
	EMIT(TF_R11, offsetof(struct trapframe, r11));
	EMIT(TF_RCX, offsetof(struct trapframe, rcx));
	EMIT(TF_RAX, offsetof(struct trapframe, rax));
	EMIT(TF_R15, offsetof(struct trapframe, r15));
	EMIT(TF_R14, offsetof(struct trapframe, r14));
	EMIT(TF_R13, offsetof(struct trapframe, r13));
	EMIT(TF_R12, offsetof(struct trapframe, r12));
	EMIT(TF_RBP, offsetof(struct trapframe, rbp));
	EMIT(TF_RBX, offsetof(struct trapframe, rbx));
	EMIT(TF_R9, offsetof(struct trapframe, r9));
	EMIT(TF_R8, offsetof(struct trapframe, r8));
	EMIT(TF_R10, offsetof(struct trapframe, r10));
	EMIT(TF_RDX, offsetof(struct trapframe, rdx));
	EMIT(TF_RSI, offsetof(struct trapframe, rsi));
	EMIT(TF_RDI, offsetof(struct trapframe, rdi));
	EMIT(TF_NR, offsetof(struct trapframe, nr));
	EMIT(TF_RIP, offsetof(struct trapframe, rip));
	EMIT(TF_CS, offsetof(struct trapframe, cs));
	EMIT(TF_RFLAGS, offsetof(struct trapframe, rflags));
	EMIT(TF_RSP, offsetof(struct trapframe, rsp));

	EMIT(GS_SCRATCH, offsetof(struct hal_percpu, scratch));
	EMIT(GS_RSP0, offsetof(struct x86_percpu, tss.rsp));
	EMIT(CTX_SP, offsetof(struct hal_context, sp));
	EMIT(CTX_FS_BASE, offsetof(struct hal_context, fs_base));
	EMIT(CTX_GS_BASE, offsetof(struct hal_context, gs_base));

	EMIT(BOOTINFO_CPUS, offsetof(struct bootinfo, cpus));
	EMIT(BOOTINFO_CPU_COUNT, offsetof(struct bootinfo, cpu_count));
	EMIT(BOOT_CPU_SIZE, sizeof(struct boot_cpu));
	EMIT(BOOT_CPU_HWID, offsetof(struct boot_cpu, hwid));

	EMIT(NR_IPC_CALL, IPC_CALL);
	EMIT(NR_IPC_REPLY_RECV, IPC_REPLY_RECV);
	EMIT(NR_IPC_SIGNAL, IPC_SIGNAL);
	EMIT(NR_IPC_SEND, IPC_SEND);
}

_Static_assert(offsetof(struct x86_percpu, tss.rsp) == X86_GS_RSP0, "hal_context_set_entry_stack");
_Static_assert(offsetof(struct trapframe, vector) == 0, "trap entry pushes it last");
