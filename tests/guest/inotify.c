// SPDX-License-Identifier: MIT
// inotify: what happens to a folder's names and to a file is told in order, with names, cookies and
// flags; watches are changed, removed and end with their file; events are read whole and polled for.
// guest: CPUS 4
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

#include "check.h"

static int fd;

// The next event: of @wd, with @mask and @name.
static uint32_t expect(int wd, uint32_t mask, const char *name)
{
	static char buffer[4096] __attribute__((aligned(8)));
	static long size, at;
	if (at == size) {
		at = 0;
		size = read(fd, buffer, sizeof(buffer));
		CHECK(size > 0);
	}
	struct inotify_event *event = (struct inotify_event *)(buffer + at);
	at += (long)(sizeof(*event) + event->len);
	if (event->wd != wd || event->mask != mask || strcmp(event->len ? event->name : "", name) != 0)
		printf("wd %d mask %#x name '%s', not %d %#x '%s'\n", event->wd, event->mask,
			event->len ? event->name : "", wd, mask, name);
	CHECK_IS(event->wd, wd);
	CHECK_IS(event->mask, mask);
	CHECK(strcmp(event->len ? event->name : "", name) == 0);
	return event->cookie;
}

static void expect_none(void)
{
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK_IS(poll(&p, 1, 0), 0);
}

static void check_errors(void)
{
	char small[8];
	CHECK_ERRNO(inotify_init1(1), EINVAL);
	CHECK_ERRNO(read(fd, small, sizeof(small)), EAGAIN);
	CHECK_ERRNO(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	CHECK_ERRNO(inotify_add_watch(fd, ".", 0), EINVAL);
	CHECK_ERRNO(inotify_add_watch(999, ".", IN_CREATE), EBADF);
	int file = scratch_file();
	CHECK_ERRNO(inotify_add_watch(file, ".", IN_CREATE), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(fd, 77), EINVAL);
	close(file);
	close(open("plain", O_CREAT | O_WRONLY, 0600));
	CHECK_ERRNO(inotify_add_watch(fd, "plain", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	CHECK_IS(unlink("plain"), 0);
}

static void check_names(void)
{
	CHECK_IS(mkdir("dir", 0755), 0);
	CHECK_IS(mkdir("other", 0755), 0);
	int wd = inotify_add_watch(fd, "dir", IN_ALL_EVENTS & ~(IN_ACCESS | IN_OPEN | IN_CLOSE));
	int other = inotify_add_watch(fd, "other", IN_MOVE);
	CHECK(wd >= 1 && other > wd);
	int file = open("dir/file", O_CREAT | O_WRONLY, 0600);
	expect(wd, IN_CREATE, "file");
	CHECK_IS(write(file, "x", 1), 1);
	CHECK_IS(write(file, "x", 1), 1); // the same once more: one event
	expect(wd, IN_MODIFY, "file");
	expect_none();
	close(file);
	CHECK_IS(chmod("dir/file", 0644), 0);
	expect(wd, IN_ATTRIB, "file");
	CHECK_IS(mkdir("dir/sub", 0755), 0);
	expect(wd, IN_CREATE | IN_ISDIR, "sub");
	CHECK_IS(symlink("x", "dir/link"), 0);
	expect(wd, IN_CREATE, "link");
	CHECK_IS(rename("dir/file", "dir/new"), 0);
	uint32_t cookie = expect(wd, IN_MOVED_FROM, "file");
	CHECK(cookie && expect(wd, IN_MOVED_TO, "new") == cookie);
	CHECK_IS(rename("dir/new", "other/away"), 0);
	uint32_t second = expect(wd, IN_MOVED_FROM, "new");
	CHECK(second != cookie && expect(other, IN_MOVED_TO, "away") == second);
	CHECK_IS(unlink("dir/link"), 0);
	expect(wd, IN_DELETE, "link");
	CHECK_IS(rmdir("dir/sub"), 0);
	expect(wd, IN_DELETE | IN_ISDIR, "sub");
	CHECK_IS(rename("dir", "moved"), 0);
	expect(wd, IN_MOVE_SELF, "");
	CHECK_IS(rmdir("moved"), 0);
	expect(wd, IN_DELETE_SELF, "");
	expect(wd, IN_IGNORED, "");
	expect_none();
	CHECK_ERRNO(inotify_rm_watch(fd, wd), EINVAL);
	CHECK_IS(inotify_rm_watch(fd, other), 0);
	expect(other, IN_IGNORED, "");
	CHECK_IS(unlink("other/away"), 0);
	CHECK_IS(rmdir("other"), 0);
}

static void check_file(void)
{
	char c;
	close(open("file", O_CREAT | O_WRONLY, 0600));
	int wd = inotify_add_watch(fd, "file", IN_OPEN | IN_ACCESS | IN_CLOSE);
	CHECK_IS(inotify_add_watch(fd, "file", IN_MODIFY | IN_MASK_ADD), wd);
	int file = open("file", O_RDWR);
	CHECK_IS(write(file, "x", 1), 1);
	CHECK_IS(pread(file, &c, 1, 0), 1);
	CHECK_IS(ftruncate(file, 0), 0);
	close(file);
	close(open("file", O_RDONLY));
	expect(wd, IN_OPEN, "");
	expect(wd, IN_MODIFY, "");
	expect(wd, IN_ACCESS, "");
	expect(wd, IN_MODIFY, "");
	expect(wd, IN_CLOSE_WRITE, "");
	expect(wd, IN_OPEN, "");
	expect(wd, IN_CLOSE_NOWRITE, "");
	CHECK_IS(inotify_add_watch(fd, "file", IN_ATTRIB | IN_ONESHOT), wd); // instead
	close(open("file", O_RDONLY));
	CHECK_IS(chmod("file", 0640), 0);
	CHECK_IS(chmod("file", 0600), 0);
	expect(wd, IN_ATTRIB, "");
	expect(wd, IN_IGNORED, "");
	expect_none();
	CHECK_IS(unlink("file"), 0);
}

// A reader sleeps until something happens; both ways of asking how much there is.
static void check_waiting(void)
{
	int wd = inotify_add_watch(fd, ".", IN_CREATE), bytes;
	fcntl(fd, F_SETFL, 0);
	pid_t child = check_fork();
	if (child == 0) {
		sleep_ms(10);
		close(open("late", O_CREAT | O_WRONLY, 0600));
		_exit(0);
	}
	struct pollfd p = { fd, POLLIN, 0 };
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK(ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 16 + 16);
	char tiny[16];
	CHECK_ERRNO(read(fd, tiny, sizeof(tiny)), EINVAL);
	expect(wd, IN_CREATE, "late");
	CHECK_CHILD(child);
	CHECK_IS(unlink("late"), 0);
	for (int i = 0; i < 100; i++) {
		char name[16];
		sprintf(name, "n%d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	for (int i = 0; i < 100; i++) {
		char name[16];
		sprintf(name, "n%d", i);
		expect(wd, IN_CREATE, name);
	}
}

int main(void)
{
	enter_scratch_folder();
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	check_errors();
	check_names();
	check_file();
	check_waiting();
	close(fd);
	return 0;
}
