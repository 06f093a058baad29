// SPDX-License-Identifier: MIT
// Users: the permissions of files and folders as root and as nobody, set-user-ID, sticky folders,
// dropping root for good, groups, umask, and the rules of the set*id calls.
// guest: CPUS 4
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "inject.h"

#define NOBODY 65534

static void become(uid_t uid, gid_t gid)
{
	CHECK_IS(setgroups(0, NULL), 0);
	CHECK_IS(setresgid(gid, gid, gid), 0);
	CHECK_IS(setresuid(uid, uid, uid), 0);
}

static void make(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	int fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK_IS(fchown(fd, uid, gid), 0);
	CHECK_IS(fchmod(fd, mode), 0);
	close(fd);
}

/** May current open @name for reading (1), writing (2)? */
static int allowed(const char *name)
{
	int result = 0, fd = open(name, O_RDONLY);
	if (fd >= 0 && close(fd) == 0)
		result |= 1;
	else
		CHECK_IS(errno, EACCES);
	fd = open(name, O_WRONLY);
	if (fd >= 0 && close(fd) == 0)
		result |= 2;
	else
		CHECK_IS(errno, EACCES);
	return result;
}

static void as_nobody(void)
{
	become(NOBODY, NOBODY);
	CHECK_IS(allowed("root-600"), 0);
	CHECK_IS(allowed("root-644"), 1);
	CHECK_IS(allowed("own-600"), 3);
	CHECK_IS(allowed("own-066"), 0); // the owner's bits count, not the others'
	CHECK_IS(allowed("group-060"), 3);
	CHECK_IS(allowed("group-606"), 0);
	CHECK_ERRNO(open("hidden/file", O_RDONLY), EACCES);
	CHECK_ERRNO(open("readable/new", O_CREAT | O_RDWR, 0600), EACCES);
	CHECK_ERRNO(unlink("readable/file"), EACCES);
	CHECK_ERRNO(unlink("sticky/root"), EPERM);
	CHECK_ERRNO(rename("sticky/root", "sticky/other"), EPERM);
	CHECK_IS(unlink("sticky/own"), 0);
	CHECK_ERRNO(chmod("root-644", 0666), EPERM);
	CHECK_ERRNO(chown("own-600", 0, 0), EPERM);
	CHECK_IS(chmod("own-600", 0640), 0);
	CHECK_ERRNO(access("root-600", R_OK), EACCES);
	CHECK_IS(access("root-644", R_OK), 0);
	CHECK_ERRNO(access("root-644", X_OK), EACCES);
	CHECK_ERRNO(mknod("sticky/device", S_IFCHR | 0600, 1), EPERM);
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_ERRNO(setgid(0), EPERM);
	CHECK_ERRNO(setresuid(-1, 0, -1), EPERM);
	CHECK_ERRNO(setgroups(0, NULL), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
	CHECK_ERRNO(chroot("/"), EPERM);
	CHECK_ERRNO(klogctl(6, NULL, 0), EPERM); // the console's level is not everybody's
	CHECK_IS(setuid(NOBODY), 0);
	struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, set[2] = { { 1, 0 }, { 1, 0 } };
	CHECK_ERRNO(utimensat(AT_FDCWD, "root-644", set, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "root-644", now, 0), EACCES);
	umask(077);
	int fd = open("sticky/mine", O_CREAT | O_RDWR, 0666);
	struct stat info;
	CHECK(fd >= 0 && fstat(fd, &info) == 0);
	CHECK((info.st_mode & 07777) == 0600 && info.st_uid == NOBODY && info.st_gid == NOBODY);
	close(fd);
	_exit(0);
}

/** A program made in a set-group-ID folder runs as its group only if its maker is in that; and a folder is
 *  moved to another only by who may write to it. */
static void check_folders(void)
{
	CHECK(mkdir("groups", 0777) == 0 && chown("groups", 0, 7) == 0 && chmod("groups", 02777) == 0);
	CHECK(mkdir("from", 0700) == 0 && chmod("from", 0777) == 0 && mkdir("from/root", 0755) == 0);
	pid_t child = check_fork();
	if (child == 0) {
		struct stat info;
		become(NOBODY, NOBODY);
		umask(0);
		int fd = open("groups/program", O_CREAT | O_RDWR, 02755), plain = open("groups/plain", O_CREAT, 02644);
		CHECK(fd >= 0 && fstat(fd, &info) == 0);
		CHECK(info.st_gid == 7 && (info.st_mode & 07777) == 0755);
		CHECK(plain >= 0 && fstat(plain, &info) == 0);
		CHECK((info.st_mode & 07777) == 02644); // that is no program
		CHECK_IS(mkdir("groups/folder", 0755), 0);
		CHECK(stat("groups/folder", &info) == 0 && (info.st_mode & 07777) == 02755);
		CHECK_ERRNO(rename("from/root", "groups/root"), EACCES);
		CHECK_IS(rename("from/root", "from/other"), 0); // its parent stays
		CHECK_IS(rename("groups/folder", "from/folder"), 0);
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void check_files(void)
{
	make("root-600", 0600, 0, 0);
	make("root-644", 0644, 0, 0);
	make("own-600", 0600, NOBODY, 0);
	make("own-066", 0066, NOBODY, 0);
	make("group-060", 0060, 0, NOBODY);
	make("group-606", 0606, 0, NOBODY);
	CHECK_IS(chmod(".", 0755), 0);
	CHECK(mkdir("hidden", 0700) == 0 && mkdir("readable", 0755) == 0 && mkdir("sticky", 0700) == 0);
	CHECK_IS(chmod("sticky", 01777), 0);
	make("hidden/file", 0666, 0, 0);
	make("readable/file", 0666, 0, 0);
	make("sticky/root", 0666, 0, 0);
	make("sticky/own", 0666, NOBODY, 0);
	pid_t child = check_fork();
	if (child == 0)
		as_nobody();
	CHECK_CHILD(child);
	CHECK_IS(allowed("own-066"), 3); // root
	CHECK_ERRNO(access("root-600", X_OK), EACCES);
	CHECK_IS(access("hidden", X_OK), 0);
}

static void check_ids(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		gid_t groups[3] = { 5, 7, 9 }, now[8];
		CHECK_IS(setgroups(3, groups), 0);
		CHECK_IS(getgroups(0, NULL), 3);
		CHECK_ERRNO(getgroups(2, now), EINVAL);
		CHECK(getgroups(8, now) == 3 && memcmp(now, groups, sizeof(groups)) == 0);
		uid_t real, effective, saved;
		CHECK_IS(setresuid(1, 2, 3), 0);
		CHECK_IS(getresuid(&real, &effective, &saved), 0);
		CHECK(real == 1 && effective == 2 && saved == 3);
		CHECK_IS(setuid(3), 0); // the effective one only: this is not root
		CHECK(getuid() == 1 && geteuid() == 3);
		CHECK_ERRNO(setuid(4), EPERM);
		CHECK_IS(setreuid(3, 1), 0);
		CHECK_IS(getresuid(&real, &effective, &saved), 0);
		CHECK(real == 3 && effective == 1);
		CHECK_ERRNO(setresuid(0, -1, -1), EPERM);
		_exit(0);
	}
	CHECK_CHILD(child);
}

/** Of the current thread: 0 effective, 1 permitted; the low 32. */
static unsigned capabilities(int which)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];
	CHECK_IS(syscall(SYS_capget, &header, data), 0);
	return which ? data[0].permitted : data[0].effective;
}

static void set_capabilities(unsigned effective, unsigned permitted)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {{effective, permitted, 0}, {0}};
	CHECK_IS(syscall(SYS_capset, &header, data), 0);
}

static int exec_says(const char *line)
{
	int status;
	pid_t pid = check_fork();
	if (pid == 0) {
		execl("/bin/busybox", "grep", "-q", line, "/proc/self/status", NULL);
		_exit(9);
	}
	CHECK_IS(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/** PR_SET_KEEPCAPS: capabilities outlive root's user id, but no exec; root's come back by it. */
static void check_kept_capabilities(void)
{
	int status;
	pid_t pid = check_fork();
	if (pid == 0) {
		CHECK_IS(prctl(PR_GET_KEEPCAPS), 0);
		CHECK_ERRNO(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
		CHECK_IS(prctl(PR_SET_KEEPCAPS, 1), 0);
		CHECK_IS(prctl(PR_GET_KEEPCAPS), 1);
		set_capabilities(1u << CAP_CHOWN | 1u << CAP_SETUID, 1u << CAP_CHOWN | 1u << CAP_SETUID);
		CHECK(exec_says("CapPrm:.*f$")); // root's again
		CHECK_IS(setresuid(NOBODY, NOBODY, NOBODY), 0);
		CHECK_IS(capabilities(0), 0);
		CHECK_IS(capabilities(1), 1u << CAP_CHOWN | 1u << CAP_SETUID);
		set_capabilities(1u << CAP_CHOWN, 1u << CAP_CHOWN);
		CHECK_IS(chown("root-600", 0, 0), 0);
		CHECK(exec_says("CapPrm:.0000000000000000$"));
		_exit(0);
	}
	CHECK_IS(waitpid(pid, &status, 0), pid);
	CHECK_IS(status, 0);
	pid = check_fork();
	if (pid == 0) { // the saved user id follows the effective one
		CHECK_IS(setresuid(2, 2, 3), 0);
		CHECK(exec_says("^Uid:.2.2.2.2$"));
		_exit(0);
	}
	CHECK_IS(waitpid(pid, &status, 0), pid);
	CHECK_IS(status, 0);
}

/** setfsuid away from root takes the capabilities to pass over the modes of files, and only those. */
static void check_file_user(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		unsigned all = capabilities(0);
		CHECK_IS(setgroups(0, NULL), 0);
		setfsgid(NOBODY);
		setfsuid(NOBODY);
		CHECK_IS(setfsuid((uid_t)-1), NOBODY);
		CHECK_IS(capabilities(0), all & ~(0x1f | 1u << CAP_LINUX_IMMUTABLE | 1u << CAP_MKNOD));
		CHECK_IS(allowed("root-600"), 0);
		CHECK_IS(allowed("own-600"), 3);
		CHECK_IS(setgroups(0, NULL), 0); // leaves it alone
		CHECK_IS(setfsuid((uid_t)-1), NOBODY);
		setfsuid(0);
		CHECK_IS(capabilities(0), all);
		CHECK_IS(allowed("root-600"), 3);
		_exit(0);
	}
	CHECK_CHILD(child);
}

/** Who becomes another keeps what he had to himself, until a program of his own runs; and nobody's death is told
 *  him by a signal that he asked for before. */
static void check_dumpable(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		int sig = -1;
		CHECK_IS(prctl(PR_GET_DUMPABLE), 1);
		CHECK_IS(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
		CHECK_IS(setgroups(0, NULL), 0);
		CHECK_IS(prctl(PR_GET_DUMPABLE), 1);
		become(NOBODY, NOBODY);
		CHECK_IS(prctl(PR_GET_DUMPABLE), 0);
		CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == 0);
		CHECK_IS(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
		execl("./plain", "./plain", "proc_P11_credentials", "plain", NULL);
		_exit(9);
	}
	CHECK_IS(wait_status(child), 24 << 8);
}

/** The set-user-ID program shows nothing of itself through a file that was opened before, and no descriptor. */
static void check_peeking(void)
{
	int go[2];
	char c, text[64], exe[64];
	CHECK_IS(pipe(go), 0);
	pid_t child = check_fork();
	if (child == 0) {
		become(NOBODY, NOBODY);
		CHECK_IS(prctl(PR_SET_DUMPABLE, 1), 0);
		pid_t target = check_fork();
		if (target == 0) {
			CHECK_IS(prctl(PR_SET_DUMPABLE, 1), 0);
			CHECK_IS(close(go[1]), 0);
			CHECK_IS(read(go[0], &c, 1), 1);
			snprintf(text, sizeof(text), "%d", go[0]);
			execl("./setuid", "./setuid", "proc_P11_credentials", "wait", text, NULL);
			_exit(9);
		}
		snprintf(text, sizeof(text), "/proc/%d/maps", target);
		int fd = open(text, O_RDONLY), pidfd = (int)syscall(SYS_pidfd_open, target, 0);
		CHECK(fd >= 0 && pidfd >= 0 && pread(fd, text, sizeof(text), 0) > 0);
		int got = (int)syscall(SYS_pidfd_getfd, pidfd, 1, 0);
		CHECK(got >= 0 && close(got) == 0);
		CHECK_IS(setpgid(target, 0), 0);
		CHECK_IS(write(go[1], "x", 1), 1);
		snprintf(exe, sizeof(exe), "/proc/%d/exe", target);
		while (readlink(exe, text, sizeof(text)) >= 0)
			sched_yield(); // until it has become another's
		CHECK(pread(fd, text, sizeof(text), 0) <= 0);
		CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 1, 0), EPERM);
		CHECK_ERRNO(setpgid(target, getpgrp()), EACCES); // it has execed
		CHECK_IS(close(go[1]), 0);
		CHECK_IS(wait_status(target), 0);
		_exit(0);
	}
	CHECK_IS(close(go[1]), 0);
	CHECK_CHILD(child);
	CHECK_IS(close(go[0]), 0);
}

static void check_set_user(const char *self)
{
	static char block[1 << 16];
	int from = open(self, O_RDONLY), to = open("setuid", O_CREAT | O_RDWR, 0700);
	ssize_t got;
	CHECK(from >= 0 && to >= 0);
	while ((got = read(from, block, sizeof(block))) > 0)
		CHECK_IS(write(to, block, (size_t)got), got);
	CHECK_IS(fchmod(to, 06755), 0);
	close(from), close(to);
	CHECK_IS(link("setuid", "plain"), 0);
	check_peeking();
	pid_t child = check_fork();
	if (child == 0) {
		become(NOBODY, NOBODY);
		CHECK_IS(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
		execl("./setuid", "./setuid", "proc_P11_credentials", "ids", NULL);
		_exit(9);
	}
	CHECK_IS(wait_status(child), 23 << 8);
	CHECK_IS(chmod("plain", 0755), 0);
	check_dumpable();
	CHECK_IS(chmod("setuid", 06755), 0);
	CHECK_IS(chown("setuid", 1, 1), 0); // another owner takes the bits off
	struct stat info;
	CHECK(stat("setuid", &info) == 0 && !(info.st_mode & S_ISUID));
}

static int uid_of_status(pid_t pid)
{
	char path[64], text[2048];
	int uid = -1;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	read_file(path, text, sizeof(text));
	CHECK(sscanf(strstr(text, "Uid:"), "Uid: %d", &uid) == 1);
	return uid;
}

/** Who has ended is still who it was: for the wait, the signal and /proc. Then its credentials are freed. */
static void check_zombies(void)
{
	static struct books before;
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK_IS(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	for (int i = 0; i < 40; i++) {
		if (i == 10)
			books_open(&before);
		pid_t pid = check_fork();
		if (pid == 0) {
			become(NOBODY, NOBODY);
			_exit(0);
		}
		CHECK_IS(sigwaitinfo(&set, &info), SIGCHLD);
		CHECK(info.si_pid == pid && info.si_uid == NOBODY);
		CHECK_IS(uid_of_status(pid), NOBODY);
		CHECK_IS(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
		CHECK(info.si_pid == pid && info.si_uid == NOBODY);
	}
	books_close("ended users", &before);
}

static void check_file_is_closed(pid_t pid, const char *name, int mode)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	CHECK_ERRNO(open(path, mode), EACCES);
}

/** Nobody may change or look into root's process. */
static void check_others(void)
{
	pid_t root = getpid();
	pid_t pid = check_fork();
	if (pid == 0) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
		struct sched_param param = {0};
		cpu_set_t cpus;
		siginfo_t info = {.si_code = SI_QUEUE};
		char path[64], target[64];
		void *head;
		size_t size;
		become(NOBODY, NOBODY);
		int pidfd = (int)syscall(SYS_pidfd_open, root, 0);
		CHECK(pidfd >= 0);
		CPU_ZERO(&cpus);
		CPU_SET(0, &cpus);
		CHECK_ERRNO(kill(root, 0), EPERM);
		CHECK_ERRNO(syscall(SYS_tgkill, root, root, SIGTERM), EPERM);
		CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, root, SIGTERM, &info), EPERM);
		CHECK_ERRNO(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0), EPERM);
		CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 1, 0), EPERM);
		CHECK_ERRNO(prlimit(root, RLIMIT_CORE, NULL, &limit), EPERM);
		CHECK_ERRNO(prlimit(root, RLIMIT_CORE, &limit, NULL), EPERM);
		CHECK_ERRNO(sched_setaffinity(root, sizeof(cpus), &cpus), EPERM);
		CHECK_ERRNO(sched_setscheduler(root, SCHED_BATCH, &param), EPERM);
		CHECK_ERRNO(setpriority(PRIO_PROCESS, (id_t)root, 5), EPERM);
		CHECK_ERRNO(syscall(SYS_get_robust_list, root, &head, &size), EPERM);
		CHECK(syscall(SYS_kcmp, root, root, 0, 0, 1) == -1 && (errno == EPERM || errno == ENOSYS));
		CHECK_ERRNO(setpgid(root, 0), ESRCH);
		snprintf(path, sizeof(path), "/proc/%d/exe", root);
		CHECK_ERRNO(readlink(path, target, sizeof(target)), EACCES);
		check_file_is_closed(root, "environ", O_RDONLY);
		check_file_is_closed(root, "maps", O_RDONLY);
		check_file_is_closed(root, "fd", O_RDONLY);
		check_file_is_closed(root, "fd/1", O_WRONLY);
		check_file_is_closed(root, "oom_score_adj", O_WRONLY);
		check_file_is_closed(root, "comm", O_WRONLY);
		_exit(0);
	}
	CHECK_CHILD(pid);
}

int main(int argc, char **argv)
{
	int sig = -1;
	if (argc > 1 && strcmp(argv[1], "plain") == 0) {
		CHECK_IS(prctl(PR_GET_DUMPABLE), 1);
		CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGUSR1);
		return 24;
	}
	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		for (char c; read(atoi(argv[2]), &c, 1) > 0;)
			;
		return 0;
	}
	if (argc > 1) { // the set-user-ID program
		CHECK(strcmp(argv[1], "ids") == 0);
		CHECK_IS(prctl(PR_GET_DUMPABLE), 0);
		CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == 0);
		CHECK(getuid() == NOBODY && geteuid() == 0 && getgid() == NOBODY && getegid() == 0);
		return 23;
	}
	if (geteuid() != 0)
		return SKIPPED;
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(length > 0);
	self[length] = '\0';
	enter_scratch_folder();
	umask(022);
	check_files();
	check_folders();
	check_file_user();
	check_set_user(self);
	check_ids();
	check_kept_capabilities();
	check_others();
	check_zombies();
	return 0;
}
