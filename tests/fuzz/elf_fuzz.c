// SPDX-License-Identifier: MIT
// Fuzz target: check any bytes as an executable; what is accepted must keep its promises.
#include <lib/elf.h>

#define LIMIT 0x800000000000ull
#define PAGE 4096ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_segments(const uint8_t *data, size_t size, uint64_t lo, uint64_t hi)
{
	struct elf64_phdr ph;

	for (unsigned i = 0; elf_phdr(data, size, i, &ph) == 0; i++) {
		if (ph.p_type != PT_LOAD || !ph.p_memsz)
			continue;
		if (ph.p_vaddr < lo || ph.p_memsz > hi - ph.p_vaddr)
			__builtin_trap();
		if (ph.p_filesz && ph.p_filesz > size - ph.p_offset)
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t lo, hi;

	if (elf_check(data, size, EM_X86_64))
		return 0;
	if (elf_load_extent(data, size, size, LIMIT, PAGE, &lo, &hi))
		return 0;
	if (lo >= hi || hi > LIMIT || (lo | hi) % PAGE)
		__builtin_trap();
	check_segments(data, size, lo, hi);
	return 0;
}
