// SPDX-License-Identifier: MIT
// epoll: level and edge triggered, one-shot, exclusive, nested with its limits, files that close while
// they are watched, masks and deadlines, and many waiters of one set.
// guest: CPUS 4
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "check.h"

static int new_epoll(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static int new_event(unsigned value)
{
	int fd = eventfd(value, EFD_NONBLOCK);
	CHECK(fd >= 0);
	return fd;
}

static void add(int epfd, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = 0x1234567800000000ull + (unsigned)fd };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
}

static void post(int fd)
{
	uint64_t one = 1;
	CHECK_IS(write(fd, &one, 8), 8);
}

static void drain(int fd)
{
	uint64_t value;
	CHECK_IS(read(fd, &value, 8), 8);
}

// One event of @fd is there: its bits.
static uint32_t expect_one(int epfd, int fd)
{
	struct epoll_event events[4];
	CHECK_IS(epoll_wait(epfd, events, 4, 0), 1);
	CHECK(events[0].data.u64 == 0x1234567800000000ull + (unsigned)fd);
	return events[0].events;
}

static void expect_none(int epfd)
{
	struct epoll_event event;
	CHECK_IS(epoll_wait(epfd, &event, 1, 0), 0);
}

static void check_errors(void)
{
	int epfd = new_epoll(), fd = new_event(0), file = scratch_file();
	struct epoll_event event = { .events = EPOLLIN };
	CHECK(fcntl(epfd, F_GETFD) == FD_CLOEXEC);
	CHECK_ERRNO(epoll_create(0), EINVAL);
	CHECK_ERRNO(epoll_create1(1), EINVAL);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), ENOENT);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	CHECK_ERRNO(epoll_ctl(epfd, 9, fd, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, epfd, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(fd, EPOLL_CTL_ADD, epfd, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, 999, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(999, EPOLL_CTL_ADD, fd, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, file, &event), EPERM);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, address(8)), EFAULT);
	add(epfd, fd, EPOLLIN);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), EEXIST);
	CHECK_ERRNO(epoll_wait(epfd, &event, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_epoll_pwait, epfd, &event, -1, 0, NULL, 8), EINVAL);
	CHECK_ERRNO(epoll_wait(fd, &event, 1, 0), EINVAL);
	post(fd);
	CHECK_ERRNO(epoll_wait(epfd, address(8), 1, 0), EFAULT);
	char c;
	CHECK_ERRNO(read(epfd, &c, 1), EINVAL);
	close(epfd);
	close(fd);
	close(file);
}

static void check_level(void)
{
	int epfd = new_epoll(), fd = new_event(0);
	add(epfd, fd, EPOLLIN);
	expect_none(epfd);
	post(fd);
	CHECK_IS(expect_one(epfd, fd), EPOLLIN);
	CHECK_IS(expect_one(epfd, fd), EPOLLIN); // until it is read
	drain(fd);
	expect_none(epfd);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.u64 = 77 };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), 0);
	CHECK_IS(epoll_wait(epfd, &event, 1, -1), 1);
	CHECK(event.events == EPOLLOUT && event.data.u64 == 77);
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL), 0);
	expect_none(epfd);
	close(epfd);
	close(fd);
}

static void check_edge(void)
{
	int epfd = new_epoll(), ends[2];
	char text[8];
	CHECK_IS(pipe(ends), 0);
	add(epfd, ends[0], EPOLLIN | EPOLLET);
	CHECK_IS(write(ends[1], "ab", 2), 2);
	CHECK_IS(expect_one(epfd, ends[0]), EPOLLIN);
	expect_none(epfd); // nothing new came
	CHECK_IS(read(ends[0], text, 1), 1);
	expect_none(epfd);
	CHECK_IS(write(ends[1], "c", 1), 1); // new data, though it was readable all the time
	CHECK_IS(expect_one(epfd, ends[0]), EPOLLIN);
	close(ends[1]);
	CHECK_IS(expect_one(epfd, ends[0]), EPOLLIN | EPOLLHUP);
	expect_none(epfd);
	close(ends[0]);
	// What is ready already is an edge when it is added, and when it is changed.
	int fd = new_event(1);
	add(epfd, fd, EPOLLIN | EPOLLET);
	CHECK_IS(expect_one(epfd, fd), EPOLLIN);
	expect_none(epfd);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 1 };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), 0);
	CHECK_IS(epoll_wait(epfd, &event, 1, 0), 1);
	close(epfd);
	close(fd);
}

static void check_oneshot(void)
{
	int epfd = new_epoll(), fd = new_event(0);
	add(epfd, fd, EPOLLIN | EPOLLONESHOT);
	post(fd);
	CHECK_IS(expect_one(epfd, fd), EPOLLIN);
	expect_none(epfd);
	post(fd);
	expect_none(epfd);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 5 };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), 0); // still ready
	CHECK_IS(epoll_wait(epfd, &event, 1, 0), 1);
	CHECK_IS(event.data.u64, 5);
	expect_none(epfd);
	close(epfd);
	close(fd);
}

// Nobody starves: with room for one event, each file has its turn.
static void check_turns(void)
{
	int epfd = new_epoll(), fds[5], seen[5] = { 0 };
	for (int i = 0; i < 5; i++) {
		fds[i] = new_event(1);
		add(epfd, fds[i], EPOLLIN);
	}
	for (int i = 0; i < 10; i++) {
		struct epoll_event event;
		CHECK_IS(epoll_wait(epfd, &event, 1, 0), 1);
		for (int f = 0; f < 5; f++)
			seen[f] += (uint32_t)event.data.u64 == (uint32_t)fds[f];
	}
	for (int i = 0; i < 5; i++) {
		CHECK_IS(seen[i], 2);
		close(fds[i]);
	}
	close(epfd);
}

static void check_close(void)
{
	int epfd = new_epoll(), fd = new_event(1), copy = dup(fd);
	add(epfd, fd, EPOLLIN);
	add(epfd, copy, EPOLLIN); // the same file by another descriptor
	struct epoll_event events[4];
	CHECK_IS(epoll_wait(epfd, events, 4, 0), 2);
	close(copy);
	CHECK_IS(epoll_wait(epfd, events, 4, 0), 2); // the file is still open
	close(fd);
	CHECK_IS(epoll_wait(epfd, events, 4, 0), 0);
	int again = new_event(1);
	CHECK_IS(again, fd);
	add(epfd, again, EPOLLIN); // nothing is left of the old one
	CHECK_IS(expect_one(epfd, again), EPOLLIN);
	close(epfd);
	close(again);
}

static void check_nested(void)
{
	int inner = new_epoll(), outer = new_epoll(), fd = new_event(0);
	add(inner, fd, EPOLLIN);
	add(outer, inner, EPOLLIN);
	expect_none(outer);
	struct pollfd p = { outer, POLLIN, 0 };
	CHECK_IS(poll(&p, 1, 0), 0);
	post(fd);
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	CHECK_IS(expect_one(outer, inner), EPOLLIN);
	CHECK_IS(expect_one(inner, fd), EPOLLIN);
	drain(fd);
	expect_none(outer);
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_ERRNO(epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event), ELOOP);
	close(inner);
	expect_none(outer);
	close(outer);
	// Chains have an end: five levels.
	int chain[8];
	for (int i = 0; i < 8; i++)
		chain[i] = new_epoll();
	int depth = 1;
	while (depth < 8 && epoll_ctl(chain[depth], EPOLL_CTL_ADD, chain[depth - 1], &event) == 0)
		depth++;
	CHECK(depth < 8 && depth >= 4 && errno == ELOOP);
	for (int i = 0; i < 8; i++)
		close(chain[i]);
	close(fd);
}

static void check_exclusive_errors(void)
{
	int epfd = new_epoll(), fd = new_event(0), inner = new_epoll();
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT };
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), EINVAL);
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, inner, &event), EINVAL);
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_MOD, fd, &event), EINVAL);
	post(fd);
	CHECK_IS(epoll_wait(epfd, &event, 1, 0), 1);
	close(epfd);
	close(fd);
	close(inner);
}

#define WAITERS 4
static _Atomic int waiting, woken;
static int shared_event;

static void *wait_exclusively(void *arg)
{
	int epfd = new_epoll();
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	(void)arg;
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, shared_event, &event), 0);
	waiting++;
	CHECK_IS(epoll_wait(epfd, &event, 1, -1), 1);
	woken++;
	close(epfd);
	return NULL;
}

static void check_exclusive(void)
{
	pthread_t threads[WAITERS];
	shared_event = new_event(0);
	for (int i = 0; i < WAITERS; i++)
		threads[i] = start_thread(wait_exclusively, NULL);
	while (waiting < WAITERS)
		sched_yield();
	sleep_ms(50); // into the wait
	for (int i = 1; i <= WAITERS; i++) {
		post(shared_event);
		while (woken == i - 1)
			sched_yield();
		sleep_ms(20);
		CHECK_IS(woken, i); // one each, though all could read it
	}
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	close(shared_event);
}

// Edge-triggered, one set, many waiters: each event is one waiter's.
#define EVENTS 64
static int shared_epoll;
static _Atomic int taken[EVENTS], stop_fd;

static void *take_events(void *arg)
{
	struct epoll_event event;
	(void)arg;
	for (;;) {
		CHECK_IS(epoll_wait(shared_epoll, &event, 1, -1), 1);
		if (event.data.u64 == EVENTS)
			return NULL;
		taken[event.data.u64]++;
	}
}

static void check_shared(void)
{
	pthread_t threads[WAITERS];
	int fds[EVENTS];
	long count = rounds(50, 2000);
	shared_epoll = new_epoll();
	for (int i = 0; i < EVENTS; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = (unsigned)i };
		fds[i] = new_event(0);
		CHECK_IS(epoll_ctl(shared_epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
	}
	for (int i = 0; i < WAITERS; i++)
		threads[i] = start_thread(take_events, NULL);
	for (int round = 1; round <= count; round++) {
		for (int i = 0; i < EVENTS; i++)
			post(fds[i]);
		for (int i = 0; i < EVENTS; i++) {
			while (taken[i] < round)
				sched_yield();
			CHECK_IS(taken[i], round);
		}
	}
	int stop = new_event(1);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = EVENTS };
	CHECK_IS(epoll_ctl(shared_epoll, EPOLL_CTL_ADD, stop, &event), 0);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < EVENTS; i++)
		close(fds[i]);
	close(stop);
	close(shared_epoll);
}

// A file is closed while a thread waits for it and another adds it elsewhere.
static void *open_and_close(void *arg)
{
	long count = rounds(300, 20000);
	(void)arg;
	for (long i = 0; i < count; i++) {
		int fd = new_event(1);
		struct epoll_event event = { .events = EPOLLIN };
		CHECK_IS(epoll_ctl(shared_epoll, EPOLL_CTL_ADD, fd, &event), 0);
		if (i % 3 == 0)
			CHECK_IS(epoll_ctl(shared_epoll, EPOLL_CTL_DEL, fd, NULL), 0);
		close(fd);
	}
	stop_fd++;
	return NULL;
}

static void check_close_races(void)
{
	pthread_t threads[3];
	struct epoll_event events[8];
	shared_epoll = new_epoll();
	stop_fd = 0;
	for (int i = 0; i < 3; i++)
		threads[i] = start_thread(open_and_close, NULL);
	while (stop_fd < 3)
		CHECK(epoll_wait(shared_epoll, events, 8, 1) >= 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	expect_none(shared_epoll);
	close(shared_epoll);
}

static volatile sig_atomic_t handled;
static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void check_signals_and_time(void)
{
	int epfd = new_epoll(), fd = new_event(0);
	struct epoll_event event;
	add(epfd, fd, EPOLLIN);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(epoll_wait(epfd, &event, 1, 20), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 20000000);
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigaction(SIGUSR1, &action, NULL);
	sigset_t blocked, none, old;
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	CHECK_IS(epoll_wait(epfd, &event, 1, 1), 0);
	CHECK_IS(handled, 0);
	CHECK_ERRNO(epoll_pwait(epfd, &event, 1, -1, &none), EINTR); // SA_RESTART or not
	CHECK_IS(handled, 1);
	sigprocmask(SIG_BLOCK, NULL, &old);
	CHECK(sigismember(&old, SIGUSR1));
	post(fd);
	CHECK_IS(epoll_pwait(epfd, &event, 1, -1, &none), 1);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	close(epfd);
	close(fd);
}

/** Three levels of epolls, each of which watches all of the next one: few of them, and very many ways from the top
 *  to the bottom, which nobody goes. */
static void check_many_ways(void)
{
	enum { WIDTH = 60, LEVELS = 3 };
	static int epolls[LEVELS][WIDTH];
	struct epoll_event event = { .events = EPOLLIN };
	int top = new_epoll(), root = new_epoll();
	for (int level = LEVELS - 1; level >= 0; level--) {
		for (int i = 0; i < WIDTH; i++) {
			epolls[level][i] = new_epoll();
			for (int below = 0; level < LEVELS - 1 && below < WIDTH; below++)
				add(epolls[level][i], epolls[level + 1][below], EPOLLIN);
		}
	}
	for (int i = 0; i < WIDTH; i++)
		add(top, epolls[0][i], EPOLLIN);
	for (int i = 0; i < 100; i++) {
		add(root, top, EPOLLIN);
		CHECK_IS(epoll_ctl(root, EPOLL_CTL_DEL, top, &event), 0);
	}
	add(root, top, EPOLLIN);
	CHECK_ERRNO(epoll_ctl(epolls[LEVELS - 1][0], EPOLL_CTL_ADD, root, &event), ELOOP);
	CHECK_ERRNO(epoll_ctl(epolls[LEVELS - 1][WIDTH - 1], EPOLL_CTL_ADD, epolls[1][0], &event), ELOOP);
	close(root), close(top);
	for (int i = 0; i < LEVELS * WIDTH; i++)
		close(epolls[i / WIDTH][i % WIDTH]);
}

int main(void)
{
	check_errors();
	check_level();
	check_edge();
	check_oneshot();
	check_turns();
	check_close();
	check_nested();
	check_many_ways();
	check_exclusive_errors();
	check_exclusive();
	check_shared();
	check_close_races();
	check_signals_and_time();
	return 0;
}
