// SPDX-License-Identifier: MIT
// fail= on the command line counts the allocations of all programs.
// guest: CPUS 1 MEM 64M APPEND fail=frame:100000000
#include "inject.h"

static long left(void)
{
	char text[16] = "";
	CHECK(pread(fail_fd, text, sizeof(text) - 1, 0) > 0);
	return atol(text);
}

int main(void)
{
	if (!inject_is_there())
		return SKIPPED;
	long before = left();
	CHECK(before > 0 && before < 100000000);
	pid_t child = check_fork();
	if (child == 0)
		_exit(0);
	CHECK_CHILD(child);
	CHECK(left() < before - 5);
	CHECK_ERRNO(pwrite(fail_fd, "frames:1", 8, 0), EINVAL);
	CHECK_ERRNO(pwrite(fail_fd, "frame:1x", 8, 0), EINVAL);
	CHECK_ERRNO(pwrite(fail_fd, "4294967296", 10, 0), EINVAL);
	return 0;
}
