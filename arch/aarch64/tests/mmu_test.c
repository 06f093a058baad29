// SPDX-License-Identifier: MIT
// Device mappings may be asked for again, and never change what RAM is mapped as.
#include <arch/boot.h>
#include <hal/bootinfo.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <lib/test.h>

// Above the RAM of every board that runs the tests, and nothing is read there.
#define NOBODY 0x7000000000ull

TEST(aarch64, mmio_map_twice_is_the_same)
{
	vaddr_t first = hal_mmio_map(NOBODY + 0x10, 0x20);
	EXPECT_EQ(first, HAL_DIRECT_BASE + NOBODY + 0x10);
	EXPECT_EQ(hal_mmio_map(NOBODY, 0x1000), HAL_DIRECT_BASE + NOBODY);
	// Larger than the page that is there, and a block where a table is.
	EXPECT_EQ(hal_mmio_map(NOBODY, MIB(4)), HAL_DIRECT_BASE + NOBODY);
	EXPECT_EQ(hal_mmio_map(NOBODY + MIB(3), 0x1000), HAL_DIRECT_BASE + NOBODY + MIB(3));
}

TEST(aarch64, mmio_map_refuses_what_it_must_not_map)
{
	EXPECT_EQ(hal_mmio_map(bootinfo.ram[0].base, 0x1000), 0);
	EXPECT_EQ(hal_mmio_map(NOBODY, 0), 0);
	EXPECT_EQ(hal_mmio_map(HAL_DIRECT_SIZE, 0x1000), 0);
	EXPECT_EQ(hal_mmio_map(HAL_DIRECT_SIZE - 0x1000, 0x2000), 0);
	EXPECT_EQ(hal_mmio_map(UINT64_MAX - 0xfff, 0x1000), 0);
}

TEST(aarch64, image_addresses_are_contiguous)
{
	EXPECT_EQ(hal_image_paddr(_image_start), arch_image_base);
	EXPECT_EQ(hal_image_paddr(_image_end) - arch_image_base,
		  (paddr_t)(_image_end - _image_start));
	EXPECT(is_aligned(arch_image_base, MIB(2)));
}
