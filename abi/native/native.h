// SPDX-License-Identifier: MIT
// What the files of native calls share.
#pragma once

#include <hal/trapframe.h>
#include <lib/types.h>
#include <object/fdtable.h>
#include <sched/thread.h>

/** A descriptor for @grant (its reference is used up) in current's table, close-on-exec as all that
 *  native calls make; or a negative error. */
int64_t native_install(struct grant *grant);

/** The object behind current's descriptor @fd, of @type and with @rights, with a reference; 0, -EBADF,
 *  -EPERM. */
must_check err_t native_get_object(uint64_t fd, uint32_t type, uint32_t rights, struct object **object);

void native_notification(struct trapframe *tf);
void native_wait(struct trapframe *tf);
void native_try_wait(struct trapframe *tf);
void native_bind(struct trapframe *tf);
void native_attach(struct trapframe *tf);
void native_port(struct trapframe *tf);
void native_channel(struct trapframe *tf);
void native_region(struct trapframe *tf);
void native_region_size(struct trapframe *tf);
void native_region_move(struct trapframe *tf);
void native_publish(struct trapframe *tf);
void native_device(struct trapframe *tf);
void native_irq_ack(struct trapframe *tf);
