// SPDX-License-Identifier: MIT
// POSIX message queues: names and permissions, order by priority, full and empty queues with and without
// waiting, deadlines, readiness, notification by a signal, limits; nothing is left when all is closed.
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>

#include "check.h"

#define NAME "/halcyon-test"
#define MS 1000000ll

static mqd_t make(const char *name, long messages, long size)
{
	struct mq_attr attr = {.mq_maxmsg = messages, .mq_msgsize = size};
	mqd_t queue = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	CHECK(queue >= 0);
	return queue;
}

static struct timespec wall_in(int64_t ns)
{
	ns += now_ns(CLOCK_REALTIME);
	return (struct timespec){ns / (1000 * MS), ns % (1000 * MS)};
}

static void check_names(void)
{
	struct mq_attr attr = {.mq_maxmsg = 0, .mq_msgsize = 10};
	char longest[NAME_MAX + 3];
	mq_unlink(NAME);
	CHECK_ERRNO(mq_open(NAME, O_RDWR), ENOENT);
	CHECK_ERRNO(mq_unlink(NAME), ENOENT);
	CHECK_ERRNO(mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr), EINVAL);
	attr.mq_maxmsg = 1l << 40;
	CHECK_ERRNO(mq_open(NAME, O_CREAT | O_RDWR, 0600, &attr), EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = 0;
	CHECK_ERRNO(mq_open(longest, O_CREAT | O_RDWR, 0600, NULL), ENAMETOOLONG);
	CHECK_ERRNO(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL), EACCES);
	CHECK_ERRNO(syscall(SYS_mq_open, address(8), O_RDWR, 0, NULL), EFAULT);
	mqd_t queue = mq_open(NAME, O_CREAT | O_RDWR, 0640, NULL);
	CHECK(queue >= 0);
	CHECK(fcntl(queue, F_GETFD) & FD_CLOEXEC);
	CHECK_IS(mq_getattr(queue, &attr), 0);
	CHECK(attr.mq_flags == 0 && attr.mq_maxmsg == 10 && attr.mq_msgsize == 8192 && attr.mq_curmsgs == 0);
	CHECK_ERRNO(mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0600, NULL), EEXIST);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setresgid(1000, 1000, 1000), 0);
		CHECK_IS(setresuid(1000, 1000, 1000), 0);
		CHECK_ERRNO(mq_open(NAME, O_RDONLY), EACCES);
		CHECK_ERRNO(mq_unlink(NAME), EACCES); // the C library's word for EPERM
		attr = (struct mq_attr){.mq_maxmsg = 11, .mq_msgsize = 8};
		CHECK_ERRNO(mq_open(NAME "2", O_CREAT | O_RDWR, 0600, &attr), EINVAL); // more than usual
		_exit(0);
	}
	CHECK_CHILD(child);
	mqd_t reader = mq_open(NAME, O_RDONLY);
	CHECK(reader >= 0);
	CHECK_ERRNO(mq_send(reader, "", 0, 0), EBADF);
	CHECK_ERRNO(mq_send(0, "", 0, 0), EBADF);
	CHECK_IS(mq_unlink(NAME), 0);
	CHECK_ERRNO(mq_open(NAME, O_RDWR), ENOENT);
	CHECK_IS(mq_send(queue, "left", 4, 0), 0); // it lives while it is open
	char buffer[8192];
	CHECK_IS(mq_receive(reader, buffer, sizeof(buffer), NULL), 4);
	CHECK_IS(mq_close(queue), 0);
	CHECK_IS(mq_close(reader), 0);
}

static void check_order(void)
{
	static const unsigned in[] = {3, 0, 7, 3, 32767, 0}, out[] = {32767, 7, 3, 3, 0, 0};
	static const char places[] = {4, 2, 0, 3, 1, 5};
	char buffer[16];
	unsigned priority;
	mqd_t queue = make(NAME, 6, 16);
	struct pollfd ready = {.fd = queue, .events = POLLIN | POLLOUT};
	CHECK_IS(poll(&ready, 1, 0), 1);
	CHECK_IS(ready.revents, POLLOUT);
	for (char i = 0; i < 6; i++)
		CHECK_IS(mq_send(queue, &i, 1, in[(int)i]), 0);
	CHECK_IS(poll(&ready, 1, 0), 1);
	CHECK_IS(ready.revents, POLLIN);
	CHECK_ERRNO(mq_send(queue, buffer, 17, 0), EMSGSIZE);
	CHECK_ERRNO(mq_send(queue, buffer, 1, 32768), EINVAL);
	CHECK_ERRNO(mq_receive(queue, buffer, 15, NULL), EMSGSIZE);
	struct timespec past = {0, 1}, bad = {0, 1000 * MS};
	CHECK_ERRNO(mq_timedsend(queue, "x", 1, 0, &past), ETIMEDOUT);
	CHECK_ERRNO(mq_timedsend(queue, "x", 1, 0, &bad), EINVAL);
	struct mq_attr flags = {.mq_flags = O_NONBLOCK}, old;
	CHECK_IS(mq_setattr(queue, &flags, &old), 0);
	CHECK(old.mq_flags == 0 && old.mq_curmsgs == 6 && old.mq_maxmsg == 6);
	CHECK_ERRNO(mq_send(queue, "x", 1, 0), EAGAIN);
	for (int i = 0; i < 6; i++) {
		CHECK_IS(mq_receive(queue, buffer, sizeof(buffer), &priority), 1);
		CHECK_IS(priority, out[i]);
		CHECK_IS(buffer[0], places[i]);
	}
	CHECK_ERRNO(mq_receive(queue, buffer, sizeof(buffer), NULL), EAGAIN);
	flags.mq_flags = 1;
	CHECK_ERRNO(mq_setattr(queue, &flags, NULL), EINVAL);
	CHECK_IS(mq_send(queue, "", 0, 0), 0);
	CHECK_IS(mq_receive(queue, buffer, sizeof(buffer), NULL), 0);
	CHECK_IS(mq_close(queue), 0);
	CHECK_IS(mq_unlink(NAME), 0);
}

/** A reader sleeps until a message comes, a writer until there is room; a deadline ends either. */
static void check_waiting(void)
{
	char buffer[4];
	mqd_t queue = make(NAME, 1, 4);
	pid_t child = check_fork();
	if (child == 0) {
		for (int i = 0; i < 1000; i++)
			CHECK_IS(mq_send(queue, (char *)&i, 4, 0), 0);
		_exit(0);
	}
	for (int i = 0, got; i < 1000; i++) {
		CHECK_IS(mq_receive(queue, (char *)&got, 4, NULL), 4);
		CHECK_IS(got, i);
	}
	CHECK_CHILD(child);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	struct timespec soon = wall_in(20 * MS);
	CHECK_ERRNO(mq_timedreceive(queue, buffer, 4, NULL, &soon), ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 19 * MS);
	CHECK_IS(mq_send(queue, "full", 4, 0), 0);
	soon = wall_in(20 * MS);
	CHECK_ERRNO(mq_timedsend(queue, "more", 4, 0, &soon), ETIMEDOUT);
	CHECK_IS(mq_close(queue), 0);
	CHECK_IS(mq_unlink(NAME), 0);
}

static volatile sig_atomic_t told, sender;
static void *volatile told_value;
static void listen(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	CHECK_IS(info->si_code, SI_MESGQ);
	told_value = info->si_value.sival_ptr;
	sender = info->si_pid;
	told++;
}

static void check_notification(void)
{
	char buffer[4];
	struct sigaction action = {.sa_sigaction = listen, .sa_flags = SA_SIGINFO};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
				 .sigev_value.sival_ptr = (void *)&told};
	mqd_t queue = make(NAME, 4, 4);
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_IS(mq_notify(queue, &event), 0);
	CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(mq_notify(queue, &event), EBUSY);
		CHECK_IS(mq_notify(queue, NULL), 0); // the parent's stays
		CHECK_IS(mq_send(queue, "one", 3, 0), 0);
		CHECK_IS(mq_send(queue, "two", 3, 0), 0);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(told, 1);
	CHECK(told_value == &told && sender == child);
	CHECK_IS(mq_receive(queue, buffer, 4, NULL), 3);
	CHECK_IS(mq_notify(queue, &event), 0);
	CHECK_IS(mq_send(queue, "3", 1, 0), 0); // it was not empty
	CHECK_IS(told, 1);
	CHECK_IS(mq_notify(queue, NULL), 0);
	CHECK_IS(mq_notify(queue, &event), 0);
	mqd_t other = mq_open(NAME, O_RDWR);
	CHECK_IS(mq_close(queue), 0); // and no more is told
	event.sigev_signo = 65;
	CHECK_ERRNO(mq_notify(other, &event), EINVAL);
	event.sigev_notify = SIGEV_NONE;
	CHECK_IS(mq_notify(other, &event), 0);
	CHECK_IS(mq_close(other), 0);
	CHECK_IS(mq_unlink(NAME), 0);
}

/** What a queue may hold is charged when it is made, and given back with it. */
static void check_limit(void)
{
	struct rlimit limit = {100000, 100000};
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setrlimit(RLIMIT_MSGQUEUE, &limit), 0);
		for (int i = 0; i < 50; i++) {
			mqd_t queue = make(NAME, 10, 8000);
			struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 8000};
			CHECK_ERRNO(mq_open(NAME "2", O_CREAT | O_RDWR, 0600, &attr), EMFILE);
			CHECK_IS(mq_unlink(NAME), 0);
			CHECK_IS(mq_send(queue, "kept", 4, 0), 0);
			CHECK_IS(mq_close(queue), 0);
		}
		_exit(0);
	}
	CHECK_CHILD(child);
}

int main(void)
{
	check_names();
	check_order();
	check_waiting();
	check_notification();
	check_limit();
	return 0;
}
