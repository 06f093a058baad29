// SPDX-License-Identifier: MIT
// timerfd: once and periodic, relative and absolute, read, poll and epoll, settings read back, and the
// wall clock set while a timer waits for it.
// guest: CPUS 4
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "check.h"

#define MS 1000000l

static struct itimerspec setting(long value_ns, long interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 },
		{ value_ns / 1000000000, value_ns % 1000000000 } };
}

static void set(int fd, long value_ns, long interval_ns)
{
	struct itimerspec spec = setting(value_ns, interval_ns);
	CHECK_IS(timerfd_settime(fd, 0, &spec, NULL), 0);
}

static int64_t ns_of(struct timespec time)
{
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static uint64_t ticks_of(int fd)
{
	uint64_t ticks = 0;
	CHECK_IS(read(fd, &ticks, 8), 8);
	return ticks;
}

static void check_errors(void)
{
	CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
	CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), file = scratch_file();
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	struct itimerspec spec = setting(0, 0);
	uint64_t ticks;
	CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
	CHECK_ERRNO(read(fd, &ticks, 4), EINVAL);
	CHECK_ERRNO(write(fd, &ticks, 8), EINVAL);
	CHECK_ERRNO(timerfd_settime(file, 0, &spec, NULL), EINVAL);
	CHECK_ERRNO(timerfd_gettime(file, &spec), EINVAL);
	CHECK_ERRNO(timerfd_settime(999, 0, &spec, NULL), EBADF);
	CHECK_ERRNO(timerfd_settime(fd, 8, &spec, NULL), EINVAL);
	spec.it_value.tv_nsec = 1000000000;
	CHECK_ERRNO(timerfd_settime(fd, 0, &spec, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(fd, 0, address(8), NULL), EFAULT);
	close(fd);
	close(file);
}

static void check_once(int clock)
{
	int fd = timerfd_create(clock, 0);
	struct itimerspec spec;
	int64_t before = now_ns(CLOCK_MONOTONIC);
	set(fd, 20 * MS, 0);
	CHECK_IS(timerfd_gettime(fd, &spec), 0);
	CHECK(ns_of(spec.it_value) > 0 && ns_of(spec.it_value) <= 20 * MS && ns_of(spec.it_interval) == 0);
	CHECK_IS(ticks_of(fd), 1);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 20 * MS);
	CHECK_IS(timerfd_gettime(fd, &spec), 0);
	CHECK_IS(ns_of(spec.it_value), 0);
	// A new setting forgets what was not read, and tells of the old one.
	set(fd, 1, 0);
	sleep_ms(5);
	set(fd, 3600 * 1000 * MS, 7 * MS);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	uint64_t ticks;
	CHECK_ERRNO(read(fd, &ticks, 8), EAGAIN);
	struct itimerspec off = setting(0, 0);
	CHECK_IS(timerfd_settime(fd, 0, &off, &spec), 0);
	CHECK(ns_of(spec.it_value) > 3599 * 1000 * MS && ns_of(spec.it_interval) == 7 * MS);
	close(fd);
}

static void check_periodic(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	set(fd, 5 * MS, 5 * MS);
	sleep_ms(42);
	uint64_t ticks = ticks_of(fd);
	int64_t passed = now_ns(CLOCK_MONOTONIC) - before;
	CHECK(ticks >= 8 && ticks <= (uint64_t)(passed / (5 * MS)));
	struct itimerspec spec;
	CHECK_IS(timerfd_gettime(fd, &spec), 0);
	CHECK(ns_of(spec.it_value) > 0 && ns_of(spec.it_value) <= 5 * MS && ns_of(spec.it_interval) == 5 * MS);
	CHECK(ticks_of(fd) >= 1);
	// A period of a nanosecond is counted, and stops nothing.
	set(fd, 1, 1);
	sleep_ms(3);
	CHECK(ticks_of(fd) >= 3 * 1000000 - 1);
	close(fd);
}

static void check_absolute(int clock)
{
	int fd = timerfd_create(clock, 0);
	struct itimerspec spec = { .it_value = { 0, 0 } };
	clock_gettime(clock, &spec.it_value);
	spec.it_value.tv_nsec += 15 * MS;
	if (spec.it_value.tv_nsec >= 1000000000) {
		spec.it_value.tv_nsec -= 1000000000;
		spec.it_value.tv_sec++;
	}
	int64_t end = ns_of(spec.it_value);
	CHECK_IS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL), 0);
	CHECK_IS(ticks_of(fd), 1);
	CHECK(now_ns(clock) >= end);
	spec.it_value = (struct timespec){ 0, 1 }; // long past
	CHECK_IS(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL), 0);
	CHECK_IS(ticks_of(fd), 1);
	close(fd);
}

static void check_poll(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), epfd = epoll_create1(0);
	struct pollfd p = { fd, POLLIN | POLLOUT, 0 };
	CHECK_IS(poll(&p, 1, 0), 0);
	set(fd, 10 * MS, 10 * MS);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK(poll(&p, 1, -1) == 1);
	CHECK(ticks_of(fd) >= 1);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_IS(epoll_wait(epfd, &event, 1, -1), 1);
		CHECK(ticks_of(fd) >= 1);
	}
	close(fd);
	close(epfd);
}

// Only in the guest, whose clock is the test's own.
static void check_clock_set(void)
{
	int cancelled = timerfd_create(CLOCK_REALTIME, 0), moved = timerfd_create(CLOCK_REALTIME, 0),
	    relative = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	struct timespec now, later;
	clock_gettime(CLOCK_REALTIME, &now);
	struct itimerspec spec = { .it_value = now };
	spec.it_value.tv_sec += 5000;
	CHECK_IS(timerfd_settime(cancelled, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL), 0);
	CHECK_IS(timerfd_settime(moved, TFD_TIMER_ABSTIME, &spec, NULL), 0);
	set(relative, 5000 * 1000 * MS, 0);
	pid_t sleeper = check_fork();
	if (sleeper == 0) {
		CHECK_IS(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &spec.it_value, NULL), 0);
		_exit(0);
	}
	sleep_ms(20);
	later = now;
	later.tv_sec += 10000;
	CHECK_IS(clock_settime(CLOCK_REALTIME, &later), 0);
	uint64_t ticks;
	CHECK_ERRNO(read(cancelled, &ticks, 8), ECANCELED);
	CHECK_IS(ticks_of(moved), 1);
	CHECK_ERRNO(read(relative, &ticks, 8), EAGAIN);
	CHECK_CHILD(sleeper);
	CHECK_IS(clock_settime(CLOCK_REALTIME, &now), 0);
	close(cancelled);
	close(moved);
	close(relative);
}

int main(void)
{
	check_errors();
	check_once(CLOCK_MONOTONIC);
	check_once(CLOCK_REALTIME);
	check_once(CLOCK_BOOTTIME);
	check_periodic();
	check_absolute(CLOCK_MONOTONIC);
	check_absolute(CLOCK_REALTIME);
	check_poll();
	if (is_guest())
		check_clock_set();
	return 0;
}
