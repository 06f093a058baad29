// SPDX-License-Identifier: MIT
// Regions: memory that is a capability. Mapped by mmap(2) on its descriptor; what was mapped through a
// grant goes with the grant.
#pragma once

#include <lib/list.h>
#include <mm/space.h>
#include <object/grant.h>
#include <sched/mutex.h>
#include <uapi/ipc.h>

struct region {
	struct object object; // first: a grant's object pointer is the region's
	struct sched_mutex lock;
	struct mm_object *pages; // holds a reference; NULL = moved away (lock)
	uint64_t size; // bytes, whole pages; 0 = moved away (lock)
	bool is_device; // its pages are a device's, and stay so
	bool has_registers; // mapped with MM_DEVICE
	struct list views; // struct region_view (lock)
	struct quiesce quiesce;
};

/** A region of @size bytes, rounded up to pages, which are zero; *@grant (refs 1) has all rights.
 *  -EINVAL (0), -ENOMEM. */
must_check err_t ipc_region_create(uint64_t size, struct grant **grant);

/** What mappings through @grant, of type REGION and with IPC_RIGHT_READ, map: *@object with a reference.
 *  -EBADF (revoked), -ENXIO (moved away), -ENOMEM. May sleep. */
must_check err_t ipc_region_view(struct grant *grant, struct mm_object **object);

/** The pages of @grant's region, to which all rights are needed, become those of a new one, with a grant
 *  of its own; nothing is copied. All other mappings of them fault from now on. -EBADF, -EPERM, -ENXIO,
 *  -ENOMEM: nothing has changed. May sleep. */
must_check err_t ipc_region_move(struct grant *grant, struct grant **moved);

/** A region of a device's @memory (a reference is used up), @size bytes in whole pages; refs 1, and no grant.
 *  NULL = no memory. */
must_check struct region *ipc_region_of_device(struct mm_object *memory, uint64_t size);
/** Its memory is taken away: on return nobody has it mapped. May sleep. */
void ipc_region_end(struct region *region);

/** Bytes. */
uint64_t ipc_region_size(struct region *region);
