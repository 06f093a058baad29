// SPDX-License-Identifier: MIT
// Endpoints: calls between user threads on one CPU (the fast path) and on several (the slow one,
// and the mixtures). Each request is answered once, to its caller; nobody sleeps on.
#include "users.h"

#include "../../ipc/internal.h"

#include <ipc/endpoint.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

static unsigned requests; // that the server answers before it ends
static uint64_t served;

static void setup_one(void)
{
	requests = 1;
	served = 0;
}

static void setup_two(void)
{
	setup_one();
	requests = 2;
}

static void setup_four(void)
{
	setup_one();
	requests = 4;
}

/** Answers each word w with w + 1000. */
static void serve(void)
{
	struct host_call call = {.nr = IPC_RECV, .args = {EXPLORE_ENDPOINT}};

	EXPLORE_EXPECT(host_syscall(&call) == 0);
	for (unsigned i = 1;; i++) {
		EXPLORE_EXPECT(IPC_TAG_WORDS(call.tag) == 1);
		call.words[0] += 1000;
		served++;
		call.args[0] = EXPLORE_ENDPOINT;
		call.nr = i < requests ? IPC_REPLY_RECV : IPC_REPLY;
		EXPLORE_EXPECT(host_syscall(&call) == 0);
		if (i == requests)
			return;
	}
}

static void request(uint64_t word)
{
	struct host_call call = {
		.nr = IPC_CALL,
		.args = {EXPLORE_ENDPOINT},
		.tag = IPC_TAG(0, 1),
		.words = {word},
	};

	EXPLORE_EXPECT(host_syscall(&call) == 0);
	EXPLORE_EXPECT(IPC_TAG_WORDS(call.tag) == 1);
	EXPLORE_EXPECT(call.words[0] == word + 1000);
}

static void call_body(unsigned self)
{
	if (self == 0)
		serve();
	else
		request(self);
}

static void call_twice_body(unsigned self)
{
	if (self == 0) {
		serve();
		return;
	}
	request(10 * self);
	request(10 * self + 1);
}

static void check(void)
{
	EXPLORE_EXPECT(served == requests);
}

EXPLORE(ipc_call_across_cpus, .run = explore_run_users, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup_one, .body = call_body, .check = check);
EXPLORE(ipc_call_on_one_cpu, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_two, .body = call_twice_body, .check = check);
EXPLORE(ipc_two_clients_three_cpus, .run = explore_run_users, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = setup_two, .body = call_body, .check = check);
/** The second client runs on the server's CPU: fast and slow path meet at the endpoint. */
EXPLORE(ipc_fast_and_slow_client, .run = explore_run_users, .cpus = 2, .bodies = 3, .bound = 2,
	.setup = setup_four, .body = call_twice_body, .check = check);

// ---- every way in which an operation ends -----------------------------------------------------------
//
// A client sends or calls, a server receives and perhaps answers; beside them one of: the last descriptor
// that can receive is closed, the client is interrupted, its deadline passes. Each operation ends
// once, and both sides agree on what happened.

#define SEND_ONLY 2 // descriptors

static struct outcome {
	int64_t status;
	uint64_t tag, word;
	unsigned ends;
} client, server, answer;

static void reset(void)
{
	setup_one();
	client = server = answer = (struct outcome){0};
}

static void record(struct outcome *outcome, const struct host_call *call)
{
	outcome->status = call->result;
	outcome->tag = call->tag;
	outcome->word = call->words[0];
	outcome->ends++;
}

static void operate(struct outcome *outcome, uint64_t nr, uint64_t fd, uint64_t word)
{
	struct host_call call = {.nr = nr, .args = {fd}, .tag = IPC_TAG(0, 1), .words = {word}};

	host_syscall(&call);
	record(outcome, &call);
}

static void close_it(void *unused)
{
	(void)unused;
	(void)fd_close(explore_user_fds(), EXPLORE_ENDPOINT);
}

/** As a signal does it; then nobody waits for a message that does not come. */
static void interrupt_it(void *unused)
{
	struct thread *thread = explore_user_thread(1);

	fetch_or_acq_rel(&thread->pending, 16); // a bit that means no work by itself
	sched_interrupt(thread);
	close_it(unused);
}

/** What the timer of a deadline does. */
static void time_out(void *unused)
{
	ipc_end_wait(explore_user_thread(1), -ETIMEDOUT);
	close_it(unused);
}

static void setup_with(void (*event)(void *))
{
	struct grant *child, *parent = fd_lookup(explore_user_fds(), EXPLORE_ENDPOINT);

	reset();
	if (grant_derive(parent, IPC_RIGHT_SEND, 0, &child) ||
	    fd_install(explore_user_fds(), child, SEND_ONLY, 0) != SEND_ONLY)
		EXPLORE_EXPECT(false);
	explore_beside(event);
}

static void setup_close(void)
{
	setup_with(close_it);
}

static void setup_interrupt(void)
{
	setup_with(interrupt_it);
}

static void setup_time_out(void)
{
	setup_with(time_out);
}

static void send_body(unsigned self)
{
	if (self == 0)
		operate(&server, IPC_RECV, EXPLORE_ENDPOINT, 0);
	else
		operate(&client, IPC_SEND, SEND_ONLY, 7);
}

/** A send is received or returns an error, never both or neither. */
static void check_send(void)
{
	EXPLORE_EXPECT(client.ends == 1 && server.ends == 1);
	EXPLORE_EXPECT((client.status == 0) == (server.status == 0));
	if (server.status == 0)
		EXPLORE_EXPECT(server.word == 7);
	else
		EXPLORE_EXPECT(server.status == -EBADF && !(client.tag & IPC_TAG_TAKEN) &&
			       (client.status == -EPIPE || client.status == -EINTR ||
				client.status == -ETIMEDOUT));
}

static void answer_call(uint64_t nr, uint64_t fd)
{
	if (server.status == 0)
		operate(&answer, nr, fd, 1007);
}

static void one_call_body(unsigned self)
{
	if (self == 1) {
		operate(&client, IPC_CALL, SEND_ONLY, 7);
		return;
	}
	operate(&server, IPC_RECV, EXPLORE_ENDPOINT, 0);
	answer_call(IPC_REPLY, 0);
}

/** Dies with the request: its next receive drops the right, as its exit does. */
static void leaving_server_body(unsigned self)
{
	if (self == 1)
		operate(&client, IPC_CALL, SEND_ONLY, 7);
	else
		operate(&server, IPC_RECV, EXPLORE_ENDPOINT, 0);
}

static void saving_server_body(unsigned self)
{
	struct host_call save = {.nr = IPC_REPLY_SAVE};

	if (self == 1) {
		operate(&client, IPC_CALL, SEND_ONLY, 7);
		return;
	}
	operate(&server, IPC_RECV, EXPLORE_ENDPOINT, 0);
	if (server.status)
		return;
	int64_t fd = host_syscall(&save);
	EXPLORE_EXPECT(fd > 0 || fd == -EPIPE);
	if (fd < 0)
		server.word = 7, answer = (struct outcome){.status = -EPIPE, .ends = 1};
	else
		answer_call(IPC_SEND, (uint64_t)fd);
}

/** The answer arrives if, and only if, the server is told so; TAKEN says whether there was a server. */
static void check_call(void)
{
	EXPLORE_EXPECT(client.ends == 1 && server.ends == 1);
	if (server.status) {
		EXPLORE_EXPECT(server.status == -EBADF && client.status < 0);
		EXPLORE_EXPECT(!(client.tag & IPC_TAG_TAKEN));
		return;
	}
	EXPLORE_EXPECT(answer.ends == 1 && server.word == 7);
	EXPLORE_EXPECT((client.status == 0) == (answer.status == 0));
	if (client.status == 0)
		EXPLORE_EXPECT(client.word == 1007);
	else
		EXPLORE_EXPECT(answer.status == -EPIPE && (client.tag & IPC_TAG_TAKEN) &&
			       (client.status == -EINTR || client.status == -ETIMEDOUT));
}

static void check_left(void)
{
	EXPLORE_EXPECT(client.ends == 1 && server.ends == 1 && client.status < 0);
	EXPLORE_EXPECT(!(client.tag & IPC_TAG_TAKEN) == (server.status != 0));
}

EXPLORE(ipc_I4_send_or_close, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_close, .body = send_body, .check = check_send);
EXPLORE(ipc_I2_send_or_interrupt, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_interrupt, .body = send_body, .check = check_send);
EXPLORE(ipc_I3_send_or_deadline, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_time_out, .body = send_body, .check = check_send);
EXPLORE(ipc_I4_call_or_close, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_close, .body = one_call_body, .check = check_call);
EXPLORE(ipc_I5_call_or_interrupt, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_interrupt, .body = one_call_body, .check = check_call);
EXPLORE(ipc_I5_call_or_deadline, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_time_out, .body = one_call_body, .check = check_call);
EXPLORE(ipc_I5_saved_or_interrupt, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 2,
	.setup = setup_interrupt, .body = saving_server_body, .check = check_call);
EXPLORE(ipc_I6_server_leaves, .run = explore_run_users, .cpus = 3, .bodies = 2, .bound = 3,
	.setup = setup_interrupt, .body = leaving_server_body, .check = check_left);
