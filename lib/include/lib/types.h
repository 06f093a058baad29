// SPDX-License-Identifier: MIT
// The scalar types that carry meaning, and the few attributes that every room uses.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A compiler's <limits.h> drags in the C library's, which a kernel's ABI need not have.
#ifndef INT_MAX
#define CHAR_BIT 8
#define INT_MAX __INT_MAX__
#define INT_MIN (-INT_MAX - 1)
#define UINT_MAX (INT_MAX * 2u + 1u)
#define LONG_MAX __LONG_MAX__
#define LONG_MIN (-LONG_MAX - 1l)
#define ULONG_MAX (LONG_MAX * 2ul + 1ul)
#endif

typedef uint64_t paddr_t; // physical address
typedef uintptr_t vaddr_t; // virtual address
typedef uint32_t cpuid_t; // dense CPU number, 0..N-1
typedef uint64_t nsec_t; // nanoseconds since boot, or a duration
typedef int err_t; // 0 or a negative code of uapi/errors.def

#define NSEC_NEVER UINT64_MAX
#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

#ifndef static_assert // C17 has it in <assert.h>, which a freestanding build has not
#define static_assert _Static_assert
#endif

#define must_check __attribute__((warn_unused_result))
#define noreturn_fn __attribute__((noreturn))
#define always_inline inline __attribute__((always_inline))
#define no_inline __attribute__((noinline))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define array_len(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define align_up(x, a) (((x) + ((a)-1)) & ~((__typeof__(x))(a)-1))
#define align_down(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define is_aligned(x, a) (((x) & ((a)-1)) == 0)
#define min(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
