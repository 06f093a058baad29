// SPDX-License-Identifier: MIT
// If these fail, bits are lost or taken twice, a waiter sleeps on, or a binding outlives its target.
#include <ipc/notification.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>
#include <uapi/poll.h>

#include "../../sched/tests/threads.h"
#include "ipc_test.h"

static struct grant *grant;
static struct notification *n;

static void create(void)
{
	ipc_test_init();
	EXPECT_EQ(ipc_notification_create(&grant), 0);
	n = ipc_notification_of(grant->object);
}

static uint64_t taken(uint64_t mask)
{
	uint64_t bits;
	return ipc_try_wait(n, mask, &bits) ? 0 : bits;
}

TEST(ipc, I11_bits_accumulate_until_taken)
{
	uint64_t bits;
	create();
	EXPECT_EQ(taken(UINT64_MAX), 0);
	EXPECT_EQ(ipc_signal(n, 1), 0);
	EXPECT_EQ(ipc_signal(n, 1 | 4), 0);
	EXPECT_EQ(ipc_signal(n, 1ull << 63), 0);
	EXPECT_EQ(taken(2), 0);
	EXPECT_EQ(taken(6), 4);
	EXPECT_EQ(ipc_wait(n, UINT64_MAX, NSEC_NEVER, &bits), 0);
	EXPECT_EQ(bits, 1ull << 63 | 1);
	EXPECT_EQ(ipc_wait(n, UINT64_MAX, time_now() + NSEC_PER_MSEC, &bits), -ETIMEDOUT);
	EXPECT_EQ(ipc_signal(n, 8), 0);
	EXPECT_EQ(ipc_wait(n, 8, 0, &bits), 0); // passed, but it is there already
	grant_put(grant);
}

struct wish {
	uint64_t mask, got;
	err_t err;
};
static struct wish wishes[GROUP_MAX];
static _Atomic uint32_t next_wish, ended;

static void wait_for_wish(void *arg)
{
	struct wish *wish = &wishes[fetch_add_relaxed(&next_wish, 1)];
	(void)arg;
	object_get(&n->object);
	wish->err = ipc_wait(n, wish->mask, NSEC_NEVER, &wish->got);
	fetch_add_acq_rel(&ended, 1);
	object_put(&n->object);
}

static void start_waiters(struct group *group, unsigned count)
{
	atomic_init(&next_wish, 0);
	atomic_init(&ended, 0);
	group_init(group, wait_for_wish, NULL);
	for (unsigned i = 0; i < count; i++) {
		group_start(group, 1, "waiter");
		wait_until_blocked(group->threads[i]);
	}
}

TEST(ipc, I11_waiters_get_the_bits_they_want_oldest_first)
{
	struct group group;
	create();
	wishes[0].mask = 1;
	wishes[1].mask = 2 | 4;
	wishes[2].mask = 2;
	start_waiters(&group, 3);
	EXPECT_EQ(ipc_signal(n, 8), 0);
	EXPECT_EQ(ipc_signal(n, 2), 0);
	while (load_acquire(&ended) != 1)
		let_others_run();
	EXPECT_EQ(wishes[1].got, 2);
	EXPECT_EQ(ipc_signal(n, 1 | 2 | 4), 0);
	group_join(&group);
	EXPECT_EQ(wishes[0].got, 1);
	EXPECT_EQ(wishes[2].got, 2);
	EXPECT_EQ(taken(UINT64_MAX), 4 | 8);
	grant_put(grant);
}

TEST(ipc, I11_close_ends_each_wait_once)
{
	struct group group;
	struct grant *copy;
	create();
	EXPECT_EQ(grant_derive(grant, IPC_RIGHT_RECV, 0, &copy), 0);
	for (unsigned i = 0; i < 3; i++)
		wishes[i].mask = 1;
	start_waiters(&group, 3);
	object_get(&n->object);
	grant_put(grant);
	EXPECT_EQ(load_acquire(&ended), 0); // the copy can still wait
	grant_put(copy);
	group_join(&group);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(wishes[i].err, -EPIPE);
	EXPECT_EQ(ipc_signal(n, 1), -EPIPE);
	EXPECT_EQ(poll_object(&n->object, NULL), POLLHUP);
	object_put(&n->object);
}

static void signal_from_interrupt(struct timer *timer)
{
	(void)timer;
	(void)ipc_signal(n, 0x10);
}

TEST(ipc, I11_signal_from_an_interrupt_wakes)
{
	struct timer timer;
	uint64_t bits = 0;
	create();
	timer_init(&timer, signal_from_interrupt);
	for (unsigned i = 0; i < 20; i++) {
		timer_set(&timer, time_now() + NSEC_PER_MSEC / 4);
		EXPECT_EQ(ipc_wait(n, 0x10, NSEC_NEVER, &bits), 0);
		EXPECT_EQ(bits, 0x10);
	}
	timer_cancel_sync(&timer);
	grant_put(grant);
}

// ---- poll and bind --------------------------------------------------------------------------------

/** Something pollable. */
struct lamp {
	struct object object;
	struct poll_source poll;
	uint32_t events;
	uint32_t is_destroyed;
};

static uint32_t lamp_poll(struct object *object, struct poll_entry *entry)
{
	struct lamp *lamp = container_of(object, struct lamp, object);
	poll_link(&lamp->poll, entry);
	return lamp->events;
}

static void lamp_destroy(struct object *object)
{
	struct lamp *lamp = container_of(object, struct lamp, object);
	EXPECT(list_is_empty(&lamp->poll.entries));
	lamp->is_destroyed = true;
}

static const struct object_ops lamp_ops = {.name = "lamp", .destroy = lamp_destroy, .poll = lamp_poll};
static const struct object_ops stone_ops = {.name = "stone", .destroy = lamp_destroy};

static void lamp_init(struct lamp *lamp)
{
	*lamp = (struct lamp){.events = 0};
	object_init(&lamp->object, &lamp_ops);
	poll_source_init(&lamp->poll);
}

TEST(ipc, I11_bound_descriptors_signal)
{
	struct lamp lamp, other;
	create();
	lamp_init(&lamp);
	lamp_init(&other);
	other.events = POLLIN;
	EXPECT_EQ(ipc_bind(n, 1, &lamp.object, POLLIN), 0);
	EXPECT_EQ(taken(UINT64_MAX), 0);
	EXPECT_EQ(ipc_bind(n, 2, &other.object, POLLIN), 0);
	EXPECT_EQ(taken(UINT64_MAX), 2); // it was ready
	poll_notify(&lamp.poll, POLLOUT);
	EXPECT_EQ(taken(UINT64_MAX), 0);
	poll_notify(&lamp.poll, POLLIN);
	EXPECT_EQ(taken(UINT64_MAX), 1);
	EXPECT_EQ(ipc_bind(n, 4, &lamp.object, POLLOUT), 0); // instead of 1
	poll_notify(&lamp.poll, POLLIN | POLLOUT);
	EXPECT_EQ(taken(UINT64_MAX), 4);
	EXPECT_EQ(ipc_unbind(n, &lamp.object), 0);
	EXPECT_EQ(ipc_unbind(n, &lamp.object), -ENOENT);
	poll_notify(&lamp.poll, POLLIN | POLLOUT);
	EXPECT_EQ(taken(UINT64_MAX), 0);
	EXPECT_EQ(ipc_bind(n, 1, &n->object, POLLIN), -ELOOP);
	object_put(&other.object); // its end is told, and is the end of the binding
	EXPECT(other.is_destroyed);
	EXPECT_EQ(taken(UINT64_MAX), 2);
	lamp.object.ops = &stone_ops;
	EXPECT_EQ(ipc_bind(n, 1, &lamp.object, POLLIN), -EPERM);
	lamp.object.ops = &lamp_ops;
	EXPECT_EQ(ipc_bind(n, 1, &lamp.object, POLLIN), 0);
	grant_put(grant); // takes its bindings along
	EXPECT(list_is_empty(&lamp.poll.entries));
	object_put(&lamp.object);
}

TEST(ipc, I11_poll_tells_of_bits)
{
	struct poll_waiter waiter;
	struct poll_thread_entry entry;
	create();
	poll_waiter_init(&waiter);
	poll_thread_entry_init(&entry, &waiter, POLLIN);
	EXPECT_EQ(poll_object(&n->object, &entry.entry), POLLOUT | POLLWRNORM);
	EXPECT_EQ(poll_wait(&waiter, time_now() + NSEC_PER_MSEC), -ETIMEDOUT);
	EXPECT_EQ(ipc_signal(n, 1), 0);
	EXPECT_EQ(poll_wait(&waiter, NSEC_NEVER), 0);
	EXPECT(poll_object(&n->object, NULL) & POLLIN);
	poll_unlink(&entry.entry);
	grant_put(grant);
}
