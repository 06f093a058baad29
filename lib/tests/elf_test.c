// SPDX-License-Identifier: MIT
// If these fail, exec refuses good programs or is talked into mapping what it must not.
#include <lib/elf.h>
#include <lib/string.h>
#include <lib/test.h>

#include <uapi/errno.h>

#define PAGE 4096
#define LIMIT 0x800000000000ull
#define FILE_SIZE 0x3000

// One byte in front, so that everything is unaligned.
static uint8_t storage[1 + 64 + 4 * 56];
static uint8_t *const image = storage + 1;
#define IMAGE_BYTES (sizeof(storage) - 1)

static struct elf64_ehdr header;
static struct elf64_phdr segments[4];

static void write_image(void)
{
	memcpy(image, &header, sizeof(header));
	memcpy(image + 64, segments, sizeof(segments));
}

static void build_image(void)
{
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	header = (struct elf64_ehdr){
		.e_type = ET_EXEC,
		.e_machine = EM_RISCV,
		.e_version = 1,
		.e_entry = 0x10000,
		.e_phoff = 64,
		.e_ehsize = 64,
		.e_phentsize = 56,
		.e_phnum = 4,
	};
	memcpy(header.e_ident, ident, sizeof(ident));
	memset(segments, 0, sizeof(segments));
	segments[0] = (struct elf64_phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
	segments[1] = (struct elf64_phdr){.p_type = PT_LOAD, .p_vaddr = 0x10000, .p_filesz = 0x1800,
					  .p_memsz = 0x1800, .p_align = PAGE};
	segments[2] = (struct elf64_phdr){.p_type = PT_LOAD, .p_offset = 0x1800, .p_vaddr = 0x12800,
					  .p_filesz = 0x1000, .p_memsz = 0x4000, .p_align = PAGE};
	write_image();
}

static err_t check(void)
{
	write_image();
	return elf_check(image, IMAGE_BYTES, EM_RISCV);
}

static err_t extent(uint64_t *lo, uint64_t *hi)
{
	write_image();
	return elf_load_extent(image, IMAGE_BYTES, FILE_SIZE, LIMIT, PAGE, lo, hi);
}

TEST(lib, elf_accepts_a_program)
{
	struct elf64_ehdr eh;
	struct elf64_phdr ph;
	uint64_t lo, hi;

	build_image();
	EXPECT_EQ(check(), 0);
	elf_ehdr(image, &eh);
	EXPECT_EQ(eh.e_entry, 0x10000);
	EXPECT(elf_phdr(image, IMAGE_BYTES, 2, &ph) == 0 && ph.p_vaddr == 0x12800);
	EXPECT_EQ(elf_phdr(image, IMAGE_BYTES, 4, &ph), -ENOENT);
	EXPECT_EQ(extent(&lo, &hi), 0);
	EXPECT_EQ(lo, 0x10000);
	EXPECT_EQ(hi, 0x17000);
	header.e_type = ET_DYN;
	EXPECT_EQ(check(), 0);
}

TEST(lib, elf_refuses_lying_headers)
{
#define LIE(assignment)                                                                            \
	do {                                                                                       \
		build_image();                                                                     \
		assignment;                                                                        \
		EXPECT_EQ(check(), -ENOEXEC);                                                      \
	} while (0)
	LIE(header.e_ident[0] = 0x7e);
	LIE(header.e_ident[3] = 'f');
	LIE(header.e_ident[4] = 1);
	LIE(header.e_ident[5] = 2);
	LIE(header.e_ident[6] = 0);
	LIE(header.e_type = 1);
	LIE(header.e_type = 4);
	LIE(header.e_machine = EM_X86_64);
	LIE(header.e_version = 2);
	LIE(header.e_ehsize = 52);
	LIE(header.e_phentsize = 32);
	LIE(header.e_phnum = 0);
	LIE(header.e_phnum = 0xffff);
	LIE(header.e_phoff = UINT64_MAX - 100);
#undef LIE
	build_image();
	for (size_t len = 0; len < 64; len++)
		EXPECT_EQ(elf_check(image, len, EM_RISCV), -ENOEXEC);
}

TEST(lib, elf_bounds_program_headers)
{
	struct elf64_phdr ph;

	build_image();
	EXPECT_EQ(elf_phdr(image, 63, 0, &ph), -ENOEXEC);
	EXPECT_EQ(elf_phdr(image, 64 + 55, 0, &ph), -ENOEXEC);
	EXPECT_EQ(elf_phdr(image, 64 + 56, 0, &ph), 0);
	EXPECT_EQ(elf_phdr(image, 64 + 56, 1, &ph), -ENOEXEC);
	header.e_phoff = UINT64_MAX - 30;
	write_image();
	EXPECT_EQ(elf_phdr(image, IMAGE_BYTES, 0, &ph), -ENOEXEC);
}

TEST(lib, elf_refuses_lying_segments)
{
	uint64_t lo = 1, hi = 2;
#define LIE(assignment)                                                                            \
	do {                                                                                       \
		build_image();                                                                     \
		assignment;                                                                        \
		EXPECT_EQ(extent(&lo, &hi), -ENOEXEC);                                             \
	} while (0)
	LIE(segments[2].p_filesz = 0x4001); // more than memsz
	LIE(segments[2].p_filesz = 0x1801); // past the end of the file
	LIE(segments[2].p_offset = UINT64_MAX - 0x7ff);
	LIE(segments[2].p_memsz = UINT64_MAX);
	LIE(segments[2].p_memsz = UINT64_MAX - 0x12800);
	LIE(segments[2].p_vaddr = LIMIT - 0x1000 + 0x800);
	LIE(segments[2].p_vaddr = UINT64_MAX - 0x7ff);
	LIE(segments[2].p_align = 3);
	LIE(segments[2].p_vaddr = 0x12000); // does not agree with the offset
	LIE(segments[2].p_vaddr = 0x10800); // overlaps the first
	LIE(segments[1].p_vaddr = 0x20000); // not ascending
	LIE(segments[1].p_type = segments[2].p_type = PT_NOTE);
	LIE(header.e_phnum = 5); // the fifth lies outside what was read
#undef LIE
	EXPECT(lo == 1 && hi == 2);
}

TEST(lib, elf_lets_pure_bss_have_any_offset)
{
	uint64_t lo, hi;

	build_image();
	segments[2].p_filesz = 0;
	segments[2].p_offset = 0x99999;
	EXPECT_EQ(extent(&lo, &hi), 0);
	segments[1].p_memsz = segments[1].p_filesz = 0; // nothing to map
	EXPECT(extent(&lo, &hi) == 0 && lo == 0x12000);
}

TEST(lib, elf_extent_reaches_the_limit)
{
	uint64_t lo, hi;

	build_image();
	segments[2].p_vaddr = LIMIT - 0x4000;
	segments[2].p_offset = 0x1000;
	EXPECT(extent(&lo, &hi) == 0 && hi == LIMIT);
	segments[2].p_memsz++;
	EXPECT_EQ(extent(&lo, &hi), -ENOEXEC);
}
