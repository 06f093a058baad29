// SPDX-License-Identifier: MIT
// Lists of ranges from firmware: overlaps, wraps and lists that are too long must neither lose a
// reservation nor invent memory. Works on the real bootinfo, which is put back afterwards.
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/mmu.h>
#include <lib/string.h>
#include <lib/test.h>

static struct bootinfo kept;
static unsigned kept_warnings;

static void begin(void)
{
	kept = bootinfo;
	for (kept_warnings = 0; bootinfo_next_warning(kept_warnings);)
		kept_warnings++;
	memset(&bootinfo, 0, sizeof(bootinfo));
}

static void end(void)
{
	bootinfo_forget_warnings(kept_warnings);
	bootinfo = kept;
}

static bool is_reserved(paddr_t addr)
{
	for (unsigned i = 0; i < bootinfo.reserved_count; i++) {
		const struct boot_range *range = &bootinfo.reserved[i];
		if (addr >= range->base && addr - range->base < range->size)
			return true;
	}
	return false;
}

TEST(hal, bootinfo_merges_ram)
{
	begin();
	bootinfo_add_ram(0x400000, 0x100000);
	bootinfo_add_ram(0x100000, 0x100800); // ends inside a page
	bootinfo_add_ram(0x200800, 0x100000); // goes on there
	bootinfo_add_ram(0x480000, 0x100000); // overlaps the first
	bootinfo_add_ram(0x700001, 0x1000); // holds no whole page
	bootinfo_finish();
	EXPECT_EQ(bootinfo.ram_count, 2);
	EXPECT_EQ(bootinfo.ram[0].base, 0x100000);
	EXPECT_EQ(bootinfo.ram[0].size, 0x200000);
	EXPECT_EQ(bootinfo.ram[1].base, 0x400000);
	EXPECT_EQ(bootinfo.ram[1].size, 0x180000);
	EXPECT(bootinfo_is_ram(0x100000, 0x200000));
	EXPECT(!bootinfo_is_ram(0x100000, 0x200001));
	EXPECT(!bootinfo_is_ram(0x2ff000, UINT64_MAX));
	end();
}

TEST(hal, bootinfo_joins_through_a_third_range)
{
	begin();
	bootinfo_add_ram(0x100000, 0x1000);
	bootinfo_add_ram(0x103000, 0x1000);
	bootinfo_add_ram(0x101000, 0x2000);
	bootinfo_finish();
	EXPECT_EQ(bootinfo.ram_count, 1);
	EXPECT_EQ(bootinfo.ram[0].size, 0x4000);
	end();
}

TEST(hal, bootinfo_cuts_what_wraps_or_is_too_high)
{
	begin();
	bootinfo_add_ram(HAL_DIRECT_SIZE - 0x2000, 0x10000);
	bootinfo_add_ram(UINT64_MAX - 0x1fff, UINT64_MAX);
	bootinfo_add_ram(0x1000, 0);
	bootinfo_finish();
	EXPECT_EQ(bootinfo.ram_count, 1);
	EXPECT_EQ(bootinfo.ram[0].base + bootinfo.ram[0].size, HAL_DIRECT_SIZE);
	bootinfo_reserve(UINT64_MAX - 0xfff, 0x10000);
	EXPECT(is_reserved(UINT64_MAX - 0xfff));
	EXPECT(!is_reserved(0));
	end();
}

TEST(hal, bootinfo_never_drops_a_reservation)
{
	begin();
	for (unsigned i = 0; i < 3 * BOOT_RANGES_MAX; i++)
		bootinfo_reserve((paddr_t)i * 0x10000, 0x1000);
	EXPECT(bootinfo.reserved_count <= BOOT_RANGES_MAX);
	unsigned lost = 0;
	for (unsigned i = 0; i < 3 * BOOT_RANGES_MAX; i++)
		lost += !is_reserved((paddr_t)i * 0x10000) || !is_reserved((paddr_t)i * 0x10000 + 0xfff);
	EXPECT_EQ(lost, 0);
	end();
}

TEST(hal, bootinfo_refuses_an_initrd_outside_ram)
{
	begin();
	bootinfo_add_ram(0x100000, 0x100000);
	bootinfo_finish();
	bootinfo_set_initrd(0x1ff000, 0x201000);
	EXPECT_EQ(bootinfo.initrd.size, 0);
	bootinfo_set_initrd(0x180000, 0x180000);
	EXPECT_EQ(bootinfo.initrd.size, 0);
	bootinfo_set_initrd(0x180123, 0x190000);
	EXPECT_EQ(bootinfo.initrd.size, 0x190000 - 0x180123);
	EXPECT(is_reserved(0x180123));
	end();
}

TEST(hal, bootinfo_lists_each_cpu_once)
{
	begin();
	bootinfo_set_boot_cpu(7);
	for (uint64_t hwid = 0; hwid < CPUS_MAX + 9; hwid++)
		bootinfo_add_cpu(hwid, 0x1000 + hwid);
	EXPECT_EQ(bootinfo.cpu_count, CPUS_MAX);
	EXPECT_EQ(bootinfo.cpus_ignored, 9);
	EXPECT_EQ(bootinfo.cpus[0].hwid, 7);
	EXPECT_EQ(bootinfo.cpus[0].release_addr, 0x1007);
	EXPECT_EQ(bootinfo.cpus[8].hwid, 8);
	end();
}

TEST(hal, console_words_are_found)
{
	begin();
	bootinfo_set_cmdline("xconsole=a console=ttyS1,115200n8 quiet console= console=tty1 -- console=b");
	const char *at = bootinfo.cmdline, *first = console_next_word(&at), *empty = console_next_word(&at);
	const char *last = console_next_word(&at);
	EXPECT(first && console_is_named(first, "ttyS1") && !console_is_named(first, "ttyS"));
	EXPECT(empty && console_is_named(empty, "") && !console_is_named(empty, "ttyS0"));
	EXPECT(last && console_is_named(last, "tty1") && !console_is_named(last, "tty10"));
	EXPECT(!console_next_word(&at)); // the rest is init's
	bootinfo_set_cmdline("quiet console=hvc0");
	at = bootinfo.cmdline;
	last = console_next_word(&at);
	EXPECT(last && console_is_named(last, "hvc0"));
	EXPECT(!console_next_word(&at));
	EXPECT(!console_next_word(&at));
	end();
}
