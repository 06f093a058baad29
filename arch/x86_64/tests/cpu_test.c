// SPDX-License-Identifier: MIT
// What the CPU says of its clock, and how this CPU understands the page tables' memory types.
#include <arch/x86.h>
#include <lib/test.h>

TEST(x86_64, tsc_rate_from_cpuid)
{
	const struct x86_cpuid none = {0};
	const struct x86_cpuid whole = {.eax = 2, .ebx = 216, .ecx = 24000000}; // 2.592 GHz
	const struct x86_cpuid no_crystal = {.eax = 2, .ebx = 216};
	const struct x86_cpuid no_ratio = {.ecx = 24000000};
	const struct x86_cpuid nominal = {.eax = 2600, .ebx = 4000, .ecx = 100};

	EXPECT_EQ(x86_tsc_hz(&whole, &nominal), 2592000000ull);
	EXPECT_EQ(x86_tsc_hz(&no_crystal, &nominal), 2600000000ull);
	EXPECT_EQ(x86_tsc_hz(&no_crystal, &none), 0);
	EXPECT_EQ(x86_tsc_hz(&no_ratio, &nominal), 0);
	EXPECT_EQ(x86_tsc_hz(&none, &none), 0);
}

TEST(x86_64, every_cpu_can_combine_writes)
{
	// Entry 1, which HAL_PROT_COMBINE chooses, is write-combining; entry 3 is uncached.
	EXPECT_EQ(x86_rdmsr(X86_MSR_PAT) >> 8 & 7, 1);
	EXPECT_EQ(x86_rdmsr(X86_MSR_PAT) >> 24 & 7, 0);
}
