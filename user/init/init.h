// SPDX-License-Identifier: MIT
// The first program, in two roles: with /.halcyon-exec it runs that command and tells the host
// how it went (docs/exec.md), else it gives the console a shell.
#pragma once

#define EXEC_FILE "/.halcyon-exec"

/** Returns never. */
_Noreturn void init_run_command(void);
_Noreturn void init_run_shell(void);

/** Say it on the console and switch the machine off. */
_Noreturn void init_power_off(const char *line);
/** In the child: environment and signals as a program expects them. */
void init_prepare_child(void);
