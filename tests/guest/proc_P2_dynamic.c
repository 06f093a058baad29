// SPDX-License-Identifier: MIT
// A dynamically linked program runs with the distribution's loader and libraries: by its name, by a
// shell-like exec from a thread, and by the loader as a program of its own. Without its loader it is not
// there.
// guest: CPUS 4
#include <elf.h>

#include "check.h"

#define PROGRAM "/test-dyn"

static char loader[256];

static pid_t start(const char *path, char **argv)
{
	pid_t pid = check_fork();
	if (pid == 0) {
		execv(path, argv);
		_exit(errno == ENOENT ? 2 : 1);
	}
	return pid;
}

/** The path in PT_INTERP of the program in @fd, and where it stands in the file. */
static off_t find_loader(int fd)
{
	Elf64_Ehdr head;
	Elf64_Phdr ph;
	CHECK_IS(pread(fd, &head, sizeof(head), 0), sizeof(head));
	for (int i = 0; i < head.e_phnum; i++) {
		CHECK_IS(pread(fd, &ph, sizeof(ph), (off_t)(head.e_phoff + (size_t)i * sizeof(ph))),
			 sizeof(ph));
		if (ph.p_type != PT_INTERP)
			continue;
		CHECK(ph.p_filesz < sizeof(loader));
		CHECK_IS(pread(fd, loader, ph.p_filesz, (off_t)ph.p_offset), ph.p_filesz);
		return (off_t)ph.p_offset;
	}
	CHECK(!"a loader is named");
	return 0;
}

/** A copy whose loader does not exist. */
static void check_without_loader(int fd, off_t at)
{
	char block[4096];
	ssize_t n;
	off_t from = 0;
	int copy = open("copy", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	CHECK(copy >= 0);
	while ((n = pread(fd, block, sizeof(block), from)) > 0) {
		CHECK_IS(pwrite(copy, block, (size_t)n, from), n);
		from += n;
	}
	CHECK_IS(pwrite(copy, "/no", 3, at), 3);
	CHECK_IS(close(copy), 0);
	char *argv[] = { "copy", NULL };
	CHECK_IS(wait_status(start("copy", argv)), 2 << 8);
}

int main(void)
{
	char *by_name[] = { PROGRAM, "argument", NULL };
	char *by_loader[] = { loader, PROGRAM, "argument", NULL };
	int fd = open(PROGRAM, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return SKIPPED;
	enter_scratch_folder();
	off_t at = find_loader(fd);
	for (int i = 0; i < 3; i++)
		CHECK_IS(wait_status(start(PROGRAM, by_name)), 42 << 8);
	// The loader is the program then, so the kernel tells of no other: 3 to 5 ask for that.
	int status = wait_status(start(loader, by_loader));
	CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 42 || WEXITSTATUS(status) == 4 ||
				    WEXITSTATUS(status) == 5));
	check_without_loader(fd, at);
	return 0;
}
