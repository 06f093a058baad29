// SPDX-License-Identifier: MIT
// What the kernel asks of caches and MMU, in order, for tests that ask whether it was all that is needed and no
// more (rows H6). Events of all CPUs go into one list, which is full some time: then it says so.
#include "record.h"

#include <string.h>

#include "host.h"

#define RECORDS_MAX 65536

static struct host_record records[RECORDS_MAX];
static _Atomic uint32_t count;
static _Atomic bool is_on;

void host_record_start(void)
{
	count = 0;
	is_on = true;
}

size_t host_record_stop(const struct host_record **list)
{
	is_on = false;
	if (count > RECORDS_MAX)
		host_die("more than %u events recorded", RECORDS_MAX);
	*list = records;
	return count;
}

void host_record(enum host_record_kind kind, uint32_t asid, uint64_t at, size_t len)
{
	if (!is_on)
		return;
	uint32_t i = count++;
	if (i >= RECORDS_MAX)
		return;
	struct host_cpu *cpu = host_cpu();
	records[i] = (struct host_record){kind, cpu ? cpu->number : 0, asid, at, len, 0};
	if (kind == HOST_RECORD_CLEAN && len == sizeof(uint64_t))
		memcpy(&records[i].word, (const void *)at, len);
}
