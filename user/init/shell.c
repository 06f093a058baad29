// SPDX-License-Identifier: MIT
// A shell on the console. When it ends the machine is switched off: there is nothing else to do
// on it.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become_shell(void)
{
	setsid();
	if (ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0)
		perror("init: no job control on the console");
	init_prepare_child();
	const char *home = getenv("HOME");
	if (chdir(home) != 0)
		perror(home);
	execl("/bin/sh", "-sh", (char *)NULL);
	perror("init: /bin/sh");
	_exit(127);
}

/** Reap everything until @shell has ended; its status. */
static int wait_for(pid_t shell)
{
	int status;
	for (;;) {
		pid_t pid = waitpid(-1, &status, 0);
		if (pid == shell)
			return status;
		if (pid < 0 && errno != EINTR)
			return 0; // ECHILD: it cannot be
	}
}

void init_run_shell(void)
{
	char line[80];
	pid_t shell = fork();
	if (shell == 0)
		become_shell();
	if (shell < 0)
		init_power_off("init: no shell: fork failed; power off");
	int status = wait_for(shell);
	if (WIFSIGNALED(status))
		snprintf(line, sizeof(line), "init: the shell was ended by signal %d; power off",
			 WTERMSIG(status));
	else
		snprintf(line, sizeof(line), "init: the shell ended with status %d; power off",
			 WEXITSTATUS(status));
	init_power_off(line);
}
