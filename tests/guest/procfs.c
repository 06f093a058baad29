// SPDX-License-Identifier: MIT
// /proc and /sys: the forms that ps, top, free and C libraries read, magic links, and what becomes
// of names when a process ends.
// guest: CPUS 4
#include <dirent.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>

#include "check.h"

static char text[65536];

/** All of @path into text, terminated: its length; -1 with errno. */
static long read_all(const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	int error = errno;
	close(fd);
	text[len] = '\0';
	errno = error;
	return n < 0 ? -1 : (long)len;
}

static const char *of_pid(pid_t pid, const char *name)
{
	static char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return path;
}

static long count_lines(const char *prefix)
{
	long count = 0;
	for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
		count += strncmp(line, prefix, strlen(prefix)) == 0;
	return count;
}

static unsigned long long field(const char *label)
{
	char *at = strstr(text, label);
	CHECK(at);
	return strtoull(at + strlen(label), NULL, 0);
}

/** The state letter of @pid, 0 = it is gone. */
static char state_of(pid_t pid)
{
	if (read_all(of_pid(pid, "stat")) < 0)
		return 0;
	char *name_end = strrchr(text, ')');
	CHECK(name_end);
	return name_end[2];
}

static void wait_for_state(pid_t pid, char state)
{
	while (state_of(pid) != state)
		sched_yield();
}

static void check_stat(void)
{
	CHECK(read_all("/proc/self/stat") > 0);
	int pid, used = 0, ppid, pgrp, session;
	CHECK_IS(sscanf(text, "%d (%*[^)]) R %d %d %d%n", &pid, &ppid, &pgrp, &session, &used), 4);
	CHECK(pid == getpid() && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
	int fields = 1;
	for (char *at = strrchr(text, ')'); *at; at++)
		fields += *at == ' ';
	CHECK_IS(fields, 52 - 1); // the name and what is before it count as two
	CHECK(text[strlen(text) - 1] == '\n');
	CHECK(read_all("/proc/self/statm") > 0);
	unsigned long long pages[7];
	CHECK_IS(sscanf(text, "%llu %llu %llu %llu %llu %llu %llu", &pages[0], &pages[1], &pages[2],
			&pages[3], &pages[4], &pages[5], &pages[6]), 7);
	CHECK(pages[0] > 10 && pages[1] > 10 && pages[1] <= pages[0]);
}

static void check_status(void)
{
	CHECK(read_all("/proc/self/status") > 0);
	CHECK_IS(field("\nTgid:\t"), getpid());
	CHECK_IS(field("\nPPid:\t"), getppid());
	CHECK_IS(field("\nUid:\t"), getuid());
	CHECK_IS(field("\nThreads:\t"), 1);
	CHECK(field("\nVmRSS:\t") > 0 && field("\nVmRSS:\t") <= field("\nVmSize:\t"));
	CHECK(strstr(text, "\nState:\tR (running)\n"));
	unsigned long long blocked = strtoull(strstr(text, "\nSigBlk:\t") + 9, NULL, 16);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(read_all("/proc/self/status") > 0);
	CHECK_IS(strtoull(strstr(text, "\nSigBlk:\t") + 9, NULL, 16) ^ blocked, 1 << (SIGUSR2 - 1));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void check_names(void)
{
	char name[32];
	CHECK_IS(prctl(PR_SET_NAME, "a (b) c"), 0);
	CHECK(read_all("/proc/self/comm") == 8 && strcmp(text, "a (b) c\n") == 0);
	int fd = open("/proc/self/comm", O_RDWR);
	CHECK(fd >= 0);
	CHECK_IS(write(fd, "a name that is too long", 23), 23);
	CHECK_IS(pread(fd, name, sizeof(name), 0), 16);
	CHECK(memcmp(name, "a name that is \n", 16) == 0);
	close(fd);
	CHECK(read_all("/proc/self/cmdline") > 0);
	CHECK(strcmp(text, program_invocation_name) == 0);
	CHECK(read_all("/proc/thread-self/comm") == 16);
}

static void check_memory(void)
{
	static char in_data = 1;
	char on_stack = 1, flags[5], name[256] = "";
	char *on_heap = malloc(32);
	unsigned found = 0;
	CHECK(read_all("/proc/self/maps") > 0);
	unsigned long long before = 0;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long long start, end, offset, ino;
		unsigned major, minor;
		name[0] = '\0';
		CHECK(sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %255[^\n]", &start, &end, flags,
			     &offset, &major, &minor, &ino, name) >= 7);
		CHECK(start >= before && end > start);
		before = end;
		uintptr_t code = (uintptr_t)check_memory, data = (uintptr_t)&in_data;
		if (code >= start && code < end)
			found |= strcmp(flags, "r-xp") == 0 && name[0] == '/' ? 1 : 0;
		if (data >= start && data < end)
			found |= strcmp(flags, "rw-p") == 0 ? 2 : 0;
		if ((uintptr_t)&on_stack >= start && (uintptr_t)&on_stack < end)
			found |= strcmp(name, "[stack]") == 0 ? 4 : 0;
		if ((uintptr_t)on_heap >= start && (uintptr_t)on_heap < end)
			found |= strcmp(name, "[heap]") == 0 ? 8 : 0;
	}
	CHECK_IS(found, 15);
	free(on_heap);
	CHECK_IS(setenv("unused", "x", 1), 0);
	CHECK(read_all("/proc/self/auxv") >= 16);
	CHECK(read_all("/proc/self/smaps") > 0 && strstr(text, "\nRss:"));
}

/** A list of many mappings is made while it is read: lines are whole, and what comes late is of then. */
static void check_pieces(void)
{
	enum { PAGES = 200, PAGE = 4096 };
	static char joined[sizeof(text)];
	size_t len = 0;
	ssize_t n;
	char *block = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(block != MAP_FAILED);
	for (int i = 0; i < PAGES; i += 2)
		CHECK_IS(mprotect(block + i * PAGE, PAGE, PROT_NONE), 0);
	int fd = open("/proc/self/maps", O_RDONLY);
	while ((n = read(fd, joined + len, 100)) > 0) {
		len += (size_t)n;
		CHECK_IS(mprotect(block + (PAGES - 1) * PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
	}
	CHECK_IS(n, 0);
	CHECK_IS(read_all("/proc/self/maps"), len);
	CHECK(memcmp(joined, text, len) == 0);
	CHECK_IS(pread(fd, joined, 50, (off_t)len - 50), 50);
	CHECK(memcmp(joined, text + len - 50, 50) == 0);
	close(fd);
	CHECK_IS(munmap(block, PAGES * PAGE), 0);
}

static void check_links(void)
{
	char target[PATH_MAX], here[PATH_MAX];
	struct stat a, b;
	ssize_t len = readlink("/proc/self", target, sizeof(target));
	CHECK(len > 0 && len < 16);
	target[len] = '\0';
	CHECK_IS(atoi(target), getpid());
	enter_scratch_folder();
	len = readlink("/proc/self/cwd", target, sizeof(target));
	CHECK(getcwd(here, sizeof(here)) && (size_t)len == strlen(here));
	CHECK(memcmp(here, target, (size_t)len) == 0);
	CHECK(stat("/proc/self/cwd", &a) == 0 && stat(".", &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	CHECK(readlink("/proc/self/root", target, sizeof(target)) == 1 && target[0] == '/');
	len = readlink("/proc/self/exe", target, sizeof(target));
	CHECK(len > 0);
	target[len] = '\0';
	CHECK(stat("/proc/self/exe", &a) == 0 && stat(target, &b) == 0 && a.st_ino == b.st_ino);
	CHECK(lstat("/proc/self/exe", &a) == 0 && S_ISLNK(a.st_mode));
	int fd = open("/proc/self/cwd/new", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && access("new", R_OK) == 0);
	close(fd);
}

static bool has_entry(const char *folder, const char *name)
{
	DIR *dir = opendir(folder);
	bool found = false;
	CHECK(dir);
	for (struct dirent *entry; (entry = readdir(dir));)
		found |= strcmp(entry->d_name, name) == 0;
	closedir(dir);
	return found;
}

static void check_descriptors(void)
{
	char path[64], target[PATH_MAX], number[16];
	struct stat a, b;
	int fd = open("file", O_CREAT | O_RDWR, 0600);
	CHECK_IS(write(fd, "abc", 3), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(path, target, sizeof(target));
	CHECK(len > 5 && memcmp(target + len - 5, "/file", 5) == 0);
	CHECK_IS(unlink("file"), 0);
	len = readlink(path, target, sizeof(target));
	CHECK(len > 10 && memcmp(target + len - 10, " (deleted)", 10) == 0);
	// The link leads to the file itself, which has lost its name; the position is a new one.
	int again = open(path, O_RDONLY);
	CHECK(again >= 0 && fstat(fd, &a) == 0 && fstat(again, &b) == 0 && a.st_ino == b.st_ino);
	CHECK(read(again, target, 8) == 3);
	close(again);
	snprintf(number, sizeof(number), "%d", fd);
	CHECK(has_entry("/proc/self/fd", number));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(read_all(path) > 0);
	CHECK_IS(field("pos:\t"), 3);
	CHECK_IS(strtoul(strstr(text, "flags:\t") + 7, NULL, 8) & O_ACCMODE, O_RDWR);
	close(fd);
	CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
}

/** What has no name can be opened by its descriptor too: /dev/stdin is such a link. */
static void check_nameless(void)
{
	char path[64], target[64] = "";
	int ends[2];
	struct stat info;
	CHECK_IS(pipe(ends), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	CHECK(readlink(path, target, sizeof(target)) > 0 && strncmp(target, "pipe:[", 6) == 0);
	CHECK(stat(path, &info) == 0 && S_ISFIFO(info.st_mode));
	CHECK(lstat(path, &info) == 0 && info.st_mode == (S_IFLNK | 0300));
	int again = open(path, O_WRONLY);
	CHECK(again >= 0);
	close(ends[1]);
	CHECK_IS(write(again, "xyz", 3), 3); // the end is open as long as this one is
	CHECK_IS(read(ends[0], target, 8), 3);
	close(again);
	CHECK_IS(read(ends[0], target, 8), 0);
	close(ends[0]);
}

static void check_life(void)
{
	char name[16];
	pid_t child = check_fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	wait_for_state(child, 'S');
	snprintf(name, sizeof(name), "%d", child);
	CHECK(has_entry("/proc", name) && has_entry("/proc", "self"));
	int fd = open(of_pid(child, "status"), O_RDONLY);
	int dir = open(of_pid(child, ""), O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0 && dir >= 0 && read(fd, name, 8) == 8);
	kill(child, SIGSTOP);
	wait_for_state(child, 'T');
	kill(child, SIGCONT);
	wait_for_state(child, 'S');
	kill(child, SIGKILL);
	wait_for_state(child, 'Z');
	CHECK_IS(read_all(of_pid(child, "cmdline")), 0);
	CHECK_ERRNO(readlink(of_pid(child, "exe"), text, 8), ENOENT);
	CHECK_IS(wait_status(child), SIGKILL);
	CHECK_ERRNO(open(of_pid(child, "stat"), O_RDONLY), ENOENT);
	CHECK_ERRNO(pread(fd, text, 8, 0), ESRCH);
	int gone = openat(dir, "stat", O_RDONLY);
	CHECK(gone < 0 && (errno == ENOENT || errno == ESRCH));
	close(fd);
	close(dir);
}

static pthread_barrier_t barrier;

static void *stay(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void check_threads(void)
{
	pthread_t threads[3];
	char path[64];
	int count = 0;
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++)
		threads[i] = start_thread(stay, NULL);
	pthread_barrier_wait(&barrier);
	DIR *dir = opendir("/proc/self/task");
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", entry->d_name);
		CHECK(read_all(path) > 0 && atoi(text) == atoi(entry->d_name));
	}
	closedir(dir);
	CHECK_IS(count, 4);
	CHECK(read_all("/proc/self/status") > 0);
	CHECK_IS(field("\nThreads:\t"), 4);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void check_rights(void)
{
	if (getuid() != 0)
		return;
	pid_t child = check_fork();
	if (child == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(read_all("/proc/1/stat") > 0 && read_all("/proc/1/cmdline") >= 0);
		CHECK_ERRNO(open("/proc/1/environ", O_RDONLY), EACCES);
		CHECK_ERRNO(readlink("/proc/1/exe", text, 64), EACCES);
		CHECK_ERRNO(open("/proc/1/cwd", O_RDONLY), EACCES);
		CHECK_ERRNO(open("/proc/1/fd", O_RDONLY), EACCES);
		CHECK_ERRNO(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK(!is_guest() || read_all("/proc/1/environ") >= 0);
}

static void check_system(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct sysinfo info;
	CHECK_IS(sysinfo(&info), 0);
	CHECK(read_all("/proc/cpuinfo") > 0);
	CHECK_IS(count_lines("processor\t"), cpus);
	CHECK(read_all("/proc/stat") > 0);
	CHECK_IS(count_lines("cpu"), cpus + 1);
	CHECK(field("\nctxt ") > 0 && field("\nprocesses ") > 0 && field("\nbtime ") > 0);
	CHECK(read_all("/proc/meminfo") > 0);
	CHECK_IS(field("MemTotal:"), (unsigned long long)info.totalram * info.mem_unit / 1024);
	CHECK(field("\nMemFree:") > 0 && field("\nMemFree:") < field("MemTotal:"));
	double up, idle, load[3];
	CHECK(read_all("/proc/uptime") > 0 && sscanf(text, "%lf %lf", &up, &idle) == 2 && up > 0);
	unsigned running, all;
	CHECK(read_all("/proc/loadavg") > 0);
	CHECK_IS(sscanf(text, "%lf %lf %lf %u/%u", &load[0], &load[1], &load[2], &running, &all),
		 5);
	CHECK(running >= 1 && all >= running);
	CHECK(read_all("/proc/mounts") > 0 && strstr(text, " /proc proc "));
	CHECK(read_all("/proc/self/mountinfo") > 0 && strstr(text, " - proc "));
	CHECK(read_all("/proc/version") > 0 && strncmp(text, "Linux version ", 14) == 0);
	CHECK(read_all("/proc/interrupts") > 0 && strstr(text, "CPU0"));
	CHECK(read_all("/sys/devices/system/cpu/online") > 0 && text[0] == '0');
	CHECK(access("/sys/devices/system/cpu/cpu0", F_OK) == 0);
}

/** Reading on is of one moment; going back to the start shows the present. */
static void check_moments(void)
{
	char first[64], second[64];
	int fd = open("/proc/uptime", O_RDONLY);
	ssize_t len = read(fd, first, sizeof(first));
	CHECK(len > 0);
	CHECK_IS(read(fd, second, sizeof(second)), 0);
	sleep_ms(30);
	CHECK_IS(lseek(fd, 0, SEEK_SET), 0);
	CHECK(read(fd, second, sizeof(second)) > 0 && atof(second) > atof(first));
	close(fd);
}

static void check_settings(void)
{
	char old[65], now[65];
	CHECK(read_all("/proc/sys/kernel/ostype") == 6 && strcmp(text, "Linux\n") == 0);
	CHECK(read_all("/proc/sys/kernel/random/boot_id") == 37);
	if (!is_guest() || getuid() != 0)
		return;
	CHECK_IS(gethostname(old, sizeof(old)), 0);
	int fd = open("/proc/sys/kernel/hostname", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0 && write(fd, "renamed\n", 8) == 8);
	close(fd);
	CHECK(gethostname(now, sizeof(now)) == 0 && strcmp(now, "renamed") == 0);
	CHECK_IS(sethostname(old, strlen(old)), 0);
	fd = open("/proc/self/oom_score_adj", O_RDWR);
	CHECK(write(fd, "-17\n", 4) == 4);
	CHECK(pread(fd, now, 8, 0) == 4 && memcmp(now, "-17\n", 4) == 0);
	CHECK_ERRNO(write(fd, "1001", 4), EINVAL);
	close(fd);
}

int main(void)
{
	check_stat();
	check_status();
	check_names();
	check_memory();
	check_pieces();
	check_links();
	check_descriptors();
	check_nameless();
	check_life();
	check_threads();
	check_rights();
	check_system();
	check_moments();
	check_settings();
	return 0;
}
