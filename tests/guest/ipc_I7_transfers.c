// SPDX-License-Identifier: MIT
// Descriptors and long messages arrive whole or not at all. A receive that fails leaves the message queued
// and makes no descriptor; a send that fails sends nothing, moves nothing and leaves the receiver waiting;
// an answer that cannot be taken is told to the side whose fault it is.
// guest: CPUS 4
#include "ipc.h"

#include <dirent.h>
#include <sys/resource.h>

static long endpoint;
static unsigned char *pages; // three: the middle one changes its protection
static pid_t other_tid;

static int open_descriptors(void)
{
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");
	CHECK(dir);
	while (readdir(dir))
		count++;
	CHECK_IS(closedir(dir), 0);
	return count;
}

struct job {
	long number, status;
	struct message m;
	struct ipc_block block;
};

static void *run(void *arg)
{
	struct job *job = arg;
	__atomic_store_n(&other_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	long status = ipc_with(job->number, endpoint, &job->m, &job->block);
	__atomic_store_n(&job->status, status, __ATOMIC_RELEASE);
	return NULL;
}

static pthread_t start(struct job *job)
{
	other_tid = 0;
	pthread_t thread = start_thread(run, job);
	while (!__atomic_load_n(&other_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	until_blocked(getpid(), other_tid);
	return thread;
}

static long receive(uint64_t at, unsigned bytes, unsigned fds, struct ipc_block *block)
{
	struct ipc_block local, *b = block ? block : &local;
	struct message m = { 0 };
	*b = (struct ipc_block){ .deadline = IPC_NEVER, .recv_at = at, .recv_bytes = bytes,
				 .recv_fd_count = fds };
	return ipc_with(IPC_TRY_RECV, endpoint, &m, b);
}

static void set_limit(rlim_t limit)
{
	struct rlimit rlimit = { limit, 1024 };
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &rlimit), 0);
}

static void check_receives(bool is_call)
{
	static char bytes[5000], room[5000];
	int file = open("/proc/self/exe", O_RDONLY), pipes[2];
	CHECK(file >= 0 && pipe(pipes) == 0);
	memset(bytes, 7, sizeof(bytes));
	struct job job = { is_call ? IPC_CALL : IPC_SEND, 99, { IPC_TAG(1, 1), { 4 }, 0, 0 },
			   { .deadline = IPC_NEVER, .send_at = (uintptr_t)bytes, .send_bytes = sizeof(bytes),
			     .send_fd_count = 2, .send_fds = { (unsigned)file | IPC_FD_MOVE,
							       (unsigned)pipes[1] } } };
	pthread_t sender = start(&job);
	int before = open_descriptors();
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), -EMSGSIZE); // no room at all
	CHECK_IS(receive((uintptr_t)room, sizeof(room) - 1, 4, NULL), -EMSGSIZE);
	CHECK_IS(receive((uintptr_t)room, sizeof(room), 1, NULL), -EMSGSIZE);
	CHECK_IS(receive((uintptr_t)room, IPC_BYTES_MAX + 1, 4, NULL), -EMSGSIZE);
	CHECK_IS(receive((uintptr_t)room, sizeof(room), 5, NULL), -EINVAL);
	CHECK_IS(receive(-4096ul, sizeof(room), 4, NULL), -EFAULT);
	CHECK_IS(receive(16, sizeof(room), 4, NULL), -EFAULT);
	CHECK_IS(mprotect(pages + 4096, 4096, PROT_READ), 0);
	CHECK_IS(receive((uintptr_t)pages + 100, sizeof(room), 4, NULL), -EFAULT);
	CHECK_IS(mprotect(pages + 4096, 4096, PROT_READ | PROT_WRITE), 0);
	struct ipc_block *readable = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*readable = (struct ipc_block){ .deadline = IPC_NEVER, .recv_at = (uintptr_t)room,
					.recv_bytes = sizeof(room), .recv_fd_count = 4 };
	CHECK_IS(mprotect(readable, 4096, PROT_READ), 0);
	m = (struct message){ .tag = IPC_TAG_BLOCK, .words = { (uintptr_t)readable } };
	CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EFAULT); // nowhere to write the numbers
	CHECK(m.tag == IPC_TAG_BLOCK && m.words[0] == (uintptr_t)readable);
	CHECK_IS(munmap(readable, 4096), 0);
	int last = dup(0); // the lowest free one: room for one more, and two are needed
	CHECK(last >= 0 && close(last) == 0);
	set_limit((rlim_t)last + 1);
	CHECK_IS(receive((uintptr_t)room, sizeof(room), 4, NULL), -EMFILE);
	set_limit(1024);
	CHECK_IS(open_descriptors(), before);
	CHECK(fcntl(file, F_GETFD) >= 0);
	CHECK_IS(job.status, 99);
	struct ipc_block block;
	memset(room, 0, sizeof(room));
	CHECK_IS(receive((uintptr_t)room, sizeof(room), 2, &block), 0);
	CHECK(memcmp(room, bytes, sizeof(room)) == 0);
	CHECK_ERRNO(fcntl(file, F_GETFD), EBADF); // moved
	CHECK(fcntl(block.recv_fds[0], F_GETFD) == FD_CLOEXEC && fcntl(block.recv_fds[1], F_GETFD) == 1);
	CHECK_IS(pread(block.recv_fds[0], room, 4, 0), 4);
	CHECK(memcmp(room, "\177ELF", 4) == 0);
	CHECK_IS(write(block.recv_fds[1], "x", 1), 1);
	CHECK_IS(read(pipes[0], room, 1), 1);
	if (is_call)
		CHECK_IS(ipc(IPC_REPLY, 0, &(struct message){ 0 }), 0);
	CHECK_IS(pthread_join(sender, NULL), 0);
	CHECK_IS(job.status, 0);
	CHECK_IS(close(block.recv_fds[0]) | close(block.recv_fds[1]) | close(pipes[0]) | close(pipes[1]), 0);
}

static long send(uint64_t at, unsigned bytes, unsigned fd_count, const unsigned *fds)
{
	struct ipc_block block = { .deadline = IPC_NEVER, .send_at = at, .send_bytes = bytes,
				   .send_fd_count = fd_count };
	struct message m = { .tag = IPC_TAG(1, 1), .words = { 4 } };
	for (unsigned i = 0; i < fd_count && i < 4; i++)
		block.send_fds[i] = fds[i];
	return ipc_with(IPC_TRY_SEND, endpoint, &m, &block);
}

static void check_sends(void)
{
	static char bytes[IPC_BYTES_MAX], room[IPC_BYTES_MAX];
	long kept = ipc_restrict(endpoint, IPC_RIGHT_SEND); // may not be handed on
	unsigned file = (unsigned)open("/dev/null", O_RDWR), stale = 900;
	CHECK_IS(send(0, 0, 1, &(unsigned){ file | IPC_FD_MOVE }), -EAGAIN); // nobody there
	CHECK(fcntl((int)file, F_GETFD) >= 0);
	struct job job = { IPC_RECV, 99, { 0 }, { .deadline = IPC_NEVER, .recv_at = (uintptr_t)room,
						  .recv_bytes = sizeof(room), .recv_fd_count = 4 } };
	pthread_t receiver = start(&job);
	int before = open_descriptors();
	CHECK_IS(send((uintptr_t)bytes, IPC_BYTES_MAX + 1, 0, NULL), -EMSGSIZE);
	CHECK_IS(send((uintptr_t)bytes, 1, 5, (unsigned[4]){ 0 }), -EINVAL);
	CHECK_IS(send(-1ul, 10, 0, NULL), -EFAULT);
	CHECK_IS(send(1ul << 63, 10, 0, NULL), -EFAULT);
	CHECK_IS(mprotect(pages + 4096, 4096, PROT_NONE), 0);
	CHECK_IS(send((uintptr_t)pages + 4000, 200, 1, &(unsigned){ file | IPC_FD_MOVE }), -EFAULT);
	CHECK_IS(mprotect(pages + 4096, 4096, PROT_READ | PROT_WRITE), 0);
	CHECK_IS(send(0, 0, 2, (unsigned[]){ file | IPC_FD_MOVE, stale }), -EBADF);
	CHECK_IS(send(0, 0, 2, (unsigned[]){ file | IPC_FD_MOVE, (unsigned)kept }), -EPERM);
	CHECK_IS(send(0, 0, 1, (unsigned[]){ 0x7fffffff }), -EBADF);
	CHECK_IS(open_descriptors(), before);
	CHECK_IS(job.status, 99);
	CHECK_IS(send((uintptr_t)bytes, IPC_BYTES_MAX, 4, (unsigned[]){ file, file | IPC_FD_MOVE, file,
			(unsigned)endpoint }), 0);
	CHECK_IS(pthread_join(receiver, NULL), 0);
	CHECK_IS(job.status, 0);
	CHECK(IPC_TAG_BYTES(job.m.tag) == IPC_BYTES_MAX && IPC_TAG_FDS(job.m.tag) == 4);
	CHECK_ERRNO(fcntl((int)file, F_GETFD), EBADF);
	CHECK_IS(ipc(IPC_TRY_RECV, job.block.recv_fds[3], &(struct message){ 0 }), -EAGAIN);
	for (int i = 0; i < 4; i++)
		CHECK_IS(close(job.block.recv_fds[i]), 0);
	CHECK_IS(close((int)kept), 0);
	// A receiver that waits without room fails; the sender waits on for the next one.
	struct job small = { IPC_RECV, 99, { 0 }, { .deadline = IPC_NEVER } };
	receiver = start(&small);
	CHECK_IS(send((uintptr_t)bytes, 10, 0, NULL), -EAGAIN);
	CHECK_IS(pthread_join(receiver, NULL), 0);
	CHECK_IS(small.status, -EMSGSIZE);
}

static void check_replies(void)
{
	static char bytes[200], room[100];
	unsigned file = (unsigned)open("/dev/null", O_RDWR);
	struct message m = { 0 };
	struct job job = { IPC_CALL, 99, { 0 }, { .deadline = IPC_NEVER, .recv_at = (uintptr_t)room,
						  .recv_bytes = sizeof(room) } };
	pthread_t caller = start(&job);
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)bytes, .send_bytes = 101 };
	m = (struct message){ .tag = IPC_TAG(0, 0) };
	CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), -EMSGSIZE); // too long: the right is still there
	block.send_bytes = 0;
	block.send_fd_count = 1;
	block.send_fds[0] = file;
	CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), -EMSGSIZE);
	block.send_fd_count = 0;
	block.send_bytes = 100;
	block.send_at = 16;
	CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), -EFAULT);
	CHECK_IS(job.status, 99);
	block.send_at = (uintptr_t)bytes;
	memset(bytes, 3, sizeof(bytes));
	CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), 0);
	CHECK_IS(pthread_join(caller, NULL), 0);
	CHECK(job.status == 0 && IPC_TAG_BYTES(job.m.tag) == 100 && memcmp(room, bytes, 100) == 0);

	job = (struct job){ IPC_CALL, 99, { 0 }, { .deadline = IPC_NEVER, .recv_at = 4096 * 3,
						   .recv_bytes = 100 } };
	caller = start(&job);
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	m = (struct message){ .tag = IPC_TAG(0, 0) };
	CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), -EPIPE); // the caller's fault: its call has ended
	CHECK_IS(pthread_join(caller, NULL), 0);
	CHECK(job.status == -EFAULT && job.m.tag == IPC_TAG_TAKEN);
	CHECK_IS(close((int)file), 0);
}

/** The page goes away, and comes back, while it is being copied to and from: each transfer is whole, or
 *  fails at the side whose page it is. */
static int stop;
static void *flip(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CHECK(mmap(pages + 4096, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		      MAP_FAILED);
		sched_yield();
		CHECK(mmap(pages + 4096, 4096, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
		sched_yield();
	}
	return arg;
}

static void check_unmapped_in_copy(bool is_receivers)
{
	static char good[12288];
	int failed = 0, whole = 0;
	stop = 0;
	pthread_t flipper = start_thread(flip, NULL);
	for (int i = 0; i < rounds(300, 10000); i++) {
		uintptr_t mine = (uintptr_t)(is_receivers ? good : (char *)pages);
		struct job job = { IPC_RECV, 99, { 0 }, { .deadline = IPC_NEVER,
			.recv_at = (uintptr_t)(is_receivers ? (char *)pages : good), .recv_bytes = 12288 } };
		pthread_t receiver = start_thread(run, &job);
		struct ipc_block block = { .deadline = IPC_NEVER, .send_at = mine, .send_bytes = 12288 };
		struct message m = { .tag = IPC_TAG(0, 0) };
		if (is_receivers)
			block.deadline = (uint64_t)now_ns(CLOCK_MONOTONIC) + 2000000;
		long status = ipc_with(IPC_SEND, endpoint, &m, &block);
		if (status == 0) {
			whole++;
		} else { // the sender's own fault; or the receiver left with its own, and nobody else came
			CHECK_IS(status, is_receivers ? -ETIMEDOUT : -EFAULT);
			failed++;
		}
		while (status && __atomic_load_n(&job.status, __ATOMIC_ACQUIRE) == 99)
			(void)!ipc(IPC_TRY_SEND, endpoint, &(struct message){ 0 }); // it waits on, or came late
		CHECK_IS(pthread_join(receiver, NULL), 0);
		CHECK(job.status == 0 || (is_receivers && status && job.status == -EFAULT));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	CHECK_IS(pthread_join(flipper, NULL), 0);
	printf("unmapped in mid-copy: %d whole, %d failed\n", whole, failed);
	CHECK(mprotect(pages, 3 * 4096, PROT_READ | PROT_WRITE) == 0);
}

int main(void)
{
	endpoint = ipc_endpoint();
	pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(endpoint >= 0 && pages != MAP_FAILED);
	memset(pages, 1, 3 * 4096);
	int before = open_descriptors();
	check_receives(true);
	check_receives(false);
	check_sends();
	check_replies();
	check_unmapped_in_copy(false);
	check_unmapped_in_copy(true);
	CHECK_IS(open_descriptors(), before);
	return 0;
}
