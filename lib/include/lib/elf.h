// SPDX-License-Identifier: MIT
// ELF64 little-endian executables: structures, constants and the checks that come before any field
// is used. The file is a user's: it may say anything.
#pragma once

#include <lib/types.h>

enum {
	ELF_EI_NIDENT = 16,
	ELF_CLASS64 = 2,
	ELF_DATA2LSB = 1,
	ELF_VERSION_CURRENT = 1,
	ELF_OSABI_SYSV = 0,
	ELF_OSABI_LINUX = 3,
};
enum { ET_EXEC = 2, ET_DYN = 3 };
enum { EM_X86_64 = 62, EM_AARCH64 = 183, EM_RISCV = 243 };
enum {
	PT_NULL = 0,
	PT_LOAD = 1,
	PT_DYNAMIC = 2,
	PT_INTERP = 3,
	PT_NOTE = 4,
	PT_PHDR = 6,
	PT_TLS = 7,
	PT_GNU_STACK = 0x6474e551,
	PT_GNU_RELRO = 0x6474e552,
};
enum { PF_X = 1, PF_W = 2, PF_R = 4 };

// Auxiliary vector types.
enum {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_BASE = 7,
	AT_FLAGS = 8,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_PLATFORM = 15,
	AT_HWCAP = 16,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_BASE_PLATFORM = 24,
	AT_RANDOM = 25,
	AT_HWCAP2 = 26,
	AT_RSEQ_FEATURE_SIZE = 27,
	AT_RSEQ_ALIGN = 28,
	AT_EXECFN = 31,
	AT_SYSINFO_EHDR = 33,
	AT_MINSIGSTKSZ = 51,
};

struct elf64_ehdr {
	uint8_t e_ident[ELF_EI_NIDENT];
	uint16_t e_type;
	uint16_t e_machine;
	uint32_t e_version;
	uint64_t e_entry;
	uint64_t e_phoff;
	uint64_t e_shoff;
	uint32_t e_flags;
	uint16_t e_ehsize;
	uint16_t e_phentsize;
	uint16_t e_phnum;
	uint16_t e_shentsize;
	uint16_t e_shnum;
	uint16_t e_shstrndx;
};

struct elf64_phdr {
	uint32_t p_type;
	uint32_t p_flags;
	uint64_t p_offset;
	uint64_t p_vaddr;
	uint64_t p_paddr;
	uint64_t p_filesz;
	uint64_t p_memsz;
	uint64_t p_align;
};

_Static_assert(sizeof(struct elf64_ehdr) == 64, "ELF header");
_Static_assert(sizeof(struct elf64_phdr) == 56, "ELF program header");

#define ELF_PHNUM_MAX 128

/** Check the first @len bytes of a file (64 or more) to be an ELF64 little-endian ET_EXEC or ET_DYN
 *  for @machine whose program header table does not overflow. Returns 0 or -ENOEXEC. */
err_t elf_check(const void *head, size_t len, uint16_t machine) must_check;

/** Copy the header out of an elf_check()ed @head, which may be unaligned. */
void elf_ehdr(const void *head, struct elf64_ehdr *out);

/** Copy program header @index out of @head, @len bytes from the start of an elf_check()ed file.
 *  -ENOENT past the last one, -ENOEXEC when the table does not lie within @len. */
err_t elf_phdr(const void *head, size_t len, unsigned index, struct elf64_phdr *out) must_check;

/** Check one PT_LOAD segment against the file's size and the end of user addresses @limit: no sum
 *  overflows, filesz <= memsz, offset and vaddr agree modulo @page, align is a power of two. What
 *  has no bytes in the file (filesz 0) may have any offset.
 *  For ET_DYN @limit bounds the unbiased address. Returns 0 or -ENOEXEC. */
err_t elf_check_load(const struct elf64_phdr *ph, uint64_t file_size, uint64_t limit,
		     uint64_t page) must_check;

/** The page-aligned extent [*@lo, *@hi) of all PT_LOAD segments of an image whose header and
 *  program headers lie within @len, each checked as above and ascending without overlap of their
 *  bytes. Returns 0 or -ENOEXEC (also when there is none). */
err_t elf_load_extent(const void *head, size_t len, uint64_t file_size, uint64_t limit,
		      uint64_t page, uint64_t *lo, uint64_t *hi) must_check;
