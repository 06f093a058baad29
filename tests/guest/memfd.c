// SPDX-License-Identifier: MIT
// memfd_create: memory as a file, shared by mapping and by descriptor, and what seals forbid.
// guest: CPUS 4
#include "check.h"

static int sealable(void)
{
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_IS(ftruncate(fd, 8192), 0);
	return fd;
}

static void check_file(void)
{
	char text[64] = { 0 };
	int fd = memfd_create("name", 0);
	struct stat info;
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == 0);
	CHECK(fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 0 && info.st_size == 0);
	CHECK_IS(write(fd, "hello", 5), 5);
	CHECK_IS(pread(fd, text, 5, 0), 5);
	CHECK(memcmp(text, "hello", 5) == 0);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	memset(text, 0, sizeof(text));
	CHECK(readlink(path, text, sizeof(text) - 1) > 0);
	CHECK(strcmp(text, "/memfd:name (deleted)") == 0);
	int again = open(path, O_RDONLY); // the same memory, opened anew
	CHECK_IS(read(again, text, 5), 5);
	CHECK_ERRNO(write(again, "x", 1), EBADF);
	close(again);
	CHECK_IS(ftruncate(fd, 100000), 0);
	char *map = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED && memcmp(map, "hello", 5) == 0);
	pid_t child = check_fork();
	if (child == 0) {
		map[99999] = 'z';
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(pread(fd, text, 1, 99999), 1);
	CHECK_IS(text[0], 'z');
	CHECK_IS(munmap(map, 100000), 0);
	CHECK_IS(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	CHECK_ERRNO(memfd_create("x", 0x80000000u), EINVAL);
	CHECK_ERRNO(memfd_create(address(8), 0), EFAULT);
	char longest[300];
	memset(longest, 'n', sizeof(longest));
	longest[250] = 0;
	CHECK_ERRNO(memfd_create(longest, 0), EINVAL);
	longest[249] = 0;
	close(memfd_create(longest, 0));
}

static void check_seals(void)
{
	char c = 'x';
	int fd = sealable();
	CHECK_IS(fcntl(fd, F_GET_SEALS), 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x10000), EINVAL);
	CHECK_IS(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_ERRNO(ftruncate(fd, 8193), EPERM);
	CHECK_ERRNO(pwrite(fd, &c, 1, 8192), EPERM);
	CHECK_IS(pwrite(fd, &c, 1, 8191), 1);
	CHECK_IS(ftruncate(fd, 4096), 0);
	CHECK_IS(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_ERRNO(ftruncate(fd, 4095), EPERM);
	CHECK_IS(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_IS(munmap(map, 4096), 0);
	CHECK_IS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
	CHECK_ERRNO(pwrite(fd, &c, 1, 0), EPERM);
	CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_ERRNO(mprotect(map, 4096, PROT_READ | PROT_WRITE), EACCES);
	char *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	own[0] = 1; // a private copy is nobody's business
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	close(fd);
	// Those who write already may go on, others may not begin.
	fd = sealable();
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_IS(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	map[0] = 2;
	CHECK_ERRNO(pwrite(fd, &c, 1, 0), EPERM);
	CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	close(fd);
	int plain = scratch_file();
	CHECK(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW) == -1 && (errno == EINVAL || errno == EPERM));
	close(plain);
}

int main(void)
{
	check_file();
	check_seals();
	return 0;
}
