// SPDX-License-Identifier: MIT
// System V IPC: shared memory across fork with its counts and removal; semaphores that wait, undo and do
// all or nothing; message queues by type with room; keys, permissions and removal under waiters.
// guest: CPUS 4
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "check.h"

#define KEY 0x48414c43

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

static struct shmid_ds shm_stat(int id)
{
	struct shmid_ds info;
	CHECK_IS(shmctl(id, IPC_STAT, &info), 0);
	return info;
}

static void check_shm(void)
{
	int id = shmget(KEY, 10000, IPC_CREAT | IPC_EXCL | 0600);
	CHECK(id >= 0);
	CHECK_IS(shmget(KEY, 100, 0600), id);
	CHECK_ERRNO(shmget(KEY, 100, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_ERRNO(shmget(KEY, 10001, 0600), EINVAL);
	CHECK_ERRNO(shmget(KEY + 1, 100, 0600), ENOENT);
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERRNO(shmat(id + 12345678, NULL, 0), EINVAL);
	CHECK_ERRNO(shmat(id, address(1), 0), EINVAL);
	int *memory = shmat(id, NULL, 0), *again = shmat(id, NULL, SHM_RDONLY);
	CHECK(memory != (void *)-1 && again != (void *)-1 && memory != again);
	CHECK(memory[0] == 0 && memory[2499] == 0);
	memory[5] = 77;
	CHECK_IS(again[5], 77);
	struct shmid_ds info = shm_stat(id);
	CHECK(info.shm_segsz == 10000 && info.shm_nattch == 2 && info.shm_cpid == getpid());
	CHECK((info.shm_perm.mode & 0777) == 0600 && info.shm_perm.uid == geteuid());
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(shm_stat(id).shm_nattch, 4);
		memory[6] = memory[5] + 1;
		CHECK_IS(shmdt(again), 0);
		CHECK_IS(shm_stat(id).shm_nattch, 3);
		_exit(0); // and with it the other
	}
	CHECK_CHILD(child);
	CHECK(memory[6] == 78 && shm_stat(id).shm_nattch == 2);
	child = check_fork();
	if (child == 0) {
		again[0] = 1; // mapped for reading
		_exit(0);
	}
	CHECK_IS(WTERMSIG(wait_status(child)), SIGSEGV);
	CHECK_IS(shmdt(again), 0);
	CHECK_ERRNO(shmdt(again), EINVAL);
	CHECK_ERRNO(shmdt(memory + 1024), EINVAL);
	CHECK_IS(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_IS(memory[6], 78); // until it is let go
	CHECK_ERRNO(shmget(KEY, 100, 0600), ENOENT);
	CHECK_IS(shmdt(memory), 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &info), EINVAL);
	// Others may not, unless the mode says so.
	id = shmget(IPC_PRIVATE, 4096, 0644);
	child = check_fork();
	if (child == 0 && getuid() == 0) {
		CHECK_IS(setgid(1234), 0);
		CHECK_IS(setuid(1234), 0);
		CHECK(shmat(id, NULL, SHM_RDONLY) != (void *)-1);
		CHECK_ERRNO(shmat(id, NULL, 0), EACCES);
		CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EPERM);
	}
	if (child == 0)
		_exit(0);
	CHECK_CHILD(child);
	struct shmid_ds change = shm_stat(id);
	change.shm_perm.mode = 0600;
	CHECK_IS(shmctl(id, IPC_SET, &change), 0);
	CHECK_IS(shm_stat(id).shm_perm.mode & 0777, 0600);
	CHECK_IS(shmctl(id, IPC_RMID, NULL), 0);
}

static int sem_value(int id, int index)
{
	return semctl(id, index, GETVAL);
}

static int sem_do(int id, unsigned short index, short change, short flags)
{
	struct sembuf op = { index, change, flags };
	return semop(id, &op, 1);
}

static void check_sem(void)
{
	int id = semget(IPC_PRIVATE, 3, 0600);
	union semun arg = { .val = 5 };
	CHECK(id >= 0);
	CHECK_ERRNO(semget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_IS(sem_value(id, 0), 0);
	CHECK_IS(semctl(id, 1, SETVAL, arg), 0);
	CHECK_IS(sem_value(id, 1), 5);
	arg.val = 40000;
	CHECK_ERRNO(semctl(id, 1, SETVAL, arg), ERANGE);
	CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
	CHECK_ERRNO(sem_do(id, 3, 1, 0), EFBIG);
	CHECK_ERRNO(sem_do(id, 0, -1, IPC_NOWAIT), EAGAIN);
	CHECK_IS(sem_do(id, 0, 2, 0), 0);
	CHECK_IS(semctl(id, 0, GETPID), getpid());
	// All or nothing.
	struct sembuf ops[3] = { { 0, -1, IPC_NOWAIT }, { 1, -5, IPC_NOWAIT }, { 2, -1, IPC_NOWAIT } };
	CHECK_ERRNO(semop(id, ops, 3), EAGAIN);
	CHECK(sem_value(id, 0) == 2 && sem_value(id, 1) == 5);
	CHECK_IS(semop(id, ops, 2), 0);
	unsigned short values[3];
	arg.array = values;
	CHECK_IS(semctl(id, 0, GETALL, arg), 0);
	CHECK(values[0] == 1 && values[1] == 0 && values[2] == 0);
	values[2] = 9;
	CHECK_IS(semctl(id, 0, SETALL, arg), 0);
	CHECK_IS(sem_value(id, 2), 9);
	struct semid_ds info;
	arg.buf = &info;
	CHECK_IS(semctl(id, 0, IPC_STAT, arg), 0);
	CHECK(info.sem_nsems == 3 && info.sem_otime > 0 && info.sem_perm.cuid == geteuid());
	// Waiting for more, and for zero.
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(sem_do(id, 1, -3, 0), 0);
		CHECK_IS(sem_do(id, 0, 0, 0), 0);
		_exit(0);
	}
	while (semctl(id, 1, GETNCNT) != 1)
		sched_yield();
	CHECK_IS(sem_do(id, 1, 2, 0), 0);
	CHECK_IS(sem_do(id, 1, 2, 0), 0);
	while (semctl(id, 0, GETZCNT) != 1)
		sched_yield();
	CHECK_IS(sem_value(id, 1), 1);
	CHECK_IS(sem_do(id, 0, -1, 0), 0);
	CHECK_CHILD(child);
	// What a process did with SEM_UNDO is undone at its end.
	child = check_fork();
	if (child == 0) {
		CHECK_IS(sem_do(id, 2, -4, SEM_UNDO), 0);
		CHECK_IS(sem_do(id, 2, 1, SEM_UNDO), 0);
		CHECK_IS(sem_do(id, 2, 1, 0), 0);
		_exit(sem_value(id, 2) == 7 ? 0 : 1);
	}
	CHECK_CHILD(child);
	CHECK_IS(sem_value(id, 2), 10);
	struct timespec wait = { 0, 10000000 };
	struct sembuf op = { 2, -20, 0 };
	CHECK_ERRNO(semtimedop(id, &op, 1, &wait), EAGAIN);
	// Removal wakes.
	child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(sem_do(id, 2, -20, 0), EIDRM);
		_exit(0);
	}
	while (semctl(id, 2, GETNCNT) != 1)
		sched_yield();
	CHECK_IS(semctl(id, 0, IPC_RMID), 0);
	CHECK_CHILD(child);
	CHECK_ERRNO(semctl(id, 0, GETVAL), EINVAL);
}

// Mutual exclusion by a semaphore, with undo: the counter comes out right.
static void check_sem_lock(void)
{
	enum { CHILDREN = 4 };
	long count = rounds(300, 20000);
	volatile long *value = shared_memory(4096);
	int id = semget(IPC_PRIVATE, 1, 0600);
	union semun one = { .val = 1 };
	pid_t children[CHILDREN];
	CHECK_IS(semctl(id, 0, SETVAL, one), 0);
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = check_fork();
		for (long n = 0; children[i] == 0 && n < count; n++) {
			CHECK_IS(sem_do(id, 0, -1, SEM_UNDO), 0);
			long old = *value;
			if (n % 16 == 0)
				sched_yield();
			*value = old + 1;
			CHECK_IS(sem_do(id, 0, 1, SEM_UNDO), 0);
		}
		if (children[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++)
		CHECK_CHILD(children[i]);
	CHECK_IS(*value, CHILDREN * count);
	CHECK_IS(semctl(id, 0, IPC_RMID), 0);
}

#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

struct message {
	long type;
	char text[9000];
};

static void send_one(int id, long type, const char *text)
{
	struct message message = { .type = type };
	strcpy(message.text, text);
	CHECK_IS(msgsnd(id, &message, strlen(text), 0), 0);
}

static void expect(int id, long type, int flags, long got_type, const char *text)
{
	struct message message;
	CHECK_IS(msgrcv(id, &message, 100, type, flags), (long)strlen(text));
	CHECK(message.type == got_type && memcmp(message.text, text, strlen(text)) == 0);
}

static void check_msg(void)
{
	int id = msgget(KEY, IPC_CREAT | 0600);
	struct message message = { .type = 1 };
	struct msqid_ds info;
	CHECK_IS(msgget(KEY, 0600), id);
	CHECK_ERRNO(msgrcv(id, &message, 100, 0, IPC_NOWAIT), ENOMSG);
	message.type = 0;
	CHECK_ERRNO(msgsnd(id, &message, 1, 0), EINVAL);
	message.type = 1;
	CHECK_ERRNO(msgsnd(id, &message, 8193, 0), EINVAL);
	send_one(id, 3, "three");
	send_one(id, 1, "one");
	send_one(id, 2, "two");
	send_one(id, 1, "uno");
	CHECK_IS(msgctl(id, IPC_STAT, &info), 0);
	CHECK(info.msg_qnum == 4 && info.msg_lspid == getpid() && info.msg_qbytes >= 16384);
	expect(id, 1, MSG_COPY | IPC_NOWAIT, 1, "one"); // a look at the second: it stays
	CHECK_ERRNO(msgrcv(id, &message, 100, 4, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &message, 100, -1, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &message, 100, 0, MSG_COPY), EINVAL);
	CHECK_ERRNO(msgrcv(id, &message, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT), EINVAL);
	CHECK_ERRNO(msgrcv(id, &message, 2, 0, MSG_COPY | IPC_NOWAIT), E2BIG);
	CHECK_ERRNO(msgrcv(id, &message, 2, 1, 0), E2BIG);
	CHECK_IS(msgrcv(id, &message, 2, 1, MSG_NOERROR), 2); // cut
	expect(id, 3, MSG_EXCEPT, 2, "two");
	send_one(id, 2, "deux");
	expect(id, -2, 0, 1, "uno"); // the lowest up to two
	expect(id, 0, 0, 3, "three");
	expect(id, -5, 0, 2, "deux");
	CHECK_ERRNO(msgrcv(id, &message, 100, 7, IPC_NOWAIT), ENOMSG);
	// A full queue waits for room, an empty one for messages.
	long sent = 0;
	while (msgsnd(id, &message, 1000, IPC_NOWAIT) == 0)
		sent++;
	CHECK(errno == EAGAIN && sent >= 16);
	pid_t child = check_fork();
	if (child == 0) {
		for (long i = 0; i < sent + 20; i++)
			CHECK_IS(msgrcv(id, &message, 1000, 0, 0), 1000);
		_exit(0);
	}
	for (int i = 0; i < 20; i++)
		CHECK_IS(msgsnd(id, &message, 1000, 0), 0);
	CHECK_CHILD(child);
	child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(msgrcv(id, &message, 1000, 0, 0), EIDRM);
		_exit(0);
	}
	sleep_ms(30);
	CHECK_IS(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_CHILD(child);
	CHECK_ERRNO(msgget(KEY, 0600), ENOENT);
}

int main(void)
{
	check_shm();
	check_sem();
	check_sem_lock();
	check_msg();
	return 0;
}
