// SPDX-License-Identifier: MIT
// The port's list of what it was asked to do to caches and MMU.
#pragma once

#include <lib/types.h>

enum host_record_kind {
	HOST_RECORD_SYNC_CODE, // at: address in the direct map
	HOST_RECORD_CLEAN, // the same; word: what was there, of 8 bytes
	HOST_RECORD_FLUSH_PAGE, // at: virtual address
	HOST_RECORD_FLUSH_ASID,
	HOST_RECORD_FLUSH_KERNEL_PAGE,
	HOST_RECORD_FLUSH_ALL,
	HOST_RECORD_ACTIVATE, // at: physical address of the root, 0 = none
};

struct host_record {
	enum host_record_kind kind;
	cpuid_t cpu;
	uint32_t asid;
	uint64_t at;
	size_t len;
	uint64_t word;
};

void host_record_start(void);
/** What was recorded since, valid until the next start. */
size_t host_record_stop(const struct host_record **list);
/** The port's own: note that. */
void host_record(enum host_record_kind kind, uint32_t asid, uint64_t at, size_t len);
