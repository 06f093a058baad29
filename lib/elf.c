// SPDX-License-Identifier: MIT
// ELF64 checks. Every sum of two numbers out of the file is checked for overflow.
#include <lib/elf.h>

#include <lib/string.h>
#include <uapi/errno.h>

void elf_ehdr(const void *head, struct elf64_ehdr *out)
{
	memcpy(out, head, sizeof(*out));
}

static bool is_elf64_le(const struct elf64_ehdr *eh)
{
	static const uint8_t magic[] = {0x7f, 'E', 'L', 'F', ELF_CLASS64, ELF_DATA2LSB,
					ELF_VERSION_CURRENT};

	return memcmp(eh->e_ident, magic, sizeof(magic)) == 0 &&
	       eh->e_version == ELF_VERSION_CURRENT && eh->e_ehsize >= sizeof(*eh);
}

err_t elf_check(const void *head, size_t len, uint16_t machine)
{
	struct elf64_ehdr eh;
	uint64_t end;

	if (len < sizeof(eh))
		return -ENOEXEC;
	elf_ehdr(head, &eh);
	if (!is_elf64_le(&eh) || eh.e_machine != machine)
		return -ENOEXEC;
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return -ENOEXEC;
	if (eh.e_phentsize != sizeof(struct elf64_phdr) || eh.e_phnum == 0 ||
	    eh.e_phnum > ELF_PHNUM_MAX)
		return -ENOEXEC;
	if (__builtin_add_overflow(eh.e_phoff, eh.e_phnum * sizeof(struct elf64_phdr), &end))
		return -ENOEXEC;
	return 0;
}

err_t elf_phdr(const void *head, size_t len, unsigned index, struct elf64_phdr *out)
{
	const uint8_t *bytes = head;
	uint64_t phoff, begin, end;
	uint16_t phnum;

	if (len < sizeof(struct elf64_ehdr))
		return -ENOEXEC;
	// Called for each header: of the file's own, only the two fields that it needs.
	memcpy(&phoff, bytes + offsetof(struct elf64_ehdr, e_phoff), sizeof(phoff));
	memcpy(&phnum, bytes + offsetof(struct elf64_ehdr, e_phnum), sizeof(phnum));
	if (index >= phnum)
		return -ENOENT;
	if (__builtin_add_overflow(phoff, (uint64_t)index * sizeof(*out), &begin) ||
	    __builtin_add_overflow(begin, sizeof(*out), &end) || end > len)
		return -ENOEXEC;
	memcpy(out, bytes + begin, sizeof(*out));
	return 0;
}

err_t elf_check_load(const struct elf64_phdr *ph, uint64_t file_size, uint64_t limit, uint64_t page)
{
	uint64_t file_end, mem_end;

	if (ph->p_filesz > ph->p_memsz)
		return -ENOEXEC;
	if (ph->p_filesz && (ph->p_vaddr - ph->p_offset) & (page - 1))
		return -ENOEXEC;
	if (__builtin_add_overflow(ph->p_offset, ph->p_filesz, &file_end))
		return -ENOEXEC;
	if (ph->p_filesz && file_end > file_size)
		return -ENOEXEC;
	// The page that holds the last byte is mapped whole: it is what has to end below the limit.
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &mem_end) ||
	    __builtin_add_overflow(mem_end, page - 1, &mem_end) ||
	    align_down(mem_end, page) > limit)
		return -ENOEXEC;
	if (ph->p_align & (ph->p_align - 1))
		return -ENOEXEC;
	return 0;
}

err_t elf_load_extent(const void *head, size_t len, uint64_t file_size, uint64_t limit,
		      uint64_t page, uint64_t *lo, uint64_t *hi)
{
	struct elf64_phdr ph;
	uint64_t first = UINT64_MAX, end = 0;
	err_t err;

	for (unsigned i = 0; (err = elf_phdr(head, len, i, &ph)) == 0; i++) {
		if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
			continue;
		if (elf_check_load(&ph, file_size, limit, page) || ph.p_vaddr < end)
			return -ENOEXEC;
		first = min(first, ph.p_vaddr);
		end = ph.p_vaddr + ph.p_memsz;
	}
	if (err != -ENOENT || end == 0)
		return -ENOEXEC;
	*lo = align_down(first, page);
	*hi = align_up(end, page);
	return 0;
}
