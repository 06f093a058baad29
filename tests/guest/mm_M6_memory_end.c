// SPDX-License-Identifier: MIT
// Programs of users take all memory there is, in each way that they have. Then the one that holds most of it
// is killed, and nobody else: neither who happens to ask for a page just then, nor who was excepted. Root's
// shell goes on working all the time, and afterwards nothing is lost. Calls of users may say ENOMEM meanwhile.
// guest: CPUS 4 MEM 64M
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "inject.h"

enum { USER = 2000, PAGE = 4096, MIB = 1 << 20 };

static struct {
	volatile uint32_t rounds; // of the innocent
	volatile uint32_t is_held, is_still; // it is to hold nothing, and does
	volatile uint32_t full; // a filler can have no more
} *shared;
static pid_t innocent;

static void become_user(uid_t uid)
{
	CHECK_IS(setgid(uid), 0);
	CHECK_IS(setuid(uid), 0);
}

/** A child of user @uid, in a process group of its own, that runs @run and then sleeps. */
static pid_t start_user(uid_t uid, void (*run)(void))
{
	int ready[2];
	char c;
	CHECK_IS(pipe(ready), 0);
	pid_t child = check_fork();
	if (child == 0) {
		setpgid(0, 0);
		CHECK_IS(write(ready[1], "r", 1), 1);
		close(ready[0]), close(ready[1]);
		become_user(uid);
		run();
		for (;;)
			pause();
	}
	CHECK_IS(read(ready[0], &c, 1), 1);
	close(ready[0]), close(ready[1]);
	return child;
}

/** What root does by hand; again if it fails: so many programs of root's own at a time may find too little. */
static void shell(const char *command)
{
	int status = -1;
	for (int i = 0; i < 20 && status != 0; i++) {
		pid_t child = check_fork();
		if (child == 0) {
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
			_exit(127);
		}
		status = wait_status(child);
		if (status != 0)
			sleep_ms(20);
	}
	CHECK_IS(status, 0);
}

static void shell_answers(void)
{
	shell("ls / >/dev/null && ps >/dev/null && test $(echo a b | wc -w) = 2");
}

static void shell_kills(pid_t group)
{
	char command[64];
	snprintf(command, sizeof(command), "kill -9 -%d", group);
	shell(command);
}

static void take_pages(size_t size)
{
	volatile char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t i = 0; at != MAP_FAILED && i < size; i += PAGE)
		at[i] = 1;
}

static void take_all_pages(void)
{
	for (;;)
		take_pages((size_t)1 << 30);
}

/** Pages come and go: sooner or later it is this one that finds none. */
static void take_and_give(void)
{
	CHECK_IS(munmap(address(1), PAGE), -1); // the page of errno is its own from now on
	for (;;) {
		while (shared->is_held) {
			shared->is_still = 1;
			sleep_ms(1);
		}
		shared->is_still = 0;
		sched_yield();
		char *at = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED) {
			CHECK_IS(errno, ENOMEM);
			continue;
		}
		for (int i = 0; i < 64; i++)
			at[i * PAGE] = 1;
		CHECK_IS(munmap(at, 64 * PAGE), 0);
		shared->rounds++;
	}
}

/** It goes on: five more rounds. */
static void innocent_lives(void)
{
	uint32_t before = shared->rounds;
	while (shared->rounds - before < 5) {
		CHECK(process_state(innocent) != 'Z');
		sleep_ms(1);
	}
}

static bool log_says_killed(pid_t pid)
{
	static char text[1 << 17];
	char wanted[32];
	memset(text, ' ', sizeof(text)); // all its pages are there from the first time on
	int len = klogctl(3, text, sizeof(text) - 1); // all of it
	CHECK(len >= 0);
	text[len] = '\0';
	snprintf(wanted, sizeof(wanted), "[%d] of user", pid);
	char *line = strstr(text, wanted);
	if (!line)
		return false;
	while (line > text && line[-1] != '\n')
		line--;
	return strstr(line, "out of memory: killed ") != NULL;
}

static int score_of(pid_t pid)
{
	char path[64], text[16];
	snprintf(path, sizeof(path), "/proc/%d/oom_score", pid);
	read_file(path, text, sizeof(text));
	return atoi(text);
}

static int write_adj(const char *pid, const char *value)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%s/oom_score_adj", pid);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	int result = (int)write(fd, value, strlen(value));
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

// ---- the ways ----------------------------------------------------------------------------------

static void check_hogs(int count)
{
	pid_t hogs[4];
	for (int i = 0; i < count; i++)
		hogs[i] = start_user(USER + 1 + (uid_t)i, take_all_pages);
	shell_answers();
	for (int i = 0; i < count; i++) {
		CHECK_IS(wait_status(hogs[i]), SIGKILL);
		CHECK(log_says_killed(hogs[i]));
		shell_answers();
		innocent_lives();
	}
}

/** Each child takes memory and makes more of its kind, until no more come. */
static void fork_without_end(void)
{
	for (;;) {
		pid_t child = fork();
		if (child == 0)
			take_pages(MIB);
		else if (child < 0)
			return;
	}
}

static void check_fork_bomb(void)
{
	pid_t bomb = start_user(USER + 1, fork_without_end);
	for (int i = 0; i < 3; i++)
		shell_answers();
	shell_kills(bomb);
	int status, ended = 0;
	while (waitpid(-bomb, &status, 0) > 0) {
		CHECK_IS(status, SIGKILL);
		ended++;
	}
	CHECK(errno == ECHILD && ended > 10);
	shell_answers();
	innocent_lives();
}

static void fill_file(const char *name)
{
	static char block[65536];
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	CHECK(fd >= 0 || errno == ENOMEM);
	if (fd < 0)
		return;
	CHECK_IS(unlink(name), 0); // the memory is held by the descriptor
	while (write(fd, block, sizeof(block)) > 0)
		;
	CHECK(errno == ENOSPC || errno == ENOMEM);
}

static void fill_files(void)
{
	fill_file("/tmp/filler");
	fill_file("/dev/shm/filler");
	shared->full = 1;
}

static void fill_pipes(void)
{
	static char block[65536];
	int ends[2];
	while (pipe2(ends, O_NONBLOCK) == 0) {
		fcntl(ends[1], F_SETPIPE_SZ, MIB);
		while (write(ends[1], block, sizeof(block)) > 0)
			;
		if (errno != EAGAIN)
			break;
	}
	CHECK(errno == ENOMEM);
	shared->full = 1;
}

static void fill_sockets(void)
{
	static char block[16384];
	int ends[2];
	while (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0) {
		while (write(ends[0], block, sizeof(block)) > 0)
			;
		if (errno != EAGAIN)
			break;
	}
	CHECK(errno == ENOMEM || errno == ENOBUFS || errno == EMFILE);
	shared->full = 1;
}

/** The kernel's memory on behalf of a user: that gets errors, and root works on. */
static void check_filler(void (*fill)(void))
{
	pid_t filler[2];
	for (int i = 0; i < 2; i++) {
		shared->full = 0;
		filler[i] = start_user(USER + 1, fill);
		while (!shared->full && process_state(filler[i]) != 'Z')
			sleep_ms(1);
		CHECK(process_state(filler[i]) != 'Z');
	}
	shell_answers();
	for (int i = 0; i < 2; i++) {
		CHECK(process_state(filler[i]) != 'Z');
		shell_kills(filler[i]);
		CHECK_IS(wait_status(filler[i]), SIGKILL);
	}
	innocent_lives();
}

// ---- oom_score_adj ------------------------------------------------------------------------------

static void take_some(void)
{
	take_pages(16 * MIB);
	shared->full = 1;
}

static void check_permissions(void)
{
	CHECK_IS(write_adj("self", "-500"), 4);
	CHECK_IS(write_adj("self", "100"), 3);
	CHECK_IS(write_adj("self", "50"), 2); // root may
	become_user(USER);
	CHECK_IS(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0); // else its files in /proc are root's
	CHECK_ERRNO(write_adj("self", "49"), EACCES);
	CHECK_IS(write_adj("self", "60\n"), 3);
	CHECK_IS(write_adj("self", "50"), 2); // where root put it
	CHECK_ERRNO(write_adj("self", "1001"), EINVAL);
	CHECK_ERRNO(write_adj("self", "-1001"), EINVAL);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(write_adj("self", "49"), EACCES); // inherited
		_exit(0);
	}
	CHECK_CHILD(child);
	_exit(0);
}

/** The larger process is excepted, the smallest is offered. */
static void check_adj(void)
{
	char pid[16];
	pid_t child = check_fork();
	if (child == 0)
		check_permissions();
	CHECK_CHILD(child);
	shared->full = 0;
	pid_t spared = start_user(USER + 1, take_some);
	while (!shared->full)
		sleep_ms(1);
	int score = score_of(spared);
	CHECK(score > score_of(innocent) && score_of(innocent) > 600);
	snprintf(pid, sizeof(pid), "%d", spared);
	CHECK_IS(write_adj(pid, "-1000"), 5);
	CHECK_IS(score_of(spared), 0);
	CHECK_IS(score_of(1), 0);
	pid_t offered = start_user(USER + 2, (void (*)(void))pause);
	snprintf(pid, sizeof(pid), "%d", offered);
	CHECK_IS(write_adj(pid, "1000"), 4);
	CHECK(score_of(offered) > score);
	pid_t hog = start_user(USER + 3, take_all_pages);
	CHECK_IS(wait_status(offered), SIGKILL);
	CHECK_IS(wait_status(hog), SIGKILL);
	CHECK(log_says_killed(offered) && log_says_killed(hog));
	CHECK(process_state(spared) != 'Z');
	innocent_lives();
	shell_kills(spared);
	CHECK_IS(wait_status(spared), SIGKILL);
}

static void hold_innocent(void)
{
	shared->is_held = 1;
	while (!shared->is_still)
		sleep_ms(1);
}

static bool books_come_back(const struct books *before)
{
	static struct books after;
	for (int i = 0; i < 100; i++) {
		books_read(&after);
		if (books_are_equal(before, &after))
			return true;
		sleep_ms(20);
	}
	return false;
}

/** What these processes touch for the first time they keep; what the kernel loses, it loses each time. */
static void check_with_books(const char *what, void (*check)(void))
{
	static struct books before;
	bool is_balanced = false;
	for (int i = 0; i < 3 && !is_balanced; i++) {
		hold_innocent();
		books_open(&before);
		shared->is_held = 0;
		check();
		hold_innocent();
		is_balanced = books_come_back(&before);
		shared->is_held = 0;
	}
	if (!is_balanced)
		books_close(what, &before);
	printf("%s: done\n", what);
	fflush(stdout);
}

static void check_one_hog(void)
{
	check_hogs(1);
}
static void check_four_hogs(void)
{
	check_hogs(4);
}
static void check_files(void)
{
	check_filler(fill_files);
}
static void check_pipes(void)
{
	check_filler(fill_pipes);
}
static void check_sockets(void)
{
	check_filler(fill_sockets);
}

int main(void)
{
	if (!is_halcyon())
		return SKIPPED;
	CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	shared = shared_memory(PAGE);
	innocent = start_user(USER, take_and_give);
	innocent_lives();
	shell_answers();
	CHECK(!log_says_killed(innocent));
	check_with_books("a hog", check_one_hog);
	check_with_books("four hogs", check_four_hogs);
	check_with_books("a fork bomb", check_fork_bomb);
	check_with_books("files", check_files);
	check_with_books("pipes", check_pipes);
	check_with_books("sockets", check_sockets);
	check_with_books("oom_score_adj", check_adj);
	kill(innocent, SIGKILL);
	CHECK_IS(wait_status(innocent), SIGKILL);
	return 0;
}
