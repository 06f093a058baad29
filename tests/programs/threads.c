// SPDX-License-Identifier: MIT
// What POSIX promises of threads, as a C library makes it of clone, futex, robust lists and signals. One source,
// linked against glibc and against musl. Prints a line for each test, as run.py reads them.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 8
#define ROUNDS 2000

static int is_bad;
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			printf("threads.c:%d: %s\n", __LINE__, #x);                               \
			is_bad = 1;                                                                \
		}                                                                                  \
	} while (0)

static void *shared_page(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static struct timespec soon(clockid_t clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void *give_back(void *arg)
{
	return (void *)((uintptr_t)arg * 3);
}

static void create_and_join(void)
{
	pthread_t threads[THREADS];
	for (int round = 0; round < 50; round++) {
		for (uintptr_t i = 0; i < THREADS; i++)
			CHECK(pthread_create(&threads[i], NULL, give_back, (void *)i) == 0);
		for (uintptr_t i = 0; i < THREADS; i++) {
			void *result;
			CHECK(pthread_join(threads[i], &result) == 0 && (uintptr_t)result == i * 3);
		}
	}
}

static sem_t sem_a, sem_b;
static void *post_and_end(void *arg)
{
	(void)arg;
	sem_post(&sem_a);
	return NULL;
}

static void detached(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sem_init(&sem_a, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	for (int i = 0; i < 100; i++)
		CHECK(pthread_create(&thread, &attr, post_and_end, NULL) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(sem_wait(&sem_a) == 0);
	pthread_attr_destroy(&attr);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static void *count_up(void *arg)
{
	pthread_mutex_t *lock = arg;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(lock);
		counter++;
		pthread_mutex_unlock(lock);
	}
	return NULL;
}

static void run_counters(pthread_mutex_t *lock)
{
	pthread_t threads[THREADS];
	counter = 0;
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, count_up, lock) == 0);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(counter == THREADS * ROUNDS);
}

static void mutexes(void)
{
	run_counters(&mutex);
}

static void mutex_kinds(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t lock;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&lock, &attr);
	CHECK(pthread_mutex_lock(&lock) == 0 && pthread_mutex_lock(&lock) == 0);
	CHECK(pthread_mutex_unlock(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&lock, &attr);
	CHECK(pthread_mutex_lock(&lock) == 0 && pthread_mutex_lock(&lock) == EDEADLK);
	CHECK(pthread_mutex_trylock(&lock) == EBUSY);
	CHECK(pthread_mutex_unlock(&lock) == 0 && pthread_mutex_unlock(&lock) == EPERM);
}

static void *lock_for_long(void *arg)
{
	pthread_mutex_lock(arg);
	sem_post(&sem_a);
	sem_wait(&sem_b);
	pthread_mutex_unlock(arg);
	return NULL;
}

static void mutex_timeouts(void)
{
	pthread_t thread;
	struct timespec t = soon(CLOCK_REALTIME, 20);
	sem_init(&sem_a, 0, 0);
	sem_init(&sem_b, 0, 0);
	pthread_create(&thread, NULL, lock_for_long, &mutex);
	sem_wait(&sem_a);
	CHECK(pthread_mutex_timedlock(&mutex, &t) == ETIMEDOUT);
	sem_post(&sem_b);
	pthread_join(thread, NULL);
	CHECK(pthread_mutex_timedlock(&mutex, &t) == 0); // it is free: the time does not count
	pthread_mutex_unlock(&mutex);
	t = soon(CLOCK_REALTIME, 20);
	CHECK(sem_timedwait(&sem_a, &t) == -1 && errno == ETIMEDOUT);
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static void *take_turns(void *arg)
{
	int own = (int)(uintptr_t)arg;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != own)
			pthread_cond_wait(&cond, &mutex);
		turn = (own + 1) % THREADS;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void conditions(void)
{
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, take_turns, (void *)i);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(turn == 0);
}

static void condition_timeouts(void)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
	for (int i = 0; i < 2; i++) {
		pthread_condattr_t attr;
		pthread_cond_t timed;
		pthread_condattr_init(&attr);
		CHECK(pthread_condattr_setclock(&attr, clocks[i]) == 0);
		pthread_cond_init(&timed, &attr);
		struct timespec t = soon(clocks[i], 20), now;
		pthread_mutex_lock(&mutex);
		int err;
		while ((err = pthread_cond_timedwait(&timed, &mutex, &t)) == 0)
			;
		clock_gettime(clocks[i], &now);
		CHECK(err == ETIMEDOUT);
		CHECK(now.tv_sec > t.tv_sec || (now.tv_sec == t.tv_sec && now.tv_nsec >= t.tv_nsec));
		pthread_mutex_unlock(&mutex);
		pthread_cond_destroy(&timed);
	}
}

static pthread_barrier_t barrier;
static _Atomic int serials, arrivals;
static void *meet(void *arg)
{
	(void)arg;
	for (int i = 1; i <= 100; i++) {
		arrivals++;
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			serials++;
		CHECK(arrivals >= i * THREADS);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void barriers(void)
{
	pthread_t threads[THREADS];
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, meet, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(serials == 100 && arrivals == 100 * THREADS);
	CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long left, right;
static void *read_or_write(void *arg)
{
	int is_writer = (uintptr_t)arg % 4 == 0;
	for (int i = 0; i < ROUNDS; i++) {
		if (is_writer) {
			pthread_rwlock_wrlock(&rwlock);
			left++;
			right--;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			CHECK(left + right == 0);
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return NULL;
}

static void rwlocks(void)
{
	pthread_t threads[THREADS];
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, read_or_write, (void *)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(left == THREADS / 4 * ROUNDS);
	struct timespec t = soon(CLOCK_REALTIME, 20);
	pthread_rwlock_rdlock(&rwlock);
	CHECK(pthread_rwlock_timedwrlock(&rwlock, &t) == ETIMEDOUT);
	CHECK(pthread_rwlock_tryrdlock(&rwlock) == 0);
	pthread_rwlock_unlock(&rwlock);
	pthread_rwlock_unlock(&rwlock);
}

static int cleaned;
static void note_cleaned(void *arg)
{
	cleaned += *(int *)arg;
}

static void *wait_for_ever(void *arg)
{
	int one = 1, ten = 10, pipes[2];
	char c;
	int kind = (int)(uintptr_t)arg;
	CHECK(pipe(pipes) == 0);
	pthread_cleanup_push(note_cleaned, &one);
	pthread_cleanup_push(note_cleaned, &ten);
	sem_post(&sem_a);
	if (kind == 0) {
		(void)!read(pipes[0], &c, 1);
	} else if (kind == 1) {
		sem_wait(&sem_b);
	} else if (kind == 2) {
		pthread_mutex_lock(&mutex);
		pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &mutex);
		for (;;)
			pthread_cond_wait(&cond, &mutex);
		pthread_cleanup_pop(1);
	} else if (kind == 3) {
		pause();
	} else {
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		for (;;)
			__asm__ volatile("");
	}
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancellation(void)
{
	sem_init(&sem_a, 0, 0);
	sem_init(&sem_b, 0, 0);
	for (uintptr_t kind = 0; kind < 5; kind++) {
		for (int i = 0; i < 20; i++) {
			pthread_t thread;
			void *result;
			cleaned = 0;
			CHECK(pthread_create(&thread, NULL, wait_for_ever, (void *)kind) == 0);
			sem_wait(&sem_a);
			CHECK(pthread_cancel(thread) == 0);
			CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
			CHECK(cleaned == 11);
		}
	}
	CHECK(pthread_mutex_trylock(&mutex) == 0); // the waiter on the condition gave it back
	pthread_mutex_unlock(&mutex);
}

static void *refuse(void *arg)
{
	(void)arg;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	sem_post(&sem_a);
	sem_wait(&sem_b);
	cleaned = 5;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	return NULL;
}

static void cancellation_refused(void)
{
	pthread_t thread;
	void *result;
	sem_init(&sem_a, 0, 0);
	sem_init(&sem_b, 0, 0);
	pthread_create(&thread, NULL, refuse, NULL);
	sem_wait(&sem_a);
	pthread_cancel(thread);
	sem_post(&sem_b);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && cleaned == 5);
}

static pthread_key_t key;
static _Atomic int destroyed;
static void destroy(void *value)
{
	destroyed += (int)(uintptr_t)value;
}

static __thread int local = 7;
static void *use_key(void *arg)
{
	CHECK(local == 7 && pthread_getspecific(key) == NULL);
	local = (int)(uintptr_t)arg;
	pthread_setspecific(key, arg);
	sched_yield();
	CHECK(local == (int)(uintptr_t)arg);
	return NULL;
}

static void keys_and_locals(void)
{
	pthread_t threads[THREADS];
	pthread_key_create(&key, destroy);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, use_key, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(destroyed == THREADS * (THREADS + 1) / 2 && local == 7);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic int onces;
static void do_once(void)
{
	usleep(2000);
	onces++;
}
static void *ask_once(void *arg)
{
	(void)arg;
	pthread_once(&once, do_once);
	CHECK(onces == 1);
	return NULL;
}
static void exactly_once(void)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, ask_once, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void *die_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

static void robust(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *lock = shared_page();
	pthread_t thread;
	pthread_mutexattr_init(&attr);
	CHECK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0);
	pthread_mutex_init(lock, &attr);
	pthread_create(&thread, NULL, die_with_lock, lock);
	pthread_join(thread, NULL);
	CHECK(pthread_mutex_lock(lock) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(lock) == 0 && pthread_mutex_unlock(lock) == 0);
	for (int i = 0; i < 20; i++) { // a process that is killed while others wait
		int pipes[2];
		char c;
		CHECK(pipe(pipes) == 0);
		pid_t child = fork();
		if (child == 0) {
			pthread_mutex_lock(lock);
			(void)!write(pipes[1], "", 1);
			pause();
		}
		(void)!read(pipes[0], &c, 1);
		pid_t killer = fork();
		if (killer == 0) {
			usleep(1000);
			kill(child, SIGKILL);
			_exit(0);
		}
		CHECK(pthread_mutex_lock(lock) == EOWNERDEAD);
		CHECK(pthread_mutex_consistent(lock) == 0 && pthread_mutex_unlock(lock) == 0);
		waitpid(child, NULL, 0);
		waitpid(killer, NULL, 0);
		close(pipes[0]);
		close(pipes[1]);
	}
	pthread_create(&thread, NULL, die_with_lock, lock);
	pthread_join(thread, NULL);
	CHECK(pthread_mutex_lock(lock) == EOWNERDEAD && pthread_mutex_unlock(lock) == 0);
	CHECK(pthread_mutex_lock(lock) == ENOTRECOVERABLE);
}

static void priority_inheritance(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t lock;
	pthread_t thread;
	pthread_mutexattr_init(&attr);
	CHECK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
	CHECK(pthread_mutex_init(&lock, &attr) == 0);
	run_counters(&lock);
	struct timespec t = soon(CLOCK_REALTIME, 20);
	sem_init(&sem_a, 0, 0);
	sem_init(&sem_b, 0, 0);
	pthread_create(&thread, NULL, lock_for_long, &lock);
	sem_wait(&sem_a);
	CHECK(pthread_mutex_timedlock(&lock, &t) == ETIMEDOUT);
	CHECK(pthread_mutex_trylock(&lock) == EBUSY);
	sem_post(&sem_b);
	pthread_join(thread, NULL);
	CHECK(pthread_mutex_lock(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK(pthread_mutex_init(&lock, &attr) == 0);
	pthread_create(&thread, NULL, die_with_lock, &lock);
	pthread_join(thread, NULL);
	CHECK(pthread_mutex_lock(&lock) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
}

struct across {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	sem_t sem;
	int turn;
};

static void across_processes(void)
{
	struct across *page = shared_page();
	pthread_mutexattr_t mutex_attr;
	pthread_condattr_t cond_attr;
	pthread_barrierattr_t barrier_attr;
	pthread_mutexattr_init(&mutex_attr);
	pthread_mutexattr_setpshared(&mutex_attr, PTHREAD_PROCESS_SHARED);
	pthread_condattr_init(&cond_attr);
	pthread_condattr_setpshared(&cond_attr, PTHREAD_PROCESS_SHARED);
	pthread_barrierattr_init(&barrier_attr);
	pthread_barrierattr_setpshared(&barrier_attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&page->mutex, &mutex_attr);
	pthread_cond_init(&page->cond, &cond_attr);
	pthread_barrier_init(&page->barrier, &barrier_attr, 2);
	sem_init(&page->sem, 1, 0);
	pid_t child = fork();
	int own = child == 0;
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&page->mutex);
		while (page->turn != own)
			pthread_cond_wait(&page->cond, &page->mutex);
		page->turn = !own;
		pthread_cond_signal(&page->cond);
		pthread_mutex_unlock(&page->mutex);
		if (i % 20 == 0)
			pthread_barrier_wait(&page->barrier);
	}
	if (own) {
		sem_post(&page->sem);
		_exit(is_bad);
	}
	int status;
	CHECK(sem_wait(&page->sem) == 0);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static _Atomic int handled;
static pthread_t handled_by;
static void note_signal(int sig)
{
	(void)sig;
	handled_by = pthread_self();
	handled++;
}

static void *wait_for_signal(void *arg)
{
	sigset_t set;
	int sig = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sem_post(&sem_a);
	CHECK(sigwait(&set, &sig) == 0 && sig == SIGUSR2);
	(void)arg;
	while (!handled)
		sched_yield();
	return NULL;
}

static void signals_to_threads(void)
{
	pthread_t thread;
	struct sigaction action = {.sa_handler = note_signal};
	sem_init(&sem_a, 0, 0);
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, wait_for_signal, NULL);
	sem_wait(&sem_a);
	CHECK(pthread_kill(thread, SIGUSR2) == 0);
	CHECK(pthread_kill(thread, SIGUSR1) == 0);
	pthread_join(thread, NULL);
	CHECK(handled == 1 && pthread_equal(handled_by, thread));
	CHECK(raise(SIGUSR1) == 0 && handled == 2 && pthread_equal(handled_by, pthread_self()));
}

static void at_prepare(void) { turn += 1; }
static void at_parent(void) { turn += 10; }
static void at_child(void) { turn += 100; }
static void forks(void)
{
	int status;
	turn = 0;
	pthread_atfork(at_prepare, at_parent, at_child);
	pid_t child = fork();
	if (child == 0) {
		pthread_t thread;
		void *result;
		int good = turn == 101 && pthread_create(&thread, NULL, give_back, (void *)5) == 0;
		_exit(!(good && pthread_join(thread, &result) == 0 && result == (void *)15));
	}
	CHECK(turn == 11);
	CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void *exit_all(void *arg)
{
	(void)arg;
	exit(3);
}

static void exits(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		pthread_t thread;
		pthread_create(&thread, NULL, exit_all, NULL);
		pthread_join(thread, NULL);
		pause();
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
	child = fork();
	if (child == 0) { // the first thread leaves; the process ends with the last one
		pthread_t thread;
		pthread_create(&thread, NULL, post_and_end, NULL);
		pthread_exit(NULL);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void attributes(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *stack, *result;
	size_t size;
	int policy;
	struct sched_param param = {.sched_priority = 5};
	CHECK(pthread_getattr_np(pthread_self(), &attr) == 0);
	CHECK(pthread_attr_getstack(&attr, &stack, &size) == 0);
	CHECK((char *)&attr >= (char *)stack && (char *)&attr < (char *)stack + size);
	pthread_attr_init(&attr);
	CHECK(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED) == 0);
	CHECK(pthread_attr_setschedpolicy(&attr, SCHED_RR) == 0 && pthread_attr_setschedparam(&attr, &param) == 0);
	CHECK(pthread_create(&thread, &attr, give_back, (void *)2) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == (void *)6);
	CHECK(pthread_getschedparam(pthread_self(), &policy, &param) == 0 && policy == SCHED_OTHER);
	CHECK(pthread_setschedparam(pthread_self(), SCHED_FIFO, &(struct sched_param){.sched_priority = 3}) == 0);
	CHECK(pthread_getschedparam(pthread_self(), &policy, &param) == 0 && policy == SCHED_FIFO &&
	      param.sched_priority == 3);
	CHECK(pthread_setschedparam(pthread_self(), SCHED_OTHER, &(struct sched_param){0}) == 0);
}

static void cpu_clocks(void)
{
	clockid_t clock;
	struct timespec a, b;
	CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
	CHECK(clock_gettime(clock, &a) == 0);
	for (volatile int i = 0; i < 1000000; i++)
		;
	CHECK(clock_gettime(clock, &b) == 0);
	CHECK(b.tv_sec > a.tv_sec || b.tv_nsec > a.tv_nsec);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"create_and_join", create_and_join},
	{"detached", detached},
	{"mutexes", mutexes},
	{"mutex_kinds", mutex_kinds},
	{"mutex_timeouts", mutex_timeouts},
	{"conditions", conditions},
	{"condition_timeouts", condition_timeouts},
	{"barriers", barriers},
	{"rwlocks", rwlocks},
	{"cancellation", cancellation},
	{"cancellation_refused", cancellation_refused},
	{"keys_and_locals", keys_and_locals},
	{"exactly_once", exactly_once},
	{"robust", robust},
	{"priority_inheritance", priority_inheritance},
	{"across_processes", across_processes},
	{"signals_to_threads", signals_to_threads},
	{"forks", forks},
	{"exits", exits},
	{"attributes", attributes},
	{"cpu_clocks", cpu_clocks},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		is_bad = 0;
		alarm(300);
		tests[i].run();
		printf("@%s %s.%s\n", is_bad ? "fail" : "pass", argc > 1 ? argv[1] : "", tests[i].name);
	}
	return 0;
}
