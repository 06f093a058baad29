// SPDX-License-Identifier: MIT
// A call with a long message on one CPU, where it may go straight, while on another CPU one of: the last
// descriptor that can receive is closed, caller or server are interrupted, the server's page is unmapped. Each
// operation ends once; what was received is whole, and nothing of an argument block is left behind.
#include "users.h"

#include "../../ipc/internal.h"

#include <hal/cpu.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define MESSAGE 512 // offset of the message, or of the room for it, in a body's page
#define BYTES 24u
#define WORD 77

static struct outcome {
	int64_t status;
	uint64_t tag, word;
	unsigned ends;
} client, server, answer;

static unsigned target; // of the interrupt
static _Atomic uint32_t has_begun; // the call: from here on nothing but the call sees an interrupt

static void record(struct outcome *outcome, const struct host_call *call)
{
	outcome->status = call->result;
	outcome->tag = call->tag;
	outcome->word = call->words[0];
	outcome->ends++;
}

static void operate(struct outcome *outcome, unsigned self, uint64_t nr, bool is_call)
{
	struct ipc_block block = {.deadline = IPC_NEVER, .word0 = WORD};
	struct host_call call = {.nr = nr, .args = {EXPLORE_ENDPOINT}, .tag = IPC_TAG(0, 1) | IPC_TAG_BLOCK,
				 .words = {EXPLORE_MEMORY}};

	if (is_call) {
		block.send_at = EXPLORE_MEMORY + MESSAGE;
		block.send_bytes = BYTES;
	} else {
		block.recv_at = EXPLORE_MEMORY + MESSAGE;
		block.recv_bytes = BYTES;
	}
	memcpy(explore_user_memory(self), &block, sizeof(block));
	host_syscall(&call);
	record(outcome, &call);
}

static void body(unsigned self)
{
	struct outcome unused = {0};
	struct host_call reply = {.nr = IPC_REPLY, .tag = IPC_TAG(0, 0)};

	if (self == 0) {
		operate(&server, self, IPC_RECV, false);
		host_syscall(&reply);
		record(&answer, &reply);
		return;
	}
	operate(&unused, self, IPC_REPLY, true); // to nobody: from now on the thread has room for a block
	for (unsigned i = 0; i < BYTES; i++)
		explore_user_memory(self)[MESSAGE + i] = (char)(i + 1);
	store_release(&has_begun, 1);
	operate(&client, self, IPC_CALL, true);
}

static void check(void)
{
	EXPLORE_EXPECT(client.ends == 1 && server.ends == 1 && answer.ends == 1);
	EXPLORE_EXPECT((server.status == 0) == (answer.status == 0 || answer.status == -EPIPE));
	EXPLORE_EXPECT((client.status == 0) == (answer.status == 0));
	EXPLORE_EXPECT(!explore_user_thread(0)->ipc.args && !explore_user_thread(1)->ipc.args);
	if (server.status) {
		EXPLORE_EXPECT(answer.status == -ESRCH && !(client.tag & IPC_TAG_TAKEN));
		return;
	}
	EXPLORE_EXPECT(server.word == WORD && IPC_TAG_BYTES(server.tag) == BYTES);
	EXPLORE_EXPECT(client.status == 0 || (client.tag & IPC_TAG_TAKEN));
	for (unsigned i = 0; i < BYTES; i++)
		EXPLORE_EXPECT(explore_user_memory(0)[MESSAGE + i] == (char)(i + 1));
}

static void close_it(void *unused)
{
	(void)unused;
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

/** As a signal does it; then nobody waits for what does not come. */
static void interrupt_it(void *unused)
{
	struct thread *thread = explore_user_thread(target);

	fetch_or_acq_rel(&thread->pending, 16); // a bit that means no work by itself
	sched_interrupt(thread);
	close_it(unused);
}

static void unmap_it(void *unused)
{
	struct mm_space *space = explore_user_thread(0)->mm.space;

	EXPLORE_EXPECT(mm_unmap(space, EXPLORE_MEMORY, HAL_PAGE_SIZE) == 0);
	close_it(unused);
}

static void setup_with(void (*event)(void *))
{
	client = server = answer = (struct outcome){0};
	atomic_init(&has_begun, 0);
	explore_with_memory();
	explore_beside(event);
}

static void setup_close(void)
{
	setup_with(close_it);
}

static void setup_interrupt_server(void)
{
	target = 0;
	setup_with(interrupt_it);
}

static void setup_interrupt_caller(void)
{
	target = 1;
	setup_with(interrupt_it);
}

static void setup_unmap(void)
{
	setup_with(unmap_it);
}

EXPLORE(ipc_I7_long_call_or_close, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_close, .body = body, .check = check);
EXPLORE(ipc_I7_long_call_or_interrupted_server, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 2, .setup = setup_interrupt_server, .body = body, .check = check);
EXPLORE(ipc_I7_long_call_or_interrupted_caller, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 2, .setup = setup_interrupt_caller, .body = body, .check = check);
EXPLORE(ipc_I7_long_call_or_unmap, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_unmap, .body = body, .check = check);

// ---- nobody answers -------------------------------------------------------------------------------

/** The server keeps the right to answer until the end: only the interrupt ends a call that it took. */
static void keeping_body(unsigned self)
{
	struct host_call save = {.nr = IPC_REPLY_SAVE};

	if (self == 1) {
		body(self);
		return;
	}
	operate(&server, self, IPC_RECV, false);
	if (server.status)
		return;
	answer.status = host_syscall(&save);
	operate(&server, self, IPC_RECV, false);
}

static void interrupt_call(void *unused)
{
	while (!load_acquire(&has_begun))
		hal_cpu_relax();
	interrupt_it(unused);
}

static void setup_interrupt_call(void)
{
	target = 1;
	setup_with(interrupt_call);
}

static void check_kept(void)
{
	EXPLORE_EXPECT(client.ends == 1 && client.status < 0 && server.status == -EBADF);
	EXPLORE_EXPECT(!explore_user_thread(1)->ipc.args);
}

EXPLORE(ipc_I7_long_call_interrupted_only, .run = explore_run_users_together, .cpus = 2, .bodies = 2,
	.bound = 2, .setup = setup_interrupt_call, .body = keeping_body, .check = check_kept);
