// SPDX-License-Identifier: MIT
// Names: open's flags, hard and symbolic links, loops, rename in all its cases, folders read while
// entries go, working directory, and the *at calls.
// guest: CPUS 4
#include <dirent.h>
#include <limits.h>
#include <sys/statfs.h>

#include "check.h"

static void make(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	CHECK(fd >= 0);
	CHECK_IS(write(fd, text, strlen(text)), strlen(text));
	CHECK_IS(close(fd), 0);
}

static bool holds(const char *name, const char *text)
{
	char data[64];
	int fd = open(name, O_RDONLY);
	if (fd < 0)
		return false;
	ssize_t size = read(fd, data, sizeof(data));
	close(fd);
	return size == (ssize_t)strlen(text) && memcmp(data, text, (size_t)size) == 0;
}

static nlink_t links_of(const char *name)
{
	struct stat info;
	CHECK_IS(lstat(name, &info), 0);
	return info.st_nlink;
}

static void check_open(void)
{
	make("file", "text");
	CHECK_ERRNO(open("absent", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("file", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	CHECK_ERRNO(open("file/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("file/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open(".", O_RDWR), EISDIR);
	CHECK_ERRNO(open(".", O_CREAT | O_RDONLY, 0600), EISDIR);
	CHECK_ERRNO(open("absent/x", O_CREAT | O_RDWR, 0600), ENOENT);
	char longest[300];
	memset(longest, 'n', sizeof(longest));
	longest[256] = '\0';
	CHECK_ERRNO(open(longest, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	longest[255] = '\0';
	make(longest, "long");
	CHECK_IS(unlink(longest), 0);
	static char path[PATH_MAX + 16];
	for (size_t i = 0; i + 1 < sizeof(path); i += 2)
		memcpy(path + i, "./", 2);
	CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
	int first = open("file", O_RDONLY), fd;
	CHECK_IS(close(first), 0);
	fd = open("file", O_RDONLY | O_CLOEXEC);
	CHECK_IS(fd, first); // the lowest number
	CHECK_IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_IS(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	CHECK_IS(unlink("file"), 0); // open files live on
	char text[8];
	CHECK_IS(read(fd, text, 8), 4);
	struct stat info;
	CHECK(fstat(fd, &info) == 0 && info.st_nlink == 0);
	CHECK_IS(close(fd), 0);
	CHECK_ERRNO(close(fd), EBADF);
}

static void check_links(void)
{
	make("a", "A");
	CHECK_IS(link("a", "b"), 0);
	CHECK_IS(links_of("a"), 2);
	CHECK_ERRNO(link("a", "b"), EEXIST);
	CHECK_ERRNO(link("absent", "c"), ENOENT);
	CHECK_ERRNO(link(".", "c"), EPERM);
	CHECK_IS(unlink("a"), 0);
	CHECK(holds("b", "A") && links_of("b") == 1);
	CHECK_IS(symlink("b", "soft"), 0);
	CHECK(holds("soft", "A"));
	char target[8];
	CHECK_IS(readlink("soft", target, sizeof(target)), 1);
	CHECK_ERRNO(readlink("b", target, sizeof(target)), EINVAL);
	CHECK_ERRNO(open("soft", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(symlink("x", "soft"), EEXIST);
	CHECK_IS(symlink("loop2", "loop1"), 0);
	CHECK_IS(symlink("loop1", "loop2"), 0);
	CHECK_ERRNO(open("loop1", O_RDONLY), ELOOP);
	CHECK_IS(symlink("new", "dangling"), 0);
	CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	int fd = open("dangling", O_CREAT | O_RDWR, 0600); // makes what it points to
	CHECK(fd >= 0 && close(fd) == 0 && links_of("new") == 1);
	CHECK_IS(mkdir("folder", 0755), 0);
	CHECK_IS(symlink("folder", "way"), 0);
	make("way/inside", "I");
	CHECK(holds("folder/inside", "I") && holds("way/../folder/./inside", "I"));
	CHECK_ERRNO(rmdir("folder"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("way"), ENOTDIR);
	CHECK_ERRNO(unlink("folder"), EISDIR);
	CHECK_IS(unlink("way/inside"), 0);
	CHECK_IS(rmdir("folder"), 0);
}

static void check_rename(void)
{
	make("one", "1");
	make("two", "2");
	CHECK_IS(rename("one", "two"), 0); // replaces
	CHECK(holds("two", "1"));
	CHECK_ERRNO(rename("one", "three"), ENOENT);
	CHECK_IS(rename("two", "two"), 0);
	CHECK_IS(link("two", "same"), 0);
	CHECK_IS(rename("two", "same"), 0); // one file under two names: nothing happens
	CHECK_IS(links_of("two"), 2);
	CHECK_IS(mkdir("d1", 0755), 0);
	CHECK_IS(mkdir("d2", 0755), 0);
	CHECK_IS(mkdir("d1/sub", 0755), 0);
	CHECK_IS(links_of("d1"), 3);
	CHECK_ERRNO(rename("d1", "d1/sub/x"), EINVAL); // into itself
	CHECK_ERRNO(rename("two", "d1"), EISDIR);
	CHECK_ERRNO(rename("d1", "two"), ENOTDIR);
	CHECK_ERRNO(rename("d2", "d1"), ENOTEMPTY);
	CHECK_IS(rename("d1", "d2"), 0); // an empty folder is replaced
	CHECK_IS(links_of("d2"), 3);
	CHECK_IS(rename("d2/sub", "moved"), 0);
	CHECK(links_of("d2") == 2 && links_of("moved") == 2);
	CHECK_IS(mkdir("moved/deep", 0755), 0);
	CHECK_IS(rename("moved", "d2/moved"), 0);
	CHECK_IS(chdir("d2/moved/deep"), 0);
	char here[PATH_MAX];
	CHECK(getcwd(here, sizeof(here)) && strstr(here, "/d2/moved/deep"));
	CHECK_IS(chdir("../../.."), 0);
	CHECK_ERRNO(renameat2(AT_FDCWD, "two", AT_FDCWD, "same", RENAME_NOREPLACE), EEXIST);
}

static void check_reading(void)
{
	char name[32];
	CHECK_IS(mkdir("many", 0755), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "many/entry-number-%d", i);
		make(name, "");
	}
	DIR *folder = opendir("many");
	CHECK(folder);
	int seen = 0, dots = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] == '.') {
			dots++;
			continue;
		}
		CHECK(entry->d_type == DT_REG && entry->d_ino);
		CHECK_IS(unlinkat(dirfd(folder), entry->d_name, 0), 0); // while it is read
		seen++;
	}
	CHECK(seen == 300 && dots == 2);
	rewinddir(folder);
	for (seen = 0; readdir(folder); seen++)
		;
	CHECK_IS(seen, 2);
	CHECK_IS(rmdir("many"), 0);
	rewinddir(folder);
	CHECK(readdir(folder) == NULL);
	closedir(folder);
	char here[PATH_MAX];
	CHECK(mkdir("gone", 0755) == 0 && chdir("gone") == 0 && rmdir("../gone") == 0);
	CHECK_ERRNO(syscall(SYS_getcwd, here, sizeof(here)), ENOENT);
	CHECK_ERRNO(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_IS(chdir(".."), 0);
}

static void check_at(void)
{
	CHECK_IS(mkdir("at", 0755), 0);
	int at = open("at", O_RDONLY | O_DIRECTORY), path = open("at", O_PATH | O_DIRECTORY);
	int fd = openat(at, "file", O_CREAT | O_RDWR, 0640);
	CHECK(at >= 0 && path >= 0 && fd >= 0);
	struct stat info, other;
	CHECK_IS(fstatat(path, "file", &info, 0), 0);
	CHECK_IS(fstatat(fd, "", &other, AT_EMPTY_PATH), 0);
	CHECK(info.st_ino == other.st_ino && (info.st_mode & 0777) == 0640);
	CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(openat(999, "x", O_RDONLY), EBADF);
	CHECK_IS(mkdirat(at, "sub", 0700), 0);
	CHECK_IS(symlinkat("file", at, "sub/link"), 0);
	CHECK_IS(linkat(at, "file", at, "sub/hard", 0), 0);
	CHECK_IS(renameat(at, "sub/hard", at, "hard"), 0);
	CHECK_IS(faccessat(at, "hard", R_OK, 0), 0);
	CHECK_IS(unlinkat(at, "sub/link", 0), 0);
	CHECK_ERRNO(unlinkat(at, "sub", 0), EISDIR);
	CHECK_IS(unlinkat(at, "sub", AT_REMOVEDIR), 0);
	CHECK_IS(fchdir(at), 0);
	CHECK_IS(access("hard", F_OK), 0);
	CHECK_IS(chdir(".."), 0);
	struct statx extended;
	CHECK_IS(statx(at, "file", 0, STATX_BASIC_STATS, &extended), 0);
	CHECK(extended.stx_ino == info.st_ino && extended.stx_nlink == 2);
	struct statfs fs;
	CHECK(statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_namelen >= 255);
	char c;
	CHECK_ERRNO(read(path, &c, 1), EBADF);
	close(fd), close(at), close(path);
}

int main(void)
{
	enter_scratch_folder();
	char home[PATH_MAX];
	CHECK(getcwd(home, sizeof(home)));
	check_open();
	check_links();
	check_rename();
	check_at();
	check_reading();
	CHECK_IS(chdir(home), 0);
	return 0;
}
