// SPDX-License-Identifier: MIT
// Job control as a user has it: an interactive shell on a pseudo terminal, to which Ctrl-C, Ctrl-Z,
// fg, bg and jobs are typed. Who is in the foreground is asked of the terminal.
// guest: CPUS 4
#include <dirent.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "check.h"

#define PATIENCE_MS 20000

static int master;
static pid_t shell;
static char seen[65536];
static size_t seen_len;

static void read_more(const char *wanted)
{
	struct pollfd pollfd = {master, POLLIN, 0};
	ssize_t n = -1;
	if (seen_len < sizeof(seen) && poll(&pollfd, 1, PATIENCE_MS) == 1)
		n = read(master, seen + seen_len, sizeof(seen) - seen_len);
	if (n <= 0) {
		printf("no '%s' in: %.*s\n", wanted, (int)seen_len, seen);
		exit(1);
	}
	seen_len += (size_t)n;
}

/** Read what the shell prints, until @text is in it; what comes before is forgotten. */
static void expect(const char *text)
{
	char *found;
	while (!(found = memmem(seen, seen_len, text, strlen(text))))
		read_more(text);
	size_t gone = (size_t)(found - seen) + strlen(text);
	memmove(seen, seen + gone, seen_len - gone);
	seen_len -= gone;
}

static void type(const char *text)
{
	CHECK_IS(write(master, text, strlen(text)), strlen(text));
}

/** Wait until the shell is, or is not, the foreground group; that group. */
static pid_t wait_foreground(bool is_shell)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		pid_t group = tcgetpgrp(master);
		if (group > 0 && (group == shell) == is_shell)
			return group;
		sleep_ms(1);
	}
	CHECK(!"the foreground group changes");
	return 0;
}

/** Wait until the foreground job, whose first program is @name, runs: between fork and exec a shell may
 *  lose a signal that is typed. */
static pid_t wait_job(const char *name)
{
	char path[64], comm[32];
	pid_t group = wait_foreground(false);
	snprintf(path, sizeof(path), "/proc/%d/comm", group);
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, comm, sizeof(comm));
		close(fd);
		if (n > 0 && (size_t)n > strlen(name) && memcmp(comm, name, strlen(name)) == 0)
			return group;
		sleep_ms(1);
	}
	CHECK(!"the job begins");
	return 0;
}

static void start_shell(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	shell = check_fork();
	if (shell == 0) {
		signal(SIGINT, SIG_DFL); // a shell that started this may have ignored them
		signal(SIGQUIT, SIG_DFL);
		setsid();
		int slave = open(ptsname(master), O_RDWR); // its terminal from here on
		CHECK(slave >= 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(slave, fd);
		setenv("PS1", "ready> ", 1);
		setenv("TERM", "dumb", 1);
		unsetenv("ENV");
		execl("/bin/sh", "sh", "-i", (char *)NULL);
		_exit(127);
	}
	expect("ready> ");
}

/** @command, and the shell's answer up to the next prompt begins with @answer. */
static void ask(const char *command, const char *answer)
{
	type(command);
	expect(answer);
	expect("ready> ");
}

/** The process that the shell started last in the background. */
static pid_t last_background(void)
{
	type("echo p''id=$!\n");
	expect("pid=");
	while (!memchr(seen, '\n', seen_len))
		read_more("\n");
	pid_t pid = (pid_t)strtol(seen, NULL, 10);
	CHECK(pid > 1);
	expect("ready> ");
	return pid;
}

static void wait_stopped(pid_t pid)
{
	char path[64], stat[256];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, stat, sizeof(stat) - 1);
		close(fd);
		stat[n > 0 ? n : 0] = 0;
		char *state = strrchr(stat, ')');
		if (state && state[2] == 'T')
			return;
		sleep_ms(1);
	}
	CHECK(!"the process stops");
}

/** How many programs but shells are in @group. */
static int count_programs(pid_t group)
{
	char path[300], stat[256], comm[64];
	int count = 0, pgrp;
	DIR *proc = opendir("/proc");
	CHECK(proc != NULL);
	for (struct dirent *entry; (entry = readdir(proc));) {
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		int fd = entry->d_name[0] <= '9' ? open(path, O_RDONLY) : -1;
		ssize_t n = fd < 0 ? 0 : read(fd, stat, sizeof(stat) - 1);
		close(fd);
		stat[n > 0 ? n : 0] = 0;
		if (sscanf(stat, "%*d (%63[^)]) %*c %*d %d", comm, &pgrp) == 2 && pgrp == group)
			count += strcmp(comm, "sh") != 0;
	}
	closedir(proc);
	return count;
}

static void wait_programs(pid_t group, int count)
{
	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		if (count_programs(group) == count)
			return;
		sleep_ms(1);
	}
	CHECK(!"all of the pipeline runs");
}

int main(void)
{
	start_shell();
	type("sleep 1000\n");
	pid_t job = wait_job("sleep");
	CHECK(getpgid(job) == job && getsid(job) == shell);
	type("\003");
	expect("ready> ");
	CHECK_IS(wait_foreground(true), shell);
	ask("echo status=$?\n", "status=130");

	type("sleep 1000\n");
	job = wait_job("sleep");
	type("\032");
	expect("ready> ");
	wait_foreground(true);
	ask("jobs\n", "Stopped");
	ask("bg\n", "sleep 1000");
	ask("jobs\n", "Running");
	type("fg\n");
	CHECK_IS(wait_foreground(false), job);
	type("\034");
	expect("ready> ");
	ask("echo status=$?\n", "status=131");

	// In the background cat is stopped when it reads; in the foreground it may.
	ask("cat &\n", "");
	wait_stopped(last_background());
	ask("jobs\n", "tty input");
	type("fg\n");
	wait_foreground(false);
	type("typed\n");
	expect("typed\r\n");
	expect("typed\r\n"); // the echo and cat's copy
	type("\004");
	expect("ready> ");
	wait_foreground(true);

	// A pipeline is one group: all of it dies.
	type("sleep 1000 | sleep 1000 | cat\n");
	job = wait_job("sleep");
	wait_programs(job, 3);
	type("\003");
	expect("ready> ");
	CHECK_ERRNO(kill(-job, 0), ESRCH);
	type("exit 5\n");
	int status = wait_status(shell);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	return 0;
}
