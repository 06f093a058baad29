// SPDX-License-Identifier: MIT
#pragma once

static inline void hal_explore_point(const volatile void *object)
{
	(void)object;
}
