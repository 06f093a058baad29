// SPDX-License-Identifier: MIT
// /proc is read while processes come, exec, make threads and end: every name is either there and
// read whole, or gone with ENOENT or ESRCH.
// guest: CPUS 4
#include <dirent.h>
#include <limits.h>

#include "check.h"

static volatile int *has_ended; // shared

static void *end_soon(void *arg)
{
	sched_yield();
	return arg;
}

static void live(void)
{
	pthread_t threads[2];
	int ends[2];
	CHECK_IS(pipe(ends), 0);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(end_soon, NULL);
	close(ends[0]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

/** Processes without end: some with threads, some that end at once, some that become another
 *  program. */
static void churn(void)
{
	for (unsigned i = 0; !*has_ended; i++) {
		pid_t child = check_fork();
		if (child == 0) {
			if (i % 3 == 0)
				live();
			if (i % 3 == 1)
				execl("/proc/self/exe", "test", "procfs_races", "exit", NULL);
			_exit(0);
		}
		CHECK_CHILD(child);
	}
	_exit(0);
}

static bool is_gone(void)
{
	return errno == ENOENT || errno == ESRCH;
}

/** Read it whole: bytes, -1 = gone. */
static long read_whole(int dir, const char *name)
{
	char text[1024];
	long len = 0;
	ssize_t n = 1;
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		CHECK(is_gone());
		return -1;
	}
	while (n > 0 && (n = read(fd, text, sizeof(text))) > 0)
		len += n;
	CHECK(n == 0 || is_gone());
	close(fd);
	return n < 0 ? -1 : len;
}

static void read_links(int dir, const char *name)
{
	char path[300], target[PATH_MAX];
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		CHECK(is_gone());
		return;
	}
	DIR *links = fdopendir(fd);
	for (struct dirent *entry; (entry = readdir(links));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%.200s/stat", entry->d_name);
		if (strcmp(name, "task") == 0)
			(void)read_whole(fd, path);
		else
			CHECK(readlinkat(fd, entry->d_name, target, PATH_MAX) > 0 || is_gone());
	}
	closedir(links);
}

static void look_into(const char *pid)
{
	static const char *const files[] = {"stat",   "status", "statm", "cmdline", "environ",
					    "comm",   "maps",	"smaps", "limits",  "auxv"};
	static const char *const links[] = {"exe", "cwd", "root"};
	char path[300], target[PATH_MAX];
	snprintf(path, sizeof(path), "/proc/%.200s", pid);
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		CHECK(is_gone());
		return;
	}
	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++)
		(void)read_whole(dir, files[i]);
	for (unsigned i = 0; i < sizeof(links) / sizeof(*links); i++) {
		CHECK(readlinkat(dir, links[i], target, sizeof(target)) > 0 || is_gone());
		int fd = openat(dir, links[i], O_PATH | O_CLOEXEC);
		CHECK(fd >= 0 || is_gone());
		close(fd);
	}
	read_links(dir, "fd");
	read_links(dir, "task");
	close(dir);
}

int main(int argc, char **argv)
{
	pid_t churners[3];
	if (argc > 1 && strcmp(argv[argc - 1], "exit") == 0)
		return 0;
	(void)argv;
	if (getuid() != 0 || !is_guest())
		return SKIPPED; // others' processes cannot be looked into
	has_ended = shared_memory(sizeof(*has_ended));
	for (int i = 0; i < 3; i++) {
		churners[i] = check_fork();
		if (churners[i] == 0)
			churn();
	}
	for (long i = rounds(30, 3000); i > 0; i--) {
		DIR *dir = opendir("/proc");
		bool has_self = false;
		for (struct dirent *entry; (entry = readdir(dir));) {
			if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') {
				has_self |= atoi(entry->d_name) == getpid();
				look_into(entry->d_name);
			}
		}
		closedir(dir);
		CHECK(has_self);
	}
	*has_ended = 1;
	for (int i = 0; i < 3; i++)
		CHECK_CHILD(churners[i]);
	return 0;
}
