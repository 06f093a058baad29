// SPDX-License-Identifier: MIT
// The tables of system calls, which abi/ fills and the linker binds.
#pragma once

#include <lib/types.h>

struct trapframe;

/** A Linux call: its arguments as registers hold them, its result. */
typedef int64_t (*linux_syscall_fn)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
/** A native call: writes its results into the frame of the current thread. */
typedef void (*native_syscall_fn)(struct trapframe *tf);

/** By number; NULL = not there. */
#define LINUX_SYSCALLS 512
extern const linux_syscall_fn linux_syscalls[LINUX_SYSCALLS];
/** The table that calls go through: that one, or the one that traces. */
extern const linux_syscall_fn *_Atomic linux_syscall_table;
/** By number minus IPC_NR_FIRST, all there. */
extern const native_syscall_fn native_syscalls[];
