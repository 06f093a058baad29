// SPDX-License-Identifier: MIT
// Multiboot2 information that lies: each lie gets one line, and the rest is used. The information stands in
// the image; bootinfo is put back afterwards.
#include "../loader.h"

#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <lib/format.h>
#include <lib/string.h>
#include <lib/test.h>

enum { END = 0, CMDLINE = 1, MODULE = 3, MEMORY_MAP = 6, FRAMEBUFFER = 8 };

static struct bootinfo kept;
static _Alignas(8) uint8_t info[1024];
static uint32_t used;

static void put(const void *data, uint32_t len)
{
	memcpy(info + used, data, len);
	used += len;
}

static void put32(uint32_t value)
{
	put(&value, sizeof(value));
}

static void put64(uint64_t value)
{
	put(&value, sizeof(value));
}

static void begin(void)
{
	kept = bootinfo;
	memset(&bootinfo, 0, sizeof(bootinfo));
	bootinfo.image = kept.image;
	bootinfo_forget_warnings(0); // the boot's own are printed, and those of other tests fill the list
	memset(info, 0, sizeof(info));
	used = 8;
}

/** A tag whose data of @len bytes the caller puts. */
static void tag(uint32_t type, uint32_t len)
{
	used = align_up(used, 8u);
	put32(type);
	put32(8 + len);
}

static void map_entry(uint64_t base, uint64_t size, uint32_t type)
{
	put64(base);
	put64(size);
	put32(type);
	put32(0);
}

/** 64 MiB of RAM from 0 on, and, of type 2, the last MiB of it once more. */
static void memory_map(bool overlaps)
{
	tag(MEMORY_MAP, overlaps ? 56 : 32);
	put32(24);
	put32(0);
	map_entry(0, MIB(64), 1);
	if (overlaps)
		map_entry(MIB(63), MIB(1), 2);
}

static bool read_info(void)
{
	tag(END, 0);
	memcpy(info, &used, sizeof(used));
	return multiboot2_read(hal_image_paddr(info));
}

/** Whether @text, or nothing, is the only warning. */
static bool is_warned(const char *text)
{
	const char *warning = bootinfo_next_warning(0);
	return text ? warning && strcmp(warning, text) == 0 && !bootinfo_next_warning(1) : !warning;
}

static void end(void)
{
	bootinfo_forget_warnings(0);
	bootinfo = kept;
}

TEST(hal, multiboot2_good)
{
	begin();
	tag(CMDLINE, 6);
	put("a b=c", 6);
	memory_map(false);
	tag(MODULE, 9);
	put32(MIB(8));
	put32(MIB(9));
	EXPECT(read_info());
	EXPECT(is_warned(NULL));
	EXPECT(strcmp(bootinfo.cmdline, "a b=c") == 0);
	EXPECT_EQ(bootinfo.ram_count, 1);
	EXPECT_EQ(bootinfo.initrd.base, MIB(8));
	EXPECT_EQ(bootinfo.initrd.size, MIB(1));
	end();
}

TEST(hal, multiboot2_ranges_overlap)
{
	begin();
	memory_map(true);
	EXPECT(read_info());
	EXPECT(is_warned("memory map: 0x3f00000 to 0x4000000 is RAM and of type 2: not used"));
	bool is_kept_out = false;
	for (unsigned i = 0; i < bootinfo.reserved_count; i++)
		is_kept_out |= bootinfo.reserved[i].base == MIB(63) && bootinfo.reserved[i].size == MIB(1);
	EXPECT(is_kept_out);
	end();
}

TEST(hal, multiboot2_initrd_over_the_kernel)
{
	begin();
	memory_map(false);
	tag(MODULE, 9);
	put32((uint32_t)kept.image.base + 0x1000);
	put32((uint32_t)kept.image.base + 0x2000);
	EXPECT(read_info());
	EXPECT_EQ(bootinfo.initrd.size, 0);
	char text[100];
	fmt_snprintf(text, sizeof(text), "initrd from 0x%llx to 0x%llx overlaps the kernel: ignored",
		     (unsigned long long)kept.image.base + 0x1000, (unsigned long long)kept.image.base + 0x2000);
	EXPECT(is_warned(text));
	end();
}

TEST(hal, multiboot2_tags_that_lie)
{
	begin();
	memory_map(false);
	tag(CMDLINE, 4);
	put("text", 4); // no end
	tag(CMDLINE, 4000);
	EXPECT(read_info());
	EXPECT_EQ(bootinfo.ram_count, 1);
	EXPECT_EQ(bootinfo.cmdline[0], 0);
	EXPECT(is_warned("Multiboot2: tag 1 has bad size 4008: the rest is ignored"));
	end();
}

TEST(hal, multiboot2_no_information)
{
	begin();
	EXPECT(!multiboot2_read(0));
	EXPECT(!multiboot2_read(UINT64_MAX - 7));
	EXPECT(!multiboot2_read(hal_image_paddr(info))); // its size is 0
	EXPECT_EQ(bootinfo.ram_count, 0);
	end();
}

static void framebuffer(uint64_t addr, uint32_t pitch, uint32_t width, uint32_t height, uint8_t bits, uint8_t kind)
{
	tag(FRAMEBUFFER, 24);
	put64(addr);
	put32(pitch);
	put32(width);
	put32(height);
	put(&bits, 1);
	put(&kind, 1);
	put("\0\0", 2);
}

TEST(hal, multiboot2_text_screen)
{
	begin();
	memory_map(false);
	framebuffer(0xb8000, 160, 80, 25, 16, 2);
	EXPECT(read_info());
	EXPECT(is_warned(NULL));
	EXPECT(bootinfo.framebuffer.is_text);
	EXPECT_EQ(bootinfo.framebuffer.width, 80);
	EXPECT_EQ(bootinfo.framebuffer.height, 25);
	EXPECT_EQ(bootinfo.framebuffer.bytes_per_pixel, 2);
	end();
}

TEST(hal, multiboot2_screen_that_cannot_be)
{
	begin();
	memory_map(false);
	framebuffer(0xb8000, 80, 80, 25, 16, 2); // lines overlap
	framebuffer(0xe0000000, 4096, 1024, 768, 32, 1); // the tag ends before the colours
	EXPECT(read_info());
	EXPECT(is_warned("framebuffer of 80x25, 16 bits at 0xb8000 cannot be: no screen"));
	EXPECT_EQ(bootinfo.framebuffer.width, 0);
	end();
}
