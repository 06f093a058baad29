// SPDX-License-Identifier: MIT
// execve: what a new program keeps and loses, every refusal returns to a living caller, scripts, and
// files that lie about themselves.
// guest: CPUS 4
#include <elf.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/sendfile.h>

#include "check.h"

static void put_file(const char *name, const void *data, size_t size, mode_t mode)
{
	unlink(name);
	int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, mode);
	CHECK(fd >= 0);
	CHECK_IS(write(fd, data, size), size);
	CHECK_IS(fchmod(fd, mode), 0);
	CHECK_IS(close(fd), 0);
}

static int exec_error(const char *path)
{
	char *argv[] = { (char *)path, NULL };
	execve(path, argv, argv + 1);
	return errno;
}

static void check_refusals(void)
{
	char one[2] = "x";
	put_file("text", "just text\n", 10, 0755);
	put_file("empty", one, 0, 0755);
	put_file("locked", "#!/bin/sh\n", 10, 0644);
	put_file("head", ELFMAG "\2\1\1", 7, 0755);
	put_file("nowhere", "#!/no/such/file\n", 16, 0755);
	put_file("noname", "#!\n", 3, 0755);
	CHECK_IS(mkdir("folder", 0755), 0);
	CHECK_IS(exec_error("text"), ENOEXEC);
	CHECK_IS(exec_error("empty"), ENOEXEC);
	CHECK_IS(exec_error("head"), ENOEXEC);
	CHECK_IS(exec_error("noname"), ENOEXEC);
	CHECK_IS(exec_error("locked"), EACCES);
	CHECK_IS(exec_error("folder"), EACCES);
	CHECK_IS(mkfifo("fifo", 0755), 0);
	CHECK_IS(exec_error("fifo"), EACCES); // and nobody waits for its other end
	CHECK_IS(exec_error("absent"), ENOENT);
	CHECK_IS(exec_error("nowhere"), ENOENT);
	CHECK_IS(exec_error("text/x"), ENOTDIR);
	CHECK_IS(exec_error(address(8)), EFAULT);
	char *huge = malloc(256 * 1024);
	memset(huge, 'x', 256 * 1024);
	huge[256 * 1024 - 1] = '\0';
	char *argv[] = { "text", huge, NULL };
	CHECK_ERRNO(execve("/proc/self/exe", argv, argv + 2), E2BIG);
	CHECK_ERRNO(execve("/proc/self/exe", address(8), argv + 2), EFAULT);
	free(huge);
}

static void check_scripts(const char *self)
{
	char line[PATH_MAX + 64], name[32], outer[32] = "";
	for (int depth = 1; depth <= 6; depth++) {
		if (depth == 1)
			snprintf(line, sizeof(line), "#! %s proc_P2_exec\n", self);
		else
			snprintf(line, sizeof(line), "#!./%s\n", outer);
		snprintf(name, sizeof(name), "script%d", depth);
		put_file(name, line, strlen(line), 0755);
		strcpy(outer, name);
	}
	pid_t child = check_fork();
	if (child == 0) {
		char *argv[] = { "whatever", "shown", "more", NULL };
		execv("./script1", argv); // becomes: SELF proc_P2_exec ./script1 shown more
		_exit(9);
	}
	CHECK_IS(wait_status(child), 33 << 8);
	CHECK_IS(exec_error("script6"), ELOOP);
}

static void lie(const char *name, void (*change)(Elf64_Ehdr *, Elf64_Phdr *), const char *self)
{
	static char image[1 << 16];
	int fd = open(self, O_RDONLY);
	CHECK(fd >= 0 && read(fd, image, sizeof(image)) == (ssize_t)sizeof(image));
	close(fd);
	Elf64_Ehdr *head = (Elf64_Ehdr *)image;
	Elf64_Phdr *load = (Elf64_Phdr *)(image + head->e_phoff);
	for (int i = 0; load->p_type != PT_LOAD; i++, load++)
		CHECK(i < head->e_phnum);
	change(head, load);
	put_file(name, image, sizeof(image), 0755);
	pid_t child = check_fork();
	if (child == 0) {
		exec_error(name);
		_exit(0); // refused: good; otherwise the kernel or the program's own first step kills it
	}
	int status = wait_status(child);
	if (status != 0 && !WIFSIGNALED(status))
		check_failed(__FILE__, __LINE__, name, status);
}

static void far_headers(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_phoff = ~0ull - 8; }
static void many_headers(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_phnum = 0xffff; }
static void bad_size(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_phentsize = 8; }
static void no_headers(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_phnum = 0; }
static void machine(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_machine = EM_VAX; }
static void kernel_entry(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)load, head->e_entry = ~0xfffull; }
static void kernel_place(Elf64_Ehdr *head, Elf64_Phdr *load)
{
	(void)head, load->p_vaddr += 0xffff800000000000ull;
}
static void wraps(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, load->p_memsz = ~0ull - 4096; }
static void file_wraps(Elf64_Ehdr *head, Elf64_Phdr *load)
{
	(void)head, load->p_filesz = load->p_memsz = ~0ull - 4096;
}
static void short_memory(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, load->p_memsz = 1; }
static void far_data(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, load->p_offset += 1ull << 62; }
static void crooked(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, load->p_offset += 12; }
static void big(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, load->p_memsz = 1ull << 46; }
static void truncated(Elf64_Ehdr *head, Elf64_Phdr *load) { (void)head, (void)load; }

static void check_lies(const char *self)
{
	lie("far-headers", far_headers, self);
	lie("many-headers", many_headers, self);
	lie("bad-size", bad_size, self);
	lie("no-headers", no_headers, self);
	lie("machine", machine, self);
	lie("kernel-entry", kernel_entry, self);
	lie("kernel-place", kernel_place, self);
	lie("wraps", wraps, self);
	lie("file-wraps", file_wraps, self);
	lie("short-memory", short_memory, self);
	lie("far-data", far_data, self);
	lie("crooked", crooked, self);
	lie("big", big, self);
	lie("truncated", truncated, self);
}

static void copy_self(const char *self, const char *name)
{
	struct stat info;
	int from = open(self, O_RDONLY), to = open(name, O_CREAT | O_RDWR, 0755);
	CHECK(from >= 0 && to >= 0 && fstat(from, &info) == 0);
	CHECK_IS(sendfile(to, from, NULL, (size_t)info.st_size), info.st_size);
	close(from), close(to);
}

/** An interpreter that is no program: nobody waits for a FIFO's other end. */
static void check_interpreter(const char *self)
{
	Elf64_Ehdr head;
	Elf64_Phdr load = { .p_type = PT_INTERP, .p_offset = 9, .p_filesz = 5, .p_memsz = 5 };
	copy_self(self, "interpreted");
	int fd = open("interpreted", O_RDWR);
	CHECK(fd >= 0 && pread(fd, &head, sizeof(head), 0) == sizeof(head));
	memcpy(head.e_ident + 9, "fifo", 5);
	CHECK_IS(pwrite(fd, &head, sizeof(head), 0), sizeof(head));
	off_t last = (off_t)(head.e_phoff + (head.e_phnum - 1u) * sizeof(load));
	CHECK_IS(pwrite(fd, &load, sizeof(load), last), sizeof(load));
	close(fd);
	CHECK_IS(exec_error("interpreted"), EACCES);
}

/** What a mount forbids: programs, and devices. */
static void check_mount(const char *self)
{
	if (geteuid() != 0 || !is_guest())
		return;
	CHECK_IS(mkdir("mounted", 0755), 0);
	CHECK_IS(mount("none", "mounted", "tmpfs", MS_NOEXEC | MS_NODEV, NULL), 0);
	copy_self(self, "mounted/program");
	CHECK_IS(exec_error("mounted/program"), EACCES);
	CHECK_IS(mknod("mounted/null", S_IFCHR | 0666, 1 << 8 | 3), 0);
	CHECK_ERRNO(open("mounted/null", O_RDWR), EACCES);
	CHECK_IS(mount("none", "mounted", "tmpfs", MS_REMOUNT, NULL), 0);
	int fd = open("mounted/null", O_RDWR);
	CHECK(fd >= 0 && close(fd) == 0);
	CHECK_IS(umount("mounted"), 0);
}

/** A static program without a fixed place, which the harness puts there. */
static void check_pie(void)
{
	if (!is_guest())
		return;
	pid_t child = check_fork();
	if (child == 0) {
		execl("/test-pie", "pie", "argument", NULL);
		_exit(9);
	}
	CHECK_IS(wait_status(child), 42 << 8);
}

int main(int argc, char **argv)
{
	if (argc > 1) { // the script's interpreter
		CHECK_IS(argc, 4);
		CHECK(strcmp(argv[1], "./script1") == 0 && strcmp(argv[2], "shown") == 0);
		return strcmp(argv[3], "more") == 0 ? 33 : 1;
	}
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(length > 0);
	self[length] = '\0';
	enter_scratch_folder();
	check_refusals();
	check_scripts(self);
	check_lies(self);
	check_interpreter(self);
	check_mount(self);
	check_pie();
	return 0;
}
