// SPDX-License-Identifier: MIT
// Names of functions and objects, from the symbol table of this program's own file.
#include "host.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const Elf64_Sym *symbols;
static size_t symbol_count;
static const char *names;

static void load(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const Elf64_Ehdr *file;
	const Elf64_Shdr *sections;
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return;
	sections = (const Elf64_Shdr *)((const char *)file + file->e_shoff);
	for (unsigned i = 0; i < file->e_shnum; i++) {
		if (sections[i].sh_type != SHT_SYMTAB)
			continue;
		symbols = (const Elf64_Sym *)((const char *)file + sections[i].sh_offset);
		symbol_count = sections[i].sh_size / sizeof(Elf64_Sym);
		names = (const char *)file + sections[sections[i].sh_link].sh_offset;
	}
}

static const Elf64_Sym *find(uintptr_t address)
{
	const Elf64_Sym *best = NULL;

	for (size_t i = 0; i < symbol_count; i++) {
		const Elf64_Sym *s = &symbols[i];
		unsigned type = ELF64_ST_TYPE(s->st_info);

		if (type != STT_FUNC && type != STT_OBJECT)
			continue;
		if (address >= s->st_value && address < s->st_value + s->st_size &&
		    (!best || s->st_size < best->st_size))
			best = s;
	}
	return best;
}

/** Per-CPU variables are known by their place in the section. */
static bool format_percpu(uintptr_t address, char *buf, size_t len)
{
	for (cpuid_t i = 0; i < host_config.cpus; i++) {
		uintptr_t area = (uintptr_t)hal_percpu_of(i);
		const Elf64_Sym *s;

		if (!area || address < area || address >= area + hal_percpu_size())
			continue;
		if (address - area < HOST_PERCPU_HEAD) {
			snprintf(buf, len, "CPU %u head+%lu", i, address - area);
			return true;
		}
		address = address - area - HOST_PERCPU_HEAD + (uintptr_t)__start_percpu;
		s = find(address);
		snprintf(buf, len, "CPU %u %s+%lu", i, s ? names + s->st_name : "?",
			 s ? address - s->st_value : 0);
		return true;
	}
	return false;
}

void host_symbol_format(uintptr_t address, char *buf, size_t len)
{
	const Elf64_Sym *s;

	if (!symbols)
		load();
	if (format_percpu(address, buf, len))
		return;
	s = find(address);
	if (!s)
		snprintf(buf, len, "%#lx", address);
	else if (address == s->st_value)
		snprintf(buf, len, "%s", names + s->st_name);
	else
		snprintf(buf, len, "%s+%lu", names + s->st_name, address - s->st_value);
}
