// SPDX-License-Identifier: MIT
// What each CPU did in this run, and what came before what (history.c).
#pragma once

#include "host.h"

/** CPUs that a scenario may have. */
#define HISTORY_CPUS 4

/** CPU @cpu begins, with an empty history. */
void history_begin(cpuid_t cpu);
/** Equal for two runs in which @cpu did the same, and so did whoever it learnt from. */
uint64_t history_hash(cpuid_t cpu);
/** @cpu passed a point where the search could have preempted it: what it does until the next one is
 *  one step, known by its hash here. */
void history_step(cpuid_t cpu);
/** @cpu accesses @object. Steps of others that could as well come after this are reported. */
void history_access(cpuid_t cpu, const volatile void *object, bool is_store);
/** The present step of @cpu looked whether an interrupt is there, and there was none. */
void history_look(cpuid_t cpu);
/** @cpu sends one to @target. */
void history_interrupt(cpuid_t cpu, cpuid_t target);
/** The clock moved, for all CPUs. */
void history_time(uint64_t now);
/** The present step of @cpu does what any other could undo, or prevent. */
void history_conflict(cpuid_t cpu);

/** explore.c: a step began where its CPU's hash was @hash, and another CPU could go before it. */
void explore_race(uint64_t hash);
