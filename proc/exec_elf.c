// SPDX-License-Identifier: MIT
// Mapping an ELF executable, and its interpreter, into a space that is being built. Nothing of the
// caller changes here: a lie in the file ends in -ENOEXEC and the space is thrown away.
#include "exec.h"

#include <fs/fs.h>
#include <fs/vnode.h>
#include <hal/cpu.h>
#include <lib/string.h>

#define PIE_BASE 0x555555000ul // below all that mmap hands out, and within HAL_USER_NEAR_TOP on all ports
#define INTERP_BASE (HAL_USER_NEAR_TOP / 3 * 2 & ~(MIB(2) - 1))
#define INTERP_PATH_MAX 256

struct elf_file {
	struct file *file;
	const char *head;
	size_t head_len;
	uint64_t size; // of the file
	struct elf64_ehdr ehdr;
	uint64_t bias; // added to all addresses
	uint64_t end; // first byte behind the last segment
	uint64_t code_start, code_end; // of the segments that may be executed
	uint64_t phdr; // where the program headers are in memory, 0 = nowhere
};

static unsigned prot_of(const struct elf64_phdr *ph)
{
	return (ph->p_flags & PF_R ? HAL_PROT_READ : 0) | (ph->p_flags & PF_W ? HAL_PROT_WRITE : 0) |
	       (ph->p_flags & PF_X ? HAL_PROT_EXEC : 0);
}

static err_t map(struct mm_space *space, vaddr_t start, vaddr_t end, unsigned prot,
		 struct mm_object *object, uint64_t offset)
{
	struct mm_map_request request = {
		.addr = start,
		.size = end - start,
		.flags = prot,
		.is_fixed = true,
		.object = object,
		.offset = offset,
		.max_prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_EXEC,
	};
	vaddr_t addr;
	return start < end ? mm_map(space, &request, &addr) : 0;
}

/** One PT_LOAD: pages of the file, then zeros. */
static err_t map_segment(struct mm_space *space, struct elf_file *elf, const struct elf64_phdr *ph,
			 struct mm_object *object)
{
	vaddr_t start = elf->bias + ph->p_vaddr, file_end = start + ph->p_filesz;
	vaddr_t end = start + ph->p_memsz, page = align_down(start, HAL_PAGE_SIZE);
	vaddr_t file_pages = align_up(file_end, HAL_PAGE_SIZE);
	unsigned prot = prot_of(ph);
	err_t err = 0;
	if (ph->p_filesz)
		err = map(space, page, file_pages, prot, object,
			  align_down(ph->p_offset, HAL_PAGE_SIZE));
	else
		file_pages = page;
	if (!err)
		err = map(space, file_pages, align_up(end, HAL_PAGE_SIZE), prot, NULL, 0);
	// The rest of the last page of the file holds what follows there: zero it if it is memory, up to the
	// page's end, for loaders allocate from there.
	if (!err && ph->p_memsz > ph->p_filesz && (prot & HAL_PROT_WRITE) && ph->p_filesz)
		err = mm_space_zero(space, file_end, file_pages - file_end);
	elf->end = max(elf->end, end);
	if (prot & HAL_PROT_EXEC) {
		elf->code_start = elf->code_end ? min(elf->code_start, start) : start;
		elf->code_end = max(elf->code_end, end);
	}
	if (ph->p_offset <= elf->ehdr.e_phoff &&
	    elf->ehdr.e_phoff - ph->p_offset < ph->p_filesz && ph->p_filesz)
		elf->phdr = start + (elf->ehdr.e_phoff - ph->p_offset);
	return err;
}

static err_t map_all(struct mm_space *space, struct elf_file *elf)
{
	struct mm_object *object;
	struct elf64_phdr ph;
	if (!elf->file->ops->mmap_object)
		return -ENOEXEC;
	err_t err = elf->file->ops->mmap_object(elf->file, false, &object);
	if (err)
		return err;
	for (unsigned i = 0; !err && !elf_phdr(elf->head, elf->head_len, i, &ph); i++) {
		if (ph.p_type == PT_LOAD && ph.p_memsz)
			err = map_segment(space, elf, &ph, object);
	}
	object->ops->put(object);
	return err;
}

/** Check everything that can be checked, choose the bias, map. */
static err_t load(struct mm_space *space, struct elf_file *elf, uint64_t dyn_base)
{
	struct fs_stat stat;
	uint64_t lo, hi;
	err_t err = elf_check(elf->head, elf->head_len, hal_cpu_elf_machine());
	if (!err)
		err = fs_stat_file(elf->file, &stat);
	if (err)
		return err;
	elf->size = stat.size;
	elf_ehdr(elf->head, &elf->ehdr);
	err = elf_load_extent(elf->head, elf->head_len, elf->size, HAL_USER_TOP / 2, HAL_PAGE_SIZE,
			      &lo, &hi);
	if (err)
		return err;
	elf->bias = elf->ehdr.e_type == ET_DYN ? dyn_base - align_down(lo, HAL_PAGE_SIZE) : 0;
	return map_all(space, elf);
}

/** The path in PT_INTERP, if there is one, opened. */
static err_t open_interp(struct exec_image *image)
{
	struct elf64_phdr ph;
	char path[INTERP_PATH_MAX];
	for (unsigned i = 0; !elf_phdr(image->head, image->head_len, i, &ph); i++) {
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_filesz < 2 || ph.p_filesz > sizeof(path))
			return -ENOEXEC;
		int64_t n = fs_read_kernel(image->file, path, ph.p_filesz, ph.p_offset);
		if (n != (int64_t)ph.p_filesz || path[n - 1])
			return -ENOEXEC;
		struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
		return fs_open_walk(&at, 0, O_RDONLY, &image->interp);
	}
	return 0;
}

static err_t load_interp(struct exec_image *image)
{
	char head[EXEC_HEAD];
	int64_t n = fs_read_kernel(image->interp, head, sizeof(head), 0);
	if (n < 0)
		return (err_t)n;
	struct elf_file elf = {.file = image->interp, .head = head, .head_len = (size_t)n};
	err_t err = load(image->space, &elf, INTERP_BASE);
	if (err)
		return err;
	image->base = elf.bias;
	image->entry = elf.bias + elf.ehdr.e_entry;
	return 0;
}

err_t exec_load_elf(struct exec_image *image)
{
	struct elf_file elf = {
		.file = image->file, .head = image->head, .head_len = image->head_len};
	err_t err = load(image->space, &elf, PIE_BASE);
	if (err)
		return err;
	image->program_entry = elf.bias + elf.ehdr.e_entry;
	image->entry = image->program_entry;
	image->phdr = elf.phdr;
	image->phnum = elf.ehdr.e_phnum;
	image->brk = align_up(elf.end, HAL_PAGE_SIZE);
	image->space->code_start = elf.code_start;
	image->space->code_end = elf.code_end;
	err = open_interp(image);
	return !err && image->interp ? load_interp(image) : err;
}
