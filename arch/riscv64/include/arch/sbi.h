// SPDX-License-Identifier: MIT
// Calls into the firmware (RISC-V SBI specification 2.0).
#pragma once

#define SBI_EXT_BASE 0x10
#define SBI_EXT_TIME 0x54494d45
#define SBI_EXT_IPI 0x735049
#define SBI_EXT_RFENCE 0x52464e43
#define SBI_EXT_HSM 0x48534d
#define SBI_EXT_SRST 0x53525354
#define SBI_EXT_DBCN 0x4442434e
#define SBI_LEGACY_PUTCHAR 1
#define SBI_LEGACY_GETCHAR 2
#define SBI_LEGACY_SHUTDOWN 8

#define SBI_HSM_START 0
#define SBI_HSM_STOP 1
#define SBI_HSM_GET_STATUS 2

#ifndef __ASSEMBLY__
#include <lib/types.h>

struct sbi_result {
	int64_t error; // 0 or an SBI_ERR_*
	int64_t value;
};

#define SBI_ERR_ALREADY_AVAILABLE (-6)

static inline struct sbi_result sbi_call(uint64_t ext, uint64_t fn, uint64_t arg0, uint64_t arg1,
					 uint64_t arg2)
{
	register uint64_t a0 asm("a0") = arg0;
	register uint64_t a1 asm("a1") = arg1;
	register uint64_t a2 asm("a2") = arg2;
	register uint64_t a6 asm("a6") = fn;
	register uint64_t a7 asm("a7") = ext;
	asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
	return (struct sbi_result){(int64_t)a0, (int64_t)a1};
}

/** Whether the firmware has extension @ext. */
static inline bool sbi_has(uint64_t ext)
{
	struct sbi_result r = sbi_call(SBI_EXT_BASE, 3, ext, 0, 0);
	return r.error == 0 && r.value != 0;
}
#endif
