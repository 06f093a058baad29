// SPDX-License-Identifier: MIT
// If this fails, the fast path does something else than the slow one. A client and a server on one CPU
// make the same random operations twice, with the fast path and without; all that each of them gets
// back, and the state in which it finds the other, must be equal to the bit after every operation. So do
// one that signals and sends, and one that waits and receives, who goes before it or is its equal.
#include "../../ipc/internal.h"

#include <arch/user.h>
#include <ipc/endpoint.h>
#include <ipc/notification.h>
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
#define LONG_OPERATIONS 20000 // some of them carry long messages
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

enum { PARK, BOTH, SEND_ONLY, RECV_ONLY, NOTE, NOTE_LOW, NOTE_WAIT, ACK, FD_COUNT };

// What a thread has mapped: its pages, the same ones to read only, and nothing.
#define MEMORY 0x400000ul
#define READ_ONLY 0x500000ul
#define NOWHERE 0x600000ul
#define PAGES 4ul // of which the last one has the argument block
#define MESSAGE_MAX 4200u // a little more than goes without the slow path
#define ANSWER_MAX 600u

static struct fdtable *fds;
static struct thread *threads[2];
static struct endpoint *endpoint;
static struct notification *notification;
static uint64_t *log[2], logged[2]; // digests of the client and the server, of the first way
static uint64_t first_difference; // + 1; operation of the client
static _Atomic uint32_t ended;
static uint64_t round_seed;
static bool is_long;
static uint64_t operations;
static char *memory[2][PAGES]; // as the kernel maps them

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

static char *byte_at(unsigned who, uint64_t address)
{
	uint64_t offset = address % (MEMORY / 4);
	return memory[who][offset / HAL_PAGE_SIZE] + offset % HAL_PAGE_SIZE;
}

/** A long message that came to @at. */
static uint64_t digest_bytes(unsigned who, uint64_t at, const struct host_call *call)
{
	uint64_t d = 0;
	if (call->result)
		return 0;
	for (unsigned i = 0; i < IPC_TAG_BYTES(call->tag); i++)
		d = d * 31 + (unsigned char)*byte_at(who, at + i);
	return d;
}

/** Give @call an argument block, with a message of up to @send_max bytes and room for @room; mostly. */
static uint64_t add_block(unsigned who, struct host_call *call, uint64_t r, unsigned send_max, unsigned room)
{
	uint64_t at = MEMORY + (PAGES - 1) * HAL_PAGE_SIZE + r % 100 * 8;
	uint64_t send_at = (r >> 10 & 1 ? READ_ONLY : MEMORY) + mix(r, 1) % 8000, recv_at = MEMORY + mix(r, 2) % 4096;
	struct ipc_block block = {.deadline = IPC_NEVER, .word0 = mix(r, 3), .send_at = send_at, .recv_at = recv_at,
				  .recv_bytes = room};
	if (!is_long || (who == 0 && r % 8 == 7))
		return recv_at;
	if (r % 8 < 6)
		block.send_bytes = (uint32_t)(mix(r, 4) % (send_max + 1));
	for (unsigned i = 0; i < block.send_bytes; i += 1 + block.send_bytes / 8)
		*byte_at(who, send_at + i) = (char)mix(r, i);
	switch (mix(r, 5) % 64) { // what cannot be
	case 0:
		block.send_at = NOWHERE - block.send_bytes / 2;
		break;
	case 1:
		block.send_at = ~0ul - block.send_bytes / 2;
		break;
	case 2:
		block.send_bytes = IPC_BYTES_MAX + 1;
		break;
	case 3:
		block.send_fd_count = 1;
		block.send_fds[0] = FD_COUNT;
		break;
	case 4:
		block.send_fd_count = IPC_FDS_MAX + 1;
		break;
	case 5:
		block.recv_at = HAL_USER_TOP - room + 1;
		block.recv_bytes = room;
		break;
	case 6:
		block.recv_bytes = IPC_BYTES_MAX + 1;
	}
	for (unsigned i = 0; i < sizeof(block); i++)
		*byte_at(who, at + i) = ((char *)&block)[i];
	call->tag |= IPC_TAG_BLOCK;
	call->words[0] = mix(r, 6) % 64 ? at : mix(r, 6) % 128 ? NOWHERE - 8 : ~0ul;
	return recv_at;
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
	for (uint64_t i = 0; i <= operations; i++) {
		uint64_t r = mix(i, round_seed);
		struct host_call call = {.nr = IPC_CALL, .args = {FDS[(r >> 20) % array_len(FDS)]}, .tag = random_tag(r)};
		uint64_t recv_at = 0;
		if (i == operations) {
			call.args[0] = BOTH;
			call.tag = IPC_TAG(LABEL_LAST, 0);
		}
		for (unsigned w = 0; w < 8; w++)
			call.words[w] = mix(r, w);
		if (i < operations)
			recv_at = add_block(0, &call, mix(r, 9), MESSAGE_MAX, r >> 45 & 1 ? ANSWER_MAX : 0);
		host_syscall(&call);
		note(0, mix(mix(digest(&call), state_of(threads[1])), digest_bytes(0, recv_at, &call)));
	}
}

/** The next operation with which the server answers, by what it received. There is always room for the next request:
 *  by a receive that fails both could go on. Where the room is. */
static uint64_t next_operation(struct host_call *call, uint64_t r)
{
	static const uint64_t FDS[] = {BOTH, BOTH, BOTH, BOTH, RECV_ONLY, RECV_ONLY, RECV_ONLY, SEND_ONLY,
				       FD_COUNT, UINT64_MAX};
	call->nr = IPC_REPLY_RECV;
	call->args[0] = FDS[(r >> 30) % array_len(FDS)];
	call->tag = random_tag(r);
	for (unsigned w = 0; w < 8; w++)
		call->words[w] = mix(r, w + 100);
	if (r >> 60 == 3) { // now and then it drops the request
		call->nr = IPC_RECV;
		call->args[0] = BOTH;
		call->tag = 0;
	}
	return add_block(1, call, mix(r, 9), ANSWER_MAX, MESSAGE_MAX);
}

static void server_main(void)
{
	struct host_call call = {.nr = IPC_RECV, .args = {RECV_ONLY}};
	uint64_t failures = 0, recv_at = add_block(1, &call, 64, 0, MESSAGE_MAX);
	host_syscall(&call);
	for (;;) {
		note(1, mix(mix(digest(&call), state_of(threads[0])), digest_bytes(1, recv_at, &call)));
		if (call.result == 0 && call.tag >> IPC_TAG_LABEL_SHIFT == LABEL_LAST)
			break;
		// A refused operation is tried again as another one.
		failures = call.result ? failures + 1 : 0;
		recv_at = next_operation(&call, mix(call.words[0], failures) ^ call.tag);
		host_syscall(&call);
	}
	call.nr = IPC_REPLY;
	call.tag = 0;
	host_syscall(&call);
}

// ---- signals and one-way messages -----------------------------------------------------------------

static bool is_waiter_equal; // or else goes before the other
static _Atomic uint32_t is_ack_wanted, is_over;

/** What both can look at, by one who has seen the waiter block. */
static uint64_t common_state(void)
{
	uint64_t d = mix(state_of(threads[1]), notification->bits);
	return mix(d, sched_waitq_is_empty(&notification->wq));
}

/** The waiter has been woken and did not run at once (it is an equal, or real time has used up its share). */
static void let_it_wait_again(void)
{
	while (load_acquire(&threads[1]->ipc.state) == IPC_IDLE) {
		struct host_call wait = {.nr = IPC_WAIT, .args = {ACK}, .tag = 1, .words = {IPC_NEVER}};
		store_release(&is_ack_wanted, 1);
		host_syscall(&wait);
	}
}

static void signaller_main(void)
{
	static const uint64_t SIGNAL_FDS[] = {NOTE, NOTE, NOTE, NOTE, NOTE_LOW, NOTE_LOW, NOTE_WAIT, BOTH, FD_COUNT,
					      UINT64_MAX, 1ull << 32 | NOTE};
	static const uint64_t SEND_FDS[] = {SEND_ONLY, SEND_ONLY, BOTH, BOTH, RECV_ONLY, NOTE, FD_COUNT};
	for (uint64_t i = 0; i < OPERATIONS || load_acquire(&is_over) != 2; i++) {
		uint64_t r = mix(i, round_seed);
		bool is_receiving = load_acquire(&threads[1]->ipc.state) == IPC_RECEIVING;
		struct host_call call = {.nr = IPC_SIGNAL, .args = {SIGNAL_FDS[(r >> 20) % array_len(SIGNAL_FDS)]}, .tag = r & r >> 9 & 0x1ff};
		if (is_receiving && (r >> 50 & 3)) {
			call.nr = IPC_SEND;
			call.args[0] = SEND_FDS[(r >> 20) % array_len(SEND_FDS)];
			call.tag = random_tag(r);
		}
		if (i >= OPERATIONS) {
			store_release(&is_over, max(load_acquire(&is_over), 1u));
			call.args[0] = is_receiving ? BOTH : NOTE;
			call.nr = is_receiving ? IPC_SEND : IPC_SIGNAL;
			call.tag = is_receiving ? 0 : 0x1ff;
		}
		for (unsigned w = 0; w < 8; w++)
			call.words[w] = mix(r, w);
		host_syscall(&call);
		if (i < OPERATIONS || load_acquire(&is_over) != 2)
			let_it_wait_again();
		note(0, mix(digest(&call), common_state()));
	}
}

static void acknowledge(void)
{
	struct host_call ack = {.nr = IPC_SIGNAL, .args = {ACK}, .tag = 1};
	while (exchange_acq_rel(&is_ack_wanted, 0))
		host_syscall(&ack);
}

static void waiter_main(void)
{
	for (uint64_t i = 0; !load_acquire(&is_over); i++) {
		uint64_t r = mix(i, ~round_seed);
		struct host_call call = {.nr = IPC_WAIT, .args = {r & 64 ? NOTE : NOTE_WAIT}, .words = {IPC_NEVER}};
		call.tag = r & 128 ? UINT64_MAX : (r >> 8 & 0x1ff) | 1;
		if (r >> 32 & 1)
			call = (struct host_call){.nr = IPC_RECV, .args = {r & 64 ? BOTH : RECV_ONLY}};
		acknowledge();
		host_syscall(&call);
		note(1, mix(digest(&call), notification->bits));
	}
	store_release(&is_over, 2);
	acknowledge();
}

static bool is_signals; // else calls

static void user_main(uint64_t self, uint64_t unused1, uint64_t unused2)
{
	struct host_call park = {.nr = IPC_RECV, .args = {PARK}};
	(void)unused1;
	(void)unused2;
	if (is_signals && self == 0)
		signaller_main();
	else if (is_signals)
		waiter_main();
	else if (self == 0)
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

/** An object's pages, mapped twice. */
static void map_memory(unsigned i, struct mm_space *space)
{
	struct mm_object *object = mm_object_create_anon(PAGES);
	struct mm_map_request request = {.addr = MEMORY, .size = PAGES * HAL_PAGE_SIZE, .is_fixed = true, .object = object,
					 .flags = HAL_PROT_READ | HAL_PROT_WRITE | MM_SHARED, .max_prot = HAL_PROT_READ | HAL_PROT_WRITE};
	vaddr_t at;
	EXPECT(object);
	EXPECT_EQ(mm_map(space, &request, &at), 0);
	request.addr = READ_ONLY;
	request.flags = request.max_prot = HAL_PROT_READ;
	request.flags |= MM_SHARED;
	EXPECT_EQ(mm_map(space, &request, &at), 0);
	for (unsigned page = 0; page < PAGES; page++) {
		struct frame *frame;
		EXPECT_EQ(object->ops->get_page(object, page, true, &frame), 0);
		memory[i][page] = frame_direct(frame);
		frame_put(frame); // the object has it
	}
	object->ops->put(object);
}

static void make_notifications(void)
{
	struct grant *note, *low, *wait, *ack;
	EXPECT_EQ(ipc_notification_create(&note), 0);
	EXPECT_EQ(ipc_notification_create(&ack), 0);
	EXPECT_EQ(grant_derive(note, IPC_RIGHT_SEND, 0xff, &low), 0);
	EXPECT_EQ(grant_derive(note, IPC_RIGHT_RECV, 0, &wait), 0);
	notification = ipc_notification_of(note->object);
	install(note, NOTE);
	install(low, NOTE_LOW);
	install(wait, NOTE_WAIT);
	install(ack, ACK);
}

static void start(unsigned i)
{
	struct cpuset cpus = {{0}};
	struct thread *thread = thread_create("user");
	char *stack = kmalloc(HOST_USER_STACK_SIZE);
	EXPECT(thread && stack);
	thread->mm.space = mm_space_create();
	EXPECT(thread->mm.space);
	map_memory(i, thread->mm.space);
	hal_tf_init_user(thread->tf, (uintptr_t)user_main, (uintptr_t)stack + HOST_USER_STACK_SIZE);
	hal_tf_set_call_arg(thread->tf, 0, i);
	fdtable_get(fds);
	thread->object.fds = fds;
	bitmap_set(cpus.bits, 0);
	EXPECT_EQ(sched_set_affinity(thread, &cpus), 0);
	if (is_signals && (i == 1 || is_waiter_equal))
		EXPECT_EQ(sched_set_policy(thread, SCHED_FIFO, 10), 0);
	threads[i] = thread;
}

/** The same names for both ways: the frames of the second pair say the same about the first. */
static void run(bool is_slow)
{
	host_is_slow_path_only = is_slow;
	logged[0] = logged[1] = 0;
	store_relaxed(&ended, 0);
	store_relaxed(&is_over, 0);
	store_relaxed(&is_ack_wanted, 0);
	if (is_signals)
		notification->bits = 0;
	start(0);
	start(1);
	sched_start(threads[1]);
	while (load_acquire(&threads[1]->ipc.state) == IPC_IDLE)
		(void)!sched_sleep_until(time_now() + NSEC_PER_MSEC, false);
	sched_start(threads[0]);
	while (load_acquire(&ended) != 2)
		(void)!sched_sleep_until(time_now() + NSEC_PER_MSEC, false);
}

static void prepare(void)
{
	object_init_caches();
	ipc_init();
	make_descriptors();
	for (unsigned i = 0; i < 2; i++)
		log[i] = kcalloc(2 * OPERATIONS, sizeof(uint64_t));
	EXPECT(log[0] && log[1]);
}

/** Both ways; how often the fast path switched. */
static uint64_t compare(unsigned round)
{
	round_seed = mix(0x1234567, round);
	uint64_t before = host_fast_path_count;
	run(false);
	uint64_t fast = host_fast_path_count - before;
	run(true);
	EXPECT_EQ(host_fast_path_count - before, fast);
	host_is_slow_path_only = false;
	return fast;
}

/** @count operations at a time, of which @fast_min at least are to go the fast way. */
static void compare_calls(uint64_t count, uint64_t fast_min)
{
	operations = count;
	for (unsigned i = 0; i < ROUNDS && !first_difference; i++)
		EXPECT(compare(i) > fast_min); // or nothing was compared
	EXPECT_EQ(first_difference, 0);
}

TEST(ipc, I8_fast_path_is_slow_path)
{
	if (IS_LEFT_OUT)
		return;
	prepare();
	is_signals = is_long = false; // the tests run in any order
	compare_calls(OPERATIONS, OPERATIONS / 2);
	is_long = true;
	compare_calls(LONG_OPERATIONS, LONG_OPERATIONS / 4);
}

TEST(ipc, I8_fast_signals_are_slow_signals)
{
	if (IS_LEFT_OUT)
		return;
	prepare();
	make_notifications();
	is_signals = true;
	for (unsigned i = 0; i < ROUNDS / 2 && !first_difference; i++) {
		is_waiter_equal = i % 2;
		uint64_t switches = compare(i);
		EXPECT(is_waiter_equal ? !switches : switches > OPERATIONS / 8);
	}
	EXPECT_EQ(first_difference, 0);
}
