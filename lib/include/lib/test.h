// SPDX-License-Identifier: MIT
// Unit tests: one source, run on the host under sanitizers and in the kernel at boot.
//
//   TEST(sched, waitq_wakes_in_order)
//   {
//           EXPECT(sched_waitq_is_empty(&wq));
//           EXPECT_EQ(count, 3);
//   }
//
// TEST puts a descriptor into the linker section `tests`; test_run_all() walks it. A test file is
// compiled only into host and ARCH-test builds. Output is TAP, through test_print().
#pragma once

#include <lib/types.h>

struct test_case {
	const char *room;
	const char *name;
	void (*run)(void);
};

#define TEST(room_, name_)                                                                         \
	static void test_##room_##_##name_(void);                                                  \
	__attribute__((used, section("tests"), aligned(8))) static const struct test_case          \
		test_case_##room_##_##name_ = {#room_, #name_, test_##room_##_##name_};            \
	static void test_##room_##_##name_(void)

#define EXPECT(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, #cond))
#define EXPECT_EQ(a, b)                                                                            \
	({                                                                                         \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
		if (a_ != b_)                                                                      \
			test_fail_eq(__FILE__, __LINE__, #a " == " #b, a_, b_);                    \
	})

/** Record a failure of the running test; the test goes on. */
void test_fail(const char *file, int line, const char *what);
void test_fail_eq(const char *file, int line, const char *what, long long a, long long b);

/** Run every test whose "room.name" begins with @filter ("all" or "" = every one), print TAP lines.
 *  Returns the number of failed tests. */
int test_run_all(const char *filter);

/** Supplied by the environment: print one NUL-terminated string (the kernel log, or stdout). */
void test_print(const char *text);
