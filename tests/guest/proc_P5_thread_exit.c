// SPDX-License-Identifier: MIT
// The end of a thread: its word is cleared and its waiters woken, a bad pointer harms nobody, the last
// thread ends the process, and owners of robust mutexes that die leave word.
// guest: CPUS 4
#include <linux/futex.h>

#include "check.h"

static int tid_word;

static void *set_word(void *arg)
{
	syscall(SYS_set_tid_address, arg);
	syscall(SYS_exit, 0); // not pthread_exit: glibc's own word stays as it is
	return NULL;
}

static void check_clear_word(void)
{
	for (int round = 0; round < 200; round++) {
		tid_word = 1;
		pthread_t thread = start_thread(set_word, &tid_word);
		while (__atomic_load_n(&tid_word, __ATOMIC_ACQUIRE)) {
			long got = syscall(SYS_futex, &tid_word, FUTEX_WAIT, 1, NULL, NULL, 0);
			CHECK(got == 0 || errno == EAGAIN || errno == EINTR);
		}
		(void)thread;
	}
	start_thread(set_word, (void *)8); // a bad pointer
	start_thread(set_word, (void *)-4096);
	sleep_ms(2);
}

static void *leave_late(void *arg)
{
	CHECK_IS(pthread_join(*(pthread_t *)arg, NULL), 0);
	sleep_ms(2);
	return NULL;
}

static void check_last_thread_ends(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		static pthread_t first;
		first = pthread_self();
		start_thread(leave_late, &first);
		pthread_exit(NULL); // the main thread leaves first
	}
	CHECK_CHILD(child);
}

static void *take_and_die(void *arg)
{
	CHECK_IS(pthread_mutex_lock(arg), 0);
	return NULL;
}

static void make_robust(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK_IS(pthread_mutex_init(mutex, &attr), 0);
}

static void check_robust(void)
{
	pthread_mutex_t *mutex = shared_memory(4096);
	make_robust(mutex);
	CHECK_IS(pthread_join(start_thread(take_and_die, mutex), NULL), 0);
	CHECK_IS(pthread_mutex_lock(mutex), EOWNERDEAD);
	CHECK_IS(pthread_mutex_consistent(mutex), 0);
	CHECK_IS(pthread_mutex_unlock(mutex), 0);
	// a killed process, with a waiter asleep
	int *taken = (int *)(mutex + 2);
	for (int round = 0; round < 20; round++) {
		*taken = 0;
		pid_t owner = check_fork();
		if (owner == 0) {
			CHECK_IS(pthread_mutex_lock(mutex), 0);
			__atomic_store_n(taken, 1, __ATOMIC_RELEASE);
			for (;;)
				pause();
		}
		while (!__atomic_load_n(taken, __ATOMIC_ACQUIRE))
			sched_yield();
		pid_t waiter = check_fork();
		if (waiter == 0) {
			CHECK_IS(pthread_mutex_lock(mutex), EOWNERDEAD);
			pthread_mutex_consistent(mutex);
			pthread_mutex_unlock(mutex);
			_exit(0);
		}
		if (round & 1)
			sleep_ms(2);
		CHECK_IS(kill(owner, SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(owner)), SIGKILL);
		CHECK_CHILD(waiter);
	}
}

static void check_bad_robust_list(void)
{
	struct robust_list_head *head = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int kind = 0; kind < 4; kind++) {
		pid_t child = check_fork();
		if (child == 0) {
			head->list.next = &head->list;
			void *where = head;
			if (kind == 0)
				head->list.next = (struct robust_list *)8;
			else if (kind == 1)
				head->futex_offset = 1l << 62;
			else if (kind == 2)
				where = (void *)-4096; // a kernel address
			else
				head->list.next = (struct robust_list *)&head->list_op_pending;
			head->list_op_pending = kind == 3 ? (void *)&head->list_op_pending : NULL;
			syscall(SYS_set_robust_list, where, sizeof(*head));
			syscall(SYS_exit_group, 0);
		}
		CHECK_CHILD(child);
	}
	CHECK_ERRNO(syscall(SYS_set_robust_list, head, 7), EINVAL);
}

int main(void)
{
	check_clear_word();
	check_last_thread_ends();
	check_robust();
	check_bad_robust_list();
	return 0;
}
