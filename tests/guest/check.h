// SPDX-License-Identifier: MIT
// What guest programs share: checks that end the program, and children that are checked.
//
// A program's main() returns 0 when all is well. The first failed CHECK prints where, and ends the
// process with 1; in a child that is a status its parent must look at (check_child).
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIPPED 77

#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond, -1))
// @expr is -1 and errno @error.
#define CHECK_ERRNO(expr, error)                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		long result_ = (long)(expr);                                                       \
		if (result_ != -1 || errno != (error))                                             \
			check_failed(__FILE__, __LINE__, #expr " is -1 with " #error, result_);    \
	} while (0)
// @expr is @value.
#define CHECK_IS(expr, value)                                                                      \
	do {                                                                                       \
		long result_ = (long)(expr);                                                       \
		if (result_ != (long)(value))                                                      \
			check_failed(__FILE__, __LINE__, #expr " is " #value, result_);            \
	} while (0)

/** End with 1, telling where. */
_Noreturn void check_failed(const char *file, int line, const char *what, long result);

/** Wait for @pid: its status as wait4 gives it. */
int wait_status(pid_t pid);
/** Wait for @pid, which must exit with 0. */
void check_child(pid_t pid, const char *file, int line);
#define CHECK_CHILD(pid) check_child((pid), __FILE__, __LINE__)

/** The letter of /proc/PID/stat. */
char process_state(pid_t pid);
/** fork(); never fails. */
pid_t check_fork(void);
/** A new thread that must come into being. */
pthread_t start_thread(void *(*run)(void *), void *arg);

/** Become this program again, as the test @name with @args (both in argv); returns on error only. */
int exec_test(const char *name, ...) __attribute__((sentinel));

/** @size bytes of zeroed memory that children share. */
void *shared_memory(size_t size);
/** A file descriptor of a new, unlinked, empty file. */
int scratch_file(void);
/** Make a new folder below /tmp the working directory; removed at the end of the program. */
void enter_scratch_folder(void);

/** @ci, or @long_size when the long sizes were asked for. */
long rounds(long ci, long long_size);
/** Is this a guest of the harness (and not a developer's machine)? */
bool is_guest(void);
/** And does it run Halcyon: are there native calls? */
bool is_halcyon(void);
/** @value as a pointer, where the compiler cannot see that it is a bad one. */
void *address(uintptr_t value);
int64_t now_ns(clockid_t clock);
void sleep_ms(int ms);
