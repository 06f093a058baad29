// SPDX-License-Identifier: MIT
// If this fails, the fast path does something else than the slow one. A client and a server on one CPU
// make the same random operations twice, with the fast path and without; all that each of them gets
// back, and the state in which it finds the other, must be equal to the bit after every operation.
#include "../../ipc/internal.h"

#include <arch/user.h>
#include <ipc/endpoint.h>
#include <lib/bitmap.h>
#include <lib/hash.h>
#include <lib/test.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <object/fdtable.h>
#include <object/init.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define OPERATIONS 200000
#if defined(__SANITIZE_ADDRESS__)
#define ROUNDS 2
#else
#define ROUNDS 50 // 10^7 operations
#endif
/** All of it runs on one CPU: nothing for the thread sanitizer, whose stack switches are slow. */
#ifdef __SANITIZE_THREAD__
#define IS_LEFT_OUT 1
#else
#define IS_LEFT_OUT 0
#endif
#define LABEL_LAST 0xfffffff // of the last request

enum { PARK, BOTH, SEND_ONLY, RECV_ONLY, FD_COUNT };

static struct fdtable *fds;
static struct thread *threads[2];
static struct endpoint *endpoint;
static uint64_t *log[2], logged[2]; // digests of the client and the server, of the first way
static uint64_t first_difference; // + 1; operation of the client
static _Atomic uint32_t ended;
static uint64_t round_seed;

static uint64_t mix(uint64_t a, uint64_t b)
{
	return hash_u64(a * 31 + b) ^ (a << 7 | a >> 57);
}

/** All that the operation gave back. */
static uint64_t digest(const struct host_call *call)
{
	uint64_t d = mix((uint64_t)call->result, call->tag);
	d = mix(mix(d, call->badge), call->sender);
	for (unsigned i = 0; i < 8; i++)
		d = mix(d, call->words[i]);
	return d;
}

static uint64_t name_of(const void *thread)
{
	return thread == threads[0] ? 1 : thread == threads[1] ? 2 : thread ? 3 : 0;
}

/** What the kernel keeps of it: looked at by the one who runs. */
static uint64_t state_of(const struct thread *thread)
{
	uint64_t d = mix(load_relaxed(&thread->ipc.state), name_of(thread->ipc.reply_to));
	d = mix(d, thread->ipc.args != NULL);
	if (load_relaxed(&thread->ipc.state) == IPC_AWAITING_REPLY)
		d = mix(d, name_of(load_relaxed(&thread->ipc.server)));
	d = mix(d, (uint64_t)list_is_empty(&endpoint->senders) << 1 | list_is_empty(&endpoint->receivers));
	return mix(d, load_relaxed(&thread->pending));
}

static void note(unsigned who, uint64_t value)
{
	uint64_t i = logged[who]++;
	if (i >= 2 * OPERATIONS)
		return;
	if (!host_is_slow_path_only)
		log[who][i] = value;
	else if (log[who][i] != value && !first_difference)
		first_difference = logged[0] + 1;
}

static uint64_t random_tag(uint64_t r)
{
	uint64_t tag = (r & 15) | (r >> 8 & 0xffff) << IPC_TAG_LABEL_SHIFT;
	return r >> 40 & 31 ? tag : tag | 1ull << (33 + (r >> 50) % 31); // now and then an invalid one
}

static void client_main(void)
{
	static const uint64_t FDS[] = {SEND_ONLY, SEND_ONLY, SEND_ONLY, BOTH, BOTH, BOTH, BOTH, RECV_ONLY,
				       FD_COUNT, UINT64_MAX, 1ull << 32 | BOTH, 63, 64};
	for (uint64_t i = 0; i <= OPERATIONS; i++) {
		uint64_t r = mix(i, round_seed);
		struct host_call call = {.nr = IPC_CALL, .args = {FDS[(r >> 20) % array_len(FDS)]}, .tag = random_tag(r)};
		if (i == OPERATIONS) {
			call.args[0] = BOTH;
			call.tag = IPC_TAG(LABEL_LAST, 0);
		}
		for (unsigned w = 0; w < 8; w++)
			call.words[w] = mix(r, w);
		host_syscall(&call);
		note(0, mix(digest(&call), state_of(threads[1])));
	}
}

/** The next operation with which the server answers, by what it received. */
static void next_operation(struct host_call *call, uint64_t r)
{
	static const uint64_t FDS[] = {BOTH, BOTH, BOTH, BOTH, RECV_ONLY, RECV_ONLY, RECV_ONLY, SEND_ONLY,
				       FD_COUNT, UINT64_MAX};
	call->nr = IPC_REPLY_RECV;
	call->args[0] = FDS[(r >> 30) % array_len(FDS)];
	call->tag = random_tag(r);
	for (unsigned w = 0; w < 8; w++)
		call->words[w] = mix(r, w + 100);
	if (r >> 60 != 3)
		return;
	// Now and then it drops the request. Not by a receive that fails: both could go on then.
	call->nr = IPC_RECV;
	call->args[0] = BOTH;
	call->tag = 0;
}

static void server_main(void)
{
	struct host_call call = {.nr = IPC_RECV, .args = {RECV_ONLY}};
	uint64_t failures = 0;
	host_syscall(&call);
	for (;;) {
		note(1, mix(digest(&call), state_of(threads[0])));
		if (call.result == 0 && call.tag >> IPC_TAG_LABEL_SHIFT == LABEL_LAST)
			break;
		// A refused operation is tried again as another one.
		failures = call.result ? failures + 1 : 0;
		next_operation(&call, mix(call.words[0], failures) ^ call.tag);
		host_syscall(&call);
	}
	call.nr = IPC_REPLY;
	call.tag = 0;
	host_syscall(&call);
}

static void user_main(uint64_t self, uint64_t unused1, uint64_t unused2)
{
	struct host_call park = {.nr = IPC_RECV, .args = {PARK}};
	(void)unused1;
	(void)unused2;
	if (self == 0)
		client_main();
	else
		server_main();
	fetch_add_acq_rel(&ended, 1);
	for (;;)
		host_syscall(&park);
}

static void install(struct grant *grant, uint32_t fd)
{
	EXPECT_EQ(fd_install(fds, grant, fd, 0), (int)fd);
}

static void make_descriptors(void)
{
	struct grant *park, *both, *sender, *receiver;
	fds = fdtable_create();
	EXPECT(fds);
	EXPECT_EQ(ipc_endpoint_create(&park), 0);
	EXPECT_EQ(ipc_endpoint_create(&both), 0);
	EXPECT_EQ(grant_derive(both, IPC_RIGHT_SEND, 0xbad9e, &sender), 0);
	EXPECT_EQ(grant_derive(both, IPC_RIGHT_RECV, 0, &receiver), 0);
	endpoint = ipc_endpoint_of(both);
	install(park, PARK);
	install(both, BOTH);
	install(sender, SEND_ONLY);
	install(receiver, RECV_ONLY);
}

static void start(unsigned i)
{
	struct cpuset cpus = {{0}};
	struct thread *thread = thread_create("user");
	char *stack = kmalloc(HOST_USER_STACK_SIZE);
	EXPECT(thread && stack);
	thread->mm.space = mm_space_create();
	EXPECT(thread->mm.space);
	hal_tf_init_user(thread->tf, (uintptr_t)user_main, (uintptr_t)stack + HOST_USER_STACK_SIZE);
	hal_tf_set_call_arg(thread->tf, 0, i);
	fdtable_get(fds);
	thread->object.fds = fds;
	bitmap_set(cpus.bits, 0);
	EXPECT_EQ(sched_set_affinity(thread, &cpus), 0);
	threads[i] = thread;
}

/** The same names for both ways: the frames of the second pair say the same about the first. */
static void run(bool is_slow)
{
	host_is_slow_path_only = is_slow;
	logged[0] = logged[1] = 0;
	store_relaxed(&ended, 0);
	start(0);
	start(1);
	sched_start(threads[1]);
	while (load_acquire(&threads[1]->ipc.state) != IPC_RECEIVING)
		(void)!sched_sleep_until(time_now() + NSEC_PER_MSEC, false);
	sched_start(threads[0]);
	while (load_acquire(&ended) != 2)
		(void)!sched_sleep_until(time_now() + NSEC_PER_MSEC, false);
}

TEST(ipc, I8_fast_path_is_slow_path)
{
	if (IS_LEFT_OUT)
		return;
	object_init_caches();
	ipc_init();
	make_descriptors();
	for (unsigned i = 0; i < 2; i++)
		log[i] = kcalloc(2 * OPERATIONS, sizeof(uint64_t));
	EXPECT(log[0] && log[1]);
	for (unsigned i = 0; i < ROUNDS && !first_difference; i++) {
		round_seed = mix(0x1234567, i);
		uint64_t before = host_fast_path_count;
		run(false);
		uint64_t fast = host_fast_path_count - before;
		run(true);
		EXPECT(fast > OPERATIONS / 2); // or nothing was compared
		EXPECT_EQ(host_fast_path_count - before, fast);
	}
	host_is_slow_path_only = false;
	EXPECT_EQ(first_difference, 0);
}
