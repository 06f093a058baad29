// SPDX-License-Identifier: MIT
// The unit test runner: walks the descriptors that TEST() left in the section `tests` and prints
// TAP. Tests run one after another on one thread; the only state is the running test's failures.
#include <lib/test.h>

#include <lib/format.h>
#include <lib/string.h>

extern const struct test_case __start_tests[];
extern const struct test_case __stop_tests[];

static int failures; // of the running test

static void print_line(const char *fmt, ...) printf_like(1, 2);

static void print_line(const char *fmt, ...)
{
	char line[320];
	va_list ap;

	va_start(ap, fmt);
	fmt_vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	test_print(line);
}

void test_fail(const char *file, int line, const char *what)
{
	failures++;
	print_line("# %s:%d: %s\n", file, line, what);
}

void test_fail_eq(const char *file, int line, const char *what, long long a, long long b)
{
	failures++;
	print_line("# %s:%d: %s: %lld (%#llx) != %lld (%#llx)\n", file, line, what, a,
		   (unsigned long long)a, b, (unsigned long long)b);
}

static bool is_selected(const struct test_case *t, const char *filter)
{
	char name[128];

	if (!*filter || strcmp(filter, "all") == 0)
		return true;
	fmt_snprintf(name, sizeof(name), "%s.%s", t->room, t->name);
	return str_has_prefix(name, filter);
}

static bool run_one(const struct test_case *t, int number)
{
	failures = 0;
	t->run();
	print_line("%sok %d - %s.%s\n", failures ? "not " : "", number, t->room, t->name);
	return failures == 0;
}

int test_run_all(const char *filter)
{
	int planned = 0, number = 0, failed = 0;

	for (const struct test_case *t = __start_tests; t < __stop_tests; t++)
		planned += is_selected(t, filter);
	print_line("1..%d\n", planned);
	for (const struct test_case *t = __start_tests; t < __stop_tests; t++) {
		if (is_selected(t, filter) && !run_one(t, ++number))
			failed++;
	}
	return failed;
}
