// SPDX-License-Identifier: MIT
// The end: stop all CPUs, print every CPU's registers and stack, the last log lines, and leave with
// a failing status.
#pragma once

#include <lib/types.h>

struct trapframe;

noreturn_fn void panic(const char *fmt, ...) printf_like(1, 2);
/** The same with the registers of @tf instead of the caller's. */
noreturn_fn void panic_frame(const struct trapframe *tf, const char *fmt, ...) printf_like(2, 3);
/** True on every CPU once a panic has begun: output goes round locks. */
bool panic_is_active(void);

/** "function+0x1c" of a kernel address into @buf; the bare number when unknown. */
void symbol_format(uintptr_t pc, char *buf, size_t len);
