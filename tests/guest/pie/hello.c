// SPDX-License-Identifier: MIT
// A static position-independent program: proc_P2_exec starts it and looks at its status. It has no C
// library, for Debian's for RISC-V cannot be linked so; it says whether it may run where it is.
#include <stdint.h>

static const int answer = 42;
static const int *volatile const where = &answer; // a relative relocation that nobody applied

__attribute__((used)) static int status(const uintptr_t *stack)
{
	// Hidden: else AArch64 takes its address from a table that nobody relocated.
	extern const char __ehdr_start[] __attribute__((visibility("hidden")));
	if (stack[0] != 2) // argc
		return 1;
	if ((uintptr_t)__ehdr_start < 0x10000 || (uintptr_t)where == (uintptr_t)&answer)
		return 2; // loaded where it was linked, at 0
	return answer;
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n call status\n mov %eax, %edi\n mov $231, %eax\n syscall");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start: mov x0, sp\n bl status\n mov x8, #94\n svc #0");
#else
__asm__(".globl _start\n_start: mv a0, sp\n call status\n li a7, 94\n ecall");
#endif
