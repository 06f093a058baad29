// SPDX-License-Identifier: MIT
// The one place with assembler: registers as uapi/ipc.h has them.
#include <halcyon.h>

long hc_native(long number, long fd, struct hc_message *m)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = m->words[1];
	register uint64_t r8 __asm__("r8") = m->words[2];
	register uint64_t r9 __asm__("r9") = m->words[3];
	register uint64_t r12 __asm__("r12") = m->words[4];
	register uint64_t r13 __asm__("r13") = m->words[5];
	register uint64_t r14 __asm__("r14") = m->words[6];
	register uint64_t r15 __asm__("r15") = m->words[7];
	uint64_t badge = (uint64_t)fd, word0 = m->words[0], tag = m->tag, sender = 0;
	__asm__ volatile("syscall"
			 : "+a"(number), "+D"(badge), "+S"(tag), "+d"(word0), "+b"(sender), "+r"(r10), "+r"(r8),
			   "+r"(r9), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
			 :
			 : "rcx", "r11", "memory");
	*m = (struct hc_message){tag, {word0, r10, r8, r9, r12, r13, r14, r15}, badge, sender};
	return number;
#elif defined(__aarch64__)
	register uint64_t x8 __asm__("x8") = (uint64_t)number;
	register uint64_t x0 __asm__("x0") = (uint64_t)fd;
	register uint64_t x1 __asm__("x1") = m->tag;
	register uint64_t x2 __asm__("x2") = m->words[0];
	register uint64_t x3 __asm__("x3") = m->words[1];
	register uint64_t x4 __asm__("x4") = m->words[2];
	register uint64_t x5 __asm__("x5") = m->words[3];
	register uint64_t x6 __asm__("x6") = m->words[4];
	register uint64_t x7 __asm__("x7") = m->words[5];
	register uint64_t x9 __asm__("x9") = m->words[6];
	register uint64_t x10 __asm__("x10") = m->words[7];
	register uint64_t x11 __asm__("x11") = 0;
	register uint64_t x12 __asm__("x12") = 0;
	__asm__ volatile("svc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7), "+r"(x9),
			   "+r"(x10), "+r"(x11), "+r"(x12)
			 : "r"(x8)
			 : "memory");
	*m = (struct hc_message){x1, {x2, x3, x4, x5, x6, x7, x9, x10}, x11, x12};
	return (long)x0;
#elif defined(__riscv) && __riscv_xlen == 64
	register uint64_t a7 __asm__("a7") = (uint64_t)number;
	register uint64_t a0 __asm__("a0") = (uint64_t)fd;
	register uint64_t a1 __asm__("a1") = m->tag;
	register uint64_t a2 __asm__("a2") = m->words[0];
	register uint64_t a3 __asm__("a3") = m->words[1];
	register uint64_t a4 __asm__("a4") = m->words[2];
	register uint64_t a5 __asm__("a5") = m->words[3];
	register uint64_t a6 __asm__("a6") = m->words[4];
	register uint64_t t0 __asm__("t0") = m->words[5];
	register uint64_t t1 __asm__("t1") = m->words[6];
	register uint64_t t2 __asm__("t2") = m->words[7];
	register uint64_t t3 __asm__("t3") = 0;
	register uint64_t t4 __asm__("t4") = 0;
	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(t0), "+r"(t1),
			   "+r"(t2), "+r"(t3), "+r"(t4)
			 : "r"(a7)
			 : "memory");
	*m = (struct hc_message){a1, {a2, a3, a4, a5, a6, t0, t1, t2}, t3, t4};
	return (long)a0;
#else
#error "Halcyon runs on x86_64, AArch64 and 64-bit RISC-V"
#endif
}
