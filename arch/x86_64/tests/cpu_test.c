// SPDX-License-Identifier: MIT
// What the CPU says of its clock, how this CPU understands the page tables' memory types, and where other
// CPUs start.
#include <arch/x86.h>
#include <hal/bootinfo.h>
#include <lib/string.h>
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

TEST(x86_64, trampoline_takes_no_one_s_page)
{
	static struct bootinfo kept;
	kept = bootinfo;
	memset(&bootinfo, 0, sizeof(bootinfo));
	EXPECT_EQ(x86_smp_find_low_page(), 0);
	bootinfo_add_ram(0, 0x9f800); // the rest is the extended BIOS data area
	bootinfo_add_ram(0x100000, 0x100000);
	bootinfo_reserve(0, 0x1000);
	bootinfo_finish();
	EXPECT_EQ(x86_smp_find_low_page(), 0x9e000);
	bootinfo_reserve(0x9e800, 1);
	bootinfo_reserve(0x5000, 0x98001); // a loader's
	EXPECT_EQ(x86_smp_find_low_page(), 0x4000);
	bootinfo_reserve(0x1000, 0x3000);
	EXPECT_EQ(x86_smp_find_low_page(), 0x4000);
	bootinfo_reserve(0x4fff, 1);
	EXPECT_EQ(x86_smp_find_low_page(), 0);
	bootinfo = kept;
}
