// SPDX-License-Identifier: MIT
// Scenarios whose bodies are user threads: they enter the kernel by host_syscall() only.
#pragma once

#include <arch/lab.h>
#include <arch/user.h>

/** Body i is a thread of its own address space on CPU i % cpus, with descriptors that all share. */
void explore_run_users(const struct explore_scenario *self);
/** All bodies on CPU 0, beside the other CPUs of the machine. */
void explore_run_users_together(const struct explore_scenario *self);

/** The descriptor of an endpoint that all bodies share, with all rights. */
#define EXPLORE_ENDPOINT 1

/** What they have, for a setup that adds to it: the descriptors start at 2. */
struct fdtable *explore_user_fds(void);
/** In a setup: @fn runs beside the bodies, in a kernel thread on the last CPU. */
void explore_beside(void (*fn)(void *));

/** In a setup: the bodies of the bit mask @bodies have a real-time priority. */
void explore_realtime(unsigned bodies);

/** In a setup: every body has a page of memory, present, at EXPLORE_MEMORY of its space. */
#define EXPLORE_MEMORY 0x400000ul
void explore_with_memory(void);
/** Body @i's, as the kernel maps it. */
char *explore_user_memory(unsigned i);

/** The thread that runs body @i, for scenarios that interrupt it. */
struct thread *explore_user_thread(unsigned i);
