// SPDX-License-Identifier: MIT
// Scenarios whose bodies are kernel threads of a booted kernel.
#pragma once

#include <arch/lab.h>

/** Body i is a kernel thread on CPU i % cpus; all are ready when the choices begin. */
void explore_run_threads(const struct explore_scenario *self);
/** The same, but the threads may run on every CPU: placement and stealing are part of it. */
void explore_run_free_threads(const struct explore_scenario *self);
