// SPDX-License-Identifier: MIT
// /proc/PID/trace: each system call is a line of the log with its arguments and its result, also of
// processes made later; nobody else's is, and none after it was switched off.
// guest: CPUS 4
#include <sys/klog.h>

#include "check.h"

static char after[32769];

static void read_log(char *text)
{
	int n = klogctl(3, text, 32768);
	CHECK(n >= 0);
	text[n] = '\0';
}

static void switch_trace(const char *value)
{
	int fd = open("/proc/self/trace", O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_IS(write(fd, value, 1), 1);
	close(fd);
}

/** A line with both is in the log. */
static bool is_logged(const char *first, const char *second)
{
	read_log(after);
	for (char *line = strtok(after, "\n"); line; line = strtok(NULL, "\n")) {
		const char *found = strstr(line, "trace: ");
		if (found && (found = strstr(found, first)) && strstr(found, second))
			return true;
	}
	return false;
}

int main(void)
{
	char text[8];
	if (access("/proc/self/trace", F_OK) != 0)
		return SKIPPED;
	int fd = open("/proc/self/trace", O_RDWR | O_CLOEXEC);
	CHECK_ERRNO(write(fd, "2", 1), EINVAL);
	CHECK_ERRNO(write(fd, "11", 2), EINVAL);
	CHECK(pread(fd, text, sizeof(text), 0) == 2 && text[0] == '0');
	close(fd);
	(void)!access("/untraced", F_OK);
	switch_trace("1");
	CHECK_ERRNO(open("/a\"b\n", O_RDONLY), ENOENT);
	CHECK_IS(write(open("/dev/null", O_WRONLY), "hello", 5), 5);
	CHECK_ERRNO(syscall(500, 1, 2, 3), ENOSYS);
	char *args[] = { "/test", "first", "second", NULL };
	pid_t child = check_fork();
	if (child == 0) {
		execv("/absent", args);
		_exit(3);
	}
	CHECK_IS(wait_status(child), 3 << 8);
	CHECK_ERRNO(read(-1, NULL, 0), EBADF);
	CHECK_ERRNO(open(address(0x10), O_RDONLY), EFAULT);
	switch_trace("0");
	(void)!access("/later", F_OK);
	CHECK(is_logged("openat(AT_FDCWD, \"/a\\\"b\\n\", 0x", ") = -1 ENOENT"));
	CHECK(is_logged("write(", ", \"hello\", 5) = 5"));
	CHECK(is_logged("call_500(0x1, 0x2, 0x3", "= -1 ENOSYS"));
	CHECK(is_logged("execve(\"/absent\", [\"/test\", \"first\", \"second\"], 0x", ") = -1 ENOENT"));
	CHECK(is_logged("exit_group(3) = ?", ""));
	CHECK(is_logged("read(-1, 0x0, 0", ") = -1 EBADF"));
	CHECK(is_logged("openat(AT_FDCWD, 0x10, 0x", ") = -1 EFAULT"));
	CHECK(!is_logged("/untraced", "") && !is_logged("/later", ""));
	return 0;
}
