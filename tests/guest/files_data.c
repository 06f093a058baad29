// SPDX-License-Identifier: MIT
// What files hold: offsets, append, truncation, holes, positioned and vectored transfers, shared and
// own offsets of dup, large transfers, times, sync calls, sendfile, bad arguments.
// guest: CPUS 4
#include <limits.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <utime.h>

#include "check.h"

static void check_offsets(void)
{
	char text[32];
	int fd = scratch_file(), copy = dup(fd);
	CHECK_IS(write(fd, "0123456789", 10), 10);
	CHECK_IS(lseek(copy, 0, SEEK_CUR), 10); // one offset for both
	CHECK_IS(lseek(fd, -3, SEEK_END), 7);
	CHECK_IS(read(copy, text, 32), 3);
	CHECK_IS(read(copy, text, 32), 0);
	CHECK_ERRNO(lseek(fd, -11, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
	CHECK_IS(lseek(fd, 100, SEEK_SET), 100);
	CHECK_IS(read(fd, text, 1), 0);
	CHECK_IS(pread(fd, text, 4, 3), 4);
	CHECK(memcmp(text, "3456", 4) == 0);
	CHECK_IS(pwrite(fd, "xy", 2, 4), 2);
	CHECK_IS(lseek(fd, 0, SEEK_CUR), 100);
	CHECK_ERRNO(pread(fd, text, 1, -1), EINVAL);
	struct iovec parts[2] = { { text, 3 }, { text + 10, 5 } };
	CHECK_IS(preadv(fd, parts, 2, 2), 8);
	CHECK(memcmp(text, "23x", 3) == 0 && memcmp(text + 10, "y6789", 5) == 0);
	CHECK_ERRNO(syscall(SYS_readv, fd, parts, -1), EINVAL);
	CHECK_ERRNO(syscall(SYS_readv, fd, parts, IOV_MAX + 1), EINVAL);
	parts[0].iov_len = SIZE_MAX;
	CHECK_ERRNO(writev(fd, parts, 2), EINVAL);
	CHECK_IS(dup2(fd, fd), fd);
	CHECK_ERRNO(dup2(fd, 1 << 30), EBADF);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_IS(fcntl(fd, F_DUPFD, 100), 100);
	CHECK_IS(fcntl(fd, F_DUPFD_CLOEXEC, 100), 101);
	CHECK_IS(fcntl(101, F_GETFD), FD_CLOEXEC);
	CHECK_IS(dup2(100, 101), 101);
	CHECK_IS(fcntl(101, F_GETFD), 0);
	close(100), close(101), close(copy), close(fd);
}

static void check_append(void)
{
	int fd = open("log", O_CREAT | O_WRONLY | O_APPEND, 0644);
	pid_t children[4];
	for (int c = 0; c < 4; c++) {
		children[c] = check_fork();
		if (children[c] == 0) {
			int own = open("log", O_WRONLY | O_APPEND);
			for (int i = 0; i < 500; i++)
				CHECK_IS(write(own, "ABCDEFGHIJKLMNOP", 16), 16);
			_exit(0);
		}
	}
	for (int c = 0; c < 4; c++)
		CHECK_CHILD(children[c]);
	struct stat info;
	CHECK(fstat(fd, &info) == 0 && info.st_size == 4 * 500 * 16); // nothing overwritten
	CHECK_IS(lseek(fd, 0, SEEK_SET), 0);
	CHECK_IS(write(fd, "end", 3), 3);
	CHECK_IS(lseek(fd, 0, SEEK_CUR), 4 * 500 * 16 + 3);
	close(fd);
}

static void check_holes(void)
{
	char page[4096];
	struct stat info;
	int fd = open("sparse", O_CREAT | O_RDWR, 0644);
	CHECK_IS(pwrite(fd, "tail", 4, 1l << 32), 4);
	CHECK(fstat(fd, &info) == 0 && info.st_size == (1l << 32) + 4);
	CHECK(info.st_blocks <= 64); // only what was written takes room
	CHECK_IS(pread(fd, page, 4096, 123456789), 4096);
	for (int i = 0; i < 4096; i++)
		CHECK_IS(page[i], 0);
	CHECK_IS(ftruncate(fd, 10), 0);
	CHECK_IS(pwrite(fd, "0123456789", 10, 0), 10);
	CHECK_IS(ftruncate(fd, 5), 0);
	CHECK_IS(ftruncate(fd, 10), 0); // what was cut off comes back as zeros
	CHECK_IS(pread(fd, page, 4096, 0), 10);
	CHECK(memcmp(page, "01234\0\0\0\0\0", 10) == 0);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_IS(truncate("sparse", 3), 0);
	CHECK(stat("sparse", &info) == 0 && info.st_size == 3);
	CHECK_ERRNO(truncate(".", 3), EISDIR);
	CHECK_ERRNO(truncate("absent", 3), ENOENT);
	close(fd);
	fd = open("sparse", O_RDONLY);
	CHECK(ftruncate(fd, 1) == -1 && (errno == EINVAL || errno == EBADF));
	close(fd);
	fd = open("sparse", O_WRONLY | O_TRUNC);
	CHECK(fstat(fd, &info) == 0 && info.st_size == 0);
	close(fd);
}

static void check_large(void)
{
	size_t size = 3 * 1000 * 1000 + 7;
	unsigned char *block = malloc(size), *back = malloc(size);
	CHECK(block && back);
	for (size_t i = 0; i < size; i++)
		block[i] = (unsigned char)(i * 2654435761u >> 24);
	int fd = open("large", O_CREAT | O_RDWR, 0644), other = open("other", O_CREAT | O_RDWR, 0644);
	CHECK_IS(write(fd, block, size), size);
	CHECK_IS(pread(fd, back, size, 0), size);
	CHECK(memcmp(block, back, size) == 0);
	CHECK_IS(pwrite(fd, block, 5000, 4095), 5000); // across pages
	CHECK_IS(pread(fd, back, 5000, 4095), 5000);
	CHECK(memcmp(block, back, 5000) == 0);
	off_t from = 1;
	ssize_t got = sendfile(other, fd, &from, 100000);
	if (got >= 0 || (errno != EINVAL && errno != ENOSYS)) { // programs fall back to read and write
		CHECK(got == 100000 && from == 100001);
		CHECK_IS(pread(other, back, 4000, 0), 4000);
		CHECK(memcmp(block + 1, back, 4000) == 0);
	}
	CHECK_IS(fsync(fd), 0);
	CHECK_IS(fdatasync(fd), 0);
	free(block), free(back);
	close(fd), close(other);
}

static void check_times(void)
{
	struct stat info, later;
	int fd = open("timed", O_CREAT | O_RDWR, 0600);
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	CHECK_IS(futimens(fd, times), 0);
	CHECK_IS(fstat(fd, &info), 0);
	CHECK(info.st_atim.tv_sec == 1000 && info.st_mtim.tv_sec == 2000 && info.st_mtim.tv_nsec == 7);
	CHECK(info.st_ctim.tv_sec > 100000);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	CHECK_IS(utimensat(AT_FDCWD, "timed", times, 0), 0);
	CHECK_IS(fstat(fd, &info), 0);
	CHECK(info.st_atim.tv_sec == 1000 && info.st_mtim.tv_sec > 100000);
	times[0].tv_nsec = 2000000000;
	CHECK_ERRNO(futimens(fd, times), EINVAL);
	sleep_ms(15);
	CHECK_IS(write(fd, "x", 1), 1);
	CHECK_IS(fstat(fd, &later), 0);
	CHECK(later.st_mtim.tv_sec > info.st_mtim.tv_sec || later.st_mtim.tv_nsec > info.st_mtim.tv_nsec);
	sleep_ms(15);
	info = later;
	CHECK_IS(fchmod(fd, 0640), 0);
	CHECK_IS(fstat(fd, &later), 0);
	CHECK(later.st_mtim.tv_nsec == info.st_mtim.tv_nsec && later.st_ctim.tv_nsec != info.st_ctim.tv_nsec);
	CHECK(stat(".", &info) == 0);
	sleep_ms(15);
	CHECK_IS(unlink("timed"), 0); // changes the folder
	CHECK(stat(".", &later) == 0);
	CHECK(later.st_mtim.tv_sec != info.st_mtim.tv_sec || later.st_mtim.tv_nsec != info.st_mtim.tv_nsec);
	close(fd);
}

/** What does not fit is not taken in part. */
static void check_no_room(void)
{
	if (geteuid() != 0 || !is_guest())
		return;
	CHECK_IS(mkdir("small", 0700), 0);
	CHECK_IS(mount("none", "small", "tmpfs", 0, "size=64K"), 0);
	int a = open("small/a", O_CREAT | O_RDWR, 0600), b = open("small/b", O_CREAT | O_RDWR, 0600);
	CHECK(a >= 0 && b >= 0);
	CHECK_IS(posix_fallocate(a, 0, 32768), 0);
	CHECK_IS(posix_fallocate(b, 0, 49152), ENOSPC);
	CHECK_IS(lseek(b, 0, SEEK_END), 0);
	CHECK_IS(posix_fallocate(a, 0, 65536), 0);
	close(a), close(b);
	CHECK_IS(umount("small"), 0);
}

int main(void)
{
	enter_scratch_folder();
	check_offsets();
	check_append();
	check_holes();
	check_large();
	check_times();
	check_no_room();
	return 0;
}
