// SPDX-License-Identifier: MIT
// How a system call is written down:
//
//   SYSCALL3(read, uint32_t, fd, uaddr_t, buf, uint64_t, len)
//   {
//           return ...;                 a result >= 0, or a negative error
//   }
//
// defines sys_read(), which takes six register values, as the table of the architecture
// (uapi/arch/ARCH/uapi/syscalls.def) names it.
#pragma once

#include <hal/trapframe.h>
#include <lib/types.h>
#include <mm/ucopy.h>
#include <proc/process.h>
#include <sched/thread.h>
#include <uapi/abi_arch.h>
#include <uapi/errno.h>

#define SYSCALL_ENTRY(name, call)                                                                  \
	int64_t sys_##name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f); \
	int64_t sys_##name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) \
	{                                                                                          \
		(void)a, (void)b, (void)c, (void)d, (void)e, (void)f;                              \
		return call;                                                                       \
	}
#define SYSCALL0(name)                                                                             \
	static always_inline int64_t do_##name(void);                                              \
	SYSCALL_ENTRY(name, do_##name())                                                           \
	static always_inline int64_t do_##name(void)
#define SYSCALL1(name, t1, n1)                                                                     \
	static always_inline int64_t do_##name(t1 n1);                                             \
	SYSCALL_ENTRY(name, do_##name((t1)a))                                                      \
	static always_inline int64_t do_##name(t1 n1)
#define SYSCALL2(name, t1, n1, t2, n2)                                                             \
	static always_inline int64_t do_##name(t1 n1, t2 n2);                                      \
	SYSCALL_ENTRY(name, do_##name((t1)a, (t2)b))                                               \
	static always_inline int64_t do_##name(t1 n1, t2 n2)
#define SYSCALL3(name, t1, n1, t2, n2, t3, n3)                                                     \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3);                               \
	SYSCALL_ENTRY(name, do_##name((t1)a, (t2)b, (t3)c))                                        \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3)
#define SYSCALL4(name, t1, n1, t2, n2, t3, n3, t4, n4)                                             \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4);                        \
	SYSCALL_ENTRY(name, do_##name((t1)a, (t2)b, (t3)c, (t4)d))                                 \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4)
#define SYSCALL5(name, t1, n1, t2, n2, t3, n3, t4, n4, t5, n5)                                     \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4, t5 n5);                 \
	SYSCALL_ENTRY(name, do_##name((t1)a, (t2)b, (t3)c, (t4)d, (t5)e))                          \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4, t5 n5)
#define SYSCALL6(name, t1, n1, t2, n2, t3, n3, t4, n4, t5, n5, t6, n6)                             \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4, t5 n5, t6 n6);          \
	SYSCALL_ENTRY(name, do_##name((t1)a, (t2)b, (t3)c, (t4)d, (t5)e, (t6)f))                   \
	static always_inline int64_t do_##name(t1 n1, t2 n2, t3 n3, t4 n4, t5 n5, t6 n6)

// ---- structures and decoders that several families use ----

struct linux_timespec {
	int64_t sec, nsec;
};
struct linux_timeval {
	int64_t sec, usec;
};

/** A relative or absolute timespec at @at in nanoseconds. -EFAULT, -EINVAL. */
must_check err_t abi_get_timespec(uaddr_t at, nsec_t *ns);
must_check err_t abi_put_timespec(uaddr_t at, nsec_t ns);
must_check err_t abi_put_timeval(uaddr_t at, nsec_t ns);
/** A number at any address: programs' structures need not be aligned (words of futexes must). -EFAULT. */
must_check static inline err_t abi_put32(uaddr_t at, uint32_t value)
{
	return mm_copy_out(at, &value, sizeof(value));
}
must_check static inline err_t abi_get32(uaddr_t at, uint32_t *value)
{
	return mm_copy_in(value, at, sizeof(*value));
}
/** Absolute monotonic deadline from a relative timeout; 0 address = NSEC_NEVER. */
must_check err_t abi_get_timeout(uaddr_t at, nsec_t *deadline);
static inline nsec_t abi_deadline(nsec_t timeout)
{
	nsec_t now = time_now();
	return timeout > NSEC_NEVER - 1 - now ? NSEC_NEVER - 1 : now + timeout;
}

/** Linux's struct itimerspec: interval, then value. -EFAULT, -EINVAL. */
must_check err_t abi_get_itimerspec(uaddr_t at, nsec_t *value, nsec_t *interval);
must_check err_t abi_put_itimerspec(uaddr_t at, nsec_t value, nsec_t interval);

#define ABI_IO_MAX 0x7ffff000ul // Linux: no transfer is longer
struct io_piece;
/** Linux's struct iovec array, its lengths added up and cut at ABI_IO_MAX; kfree() it. -EINVAL, -EFAULT. */
must_check err_t abi_get_pieces(uaddr_t at, uint32_t count, struct io_piece **pieces, uint64_t *total);
/** A write to a pipe or socket that nobody reads raises SIGPIPE: -EPIPE. */
int64_t abi_broken_pipe(void);
/** A file would grow beyond RLIMIT_FSIZE: SIGXFSZ, if there is such a limit. -EFBIG. */
int64_t abi_file_too_large(void);

struct siginfo;
/** What a call of the current process says of itself. */
struct siginfo abi_sender_info(int signo, int code);
/** The siginfo of a sigqueue call. -EFAULT, -EPERM: only the kernel says so. */
must_check err_t abi_get_siginfo(uaddr_t at, int signo, struct siginfo *info);

struct file;
/** Give both files (one reference each, dropped on error) descriptors and write those to @at. */
must_check int64_t abi_install_pair(struct file *ends[2], uint32_t fd_flags, uaddr_t at);

/** A path from user space; release with abi_put_path(). Most are short and fit beside the pointer. */
struct abi_path {
	char *text;
	char small[112];
};
must_check err_t abi_get_path(uaddr_t at, struct abi_path *path);
void abi_put_path(struct abi_path *path);
/** The current thread's frame. */
static inline struct trapframe *abi_frame(void)
{
	return current_thread()->tf;
}
/** -EINTR of a sleep that is begun again after a handler with SA_RESTART. */
static inline int64_t abi_restartable(int64_t result)
{
	return result == -EINTR ? -ERESTARTSYS : result;
}
