// SPDX-License-Identifier: MIT
// Inside the port: what lab.c and interrupt.c leave to the simulation (sim.c).
#pragma once

#include "host.h"

void sim_attach(struct host_cpu *cpu);
void sim_relax(struct host_cpu *cpu);
void sim_wait(struct host_cpu *cpu);
noreturn_fn void sim_halt(struct host_cpu *cpu);
/** The pending word of @cpu is written. */
void sim_interrupt(struct host_cpu *cpu);
/** @cpu takes its timer interrupt; it has taken all that was pending. */
void sim_timer_taken(struct host_cpu *cpu);
void sim_irqs_taken(struct host_cpu *cpu);
