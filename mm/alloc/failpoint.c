// SPDX-License-Identifier: MIT
// The counter behind alloc_may_fail().
#include <mm/failpoint.h>

#if CONFIG_TESTS || CONFIG_DEBUG
_Atomic uint32_t alloc_fail_countdown;

bool alloc_fail_count(void)
{
	uint32_t count = load_relaxed(&alloc_fail_countdown);
	while (count != 0 && !cas_acq_rel(&alloc_fail_countdown, &count, count - 1))
		;
	return count == 1;
}
#endif
