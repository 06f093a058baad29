// SPDX-License-Identifier: MIT
// How bodies become user threads. A body that ends is parked in a receive on an endpoint that
// nobody sends to; the last one checks and ends the run.
#include "users.h"

#include <ipc/endpoint.h>
#include <kernel/panic.h>
#include <lib/bitmap.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <object/fdtable.h>
#include <object/init.h>
#include <sched/sched.h>

#define PARK 0 // descriptor
#define USERS_MAX 8

static const struct explore_scenario *scenario;
static _Atomic uint32_t done;
static struct thread *threads[USERS_MAX];
static struct fdtable *fds;

static void (*beside)(void *);
static unsigned realtime; // bit i: body i goes before the others

static bool has_memory;
static char *memory[USERS_MAX];

void explore_with_memory(void)
{
	has_memory = true;
}

char *explore_user_memory(unsigned i)
{
	return memory[i];
}

/** The page stays where it is when it is unmapped: the object is never let go. */
static void map_memory(unsigned i, struct mm_space *space)
{
	struct mm_object *object = mm_object_create_anon(1);
	struct mm_map_request request = {
		.addr = EXPLORE_MEMORY,
		.size = HAL_PAGE_SIZE,
		.is_fixed = true,
		.object = object,
		.flags = HAL_PROT_READ | HAL_PROT_WRITE | MM_SHARED,
		.max_prot = HAL_PROT_READ | HAL_PROT_WRITE,
	};
	struct frame *frame;
	vaddr_t at;

	if (!object || object->ops->get_page(object, 0, true, &frame) || mm_map(space, &request, &at) ||
	    mm_populate(space, at, HAL_PAGE_SIZE, true))
		panic("no memory for a scenario");
	memory[i] = frame_direct(frame);
}

struct fdtable *explore_user_fds(void)
{
	return fds;
}

void explore_beside(void (*fn)(void *))
{
	beside = fn;
}

void explore_realtime(unsigned bodies)
{
	realtime = bodies;
}

static void start_beside(cpuid_t cpu)
{
	struct cpuset cpus = {{0}};
	struct thread *thread = thread_create_kernel("beside", beside, NULL);

	bitmap_set(cpus.bits, cpu);
	if (!thread || sched_set_affinity(thread, &cpus))
		panic("no memory for a scenario");
	sched_start(thread);
}

struct thread *explore_user_thread(unsigned i)
{
	return threads[i];
}

static void user_main(uint64_t self, uint64_t unused1, uint64_t unused2)
{
	struct host_call park = {.nr = IPC_RECV, .args = {PARK}};

	(void)unused1;
	(void)unused2;
	scenario->body((unsigned)self);
	if (fetch_add_acq_rel(&done, 1) + 1 == scenario->bodies) {
		if (scenario->check)
			scenario->check();
		explore_pass();
	}
	for (;;)
		host_syscall(&park);
}

static void install_endpoint(unsigned fd, const char *name)
{
	struct grant *grant;

	if (ipc_endpoint_create(&grant) || fd_install(fds, grant, fd, 0) != (int)fd)
		panic("no endpoint for a scenario");
	explore_name(&ipc_endpoint_of(grant)->lock, name);
}

static void start(unsigned i, cpuid_t cpu)
{
	struct cpuset cpus = {{0}};
	struct thread *thread = thread_create("user");
	char *stack = kmalloc(HOST_USER_STACK_SIZE);

	if (!thread || !stack || !(thread->mm.space = mm_space_create()))
		panic("no memory for a scenario");
	if (has_memory)
		map_memory(i, thread->mm.space);
	hal_tf_init_user(thread->tf, (uintptr_t)user_main, (uintptr_t)stack + HOST_USER_STACK_SIZE);
	hal_tf_set_call_arg(thread->tf, 0, i);
	fdtable_get(fds);
	thread->object.fds = fds;
	bitmap_set(cpus.bits, cpu);
	if (sched_set_affinity(thread, &cpus) ||
	    ((realtime >> i & 1) && sched_set_policy(thread, SCHED_FIFO, 10)))
		panic("no memory for a scenario");
	explore_name(&thread->state, i ? "client.state" : "server.state");
	explore_name(&thread->on_cpu, i ? "client.on_cpu" : "server.on_cpu");
	explore_name(&thread->ipc.state, i ? "client.ipc.state" : "server.ipc.state");
	explore_name(&thread->ipc.server, i ? "client.ipc.server" : "server.ipc.server");
	threads[i] = thread;
	sched_start(thread);
}

static void run(const struct explore_scenario *self, bool is_spread)
{
	scenario = self;
	object_init_caches();
	ipc_init();
	explore_name(&done, "(bodies done)");
	fds = fdtable_create();
	if (!fds)
		panic("no memory for a scenario");
	install_endpoint(PARK, "park.lock");
	install_endpoint(EXPLORE_ENDPOINT, "endpoint.lock");
	if (self->setup)
		self->setup();
	for (unsigned i = 0; i < self->bodies; i++)
		start(i, is_spread ? i % self->cpus : 0);
	if (beside)
		start_beside(self->cpus - 1);
	explore_begin();
	for (;;) {
		sched_prepare_block();
		sched_block();
	}
}

void explore_run_users(const struct explore_scenario *self)
{
	run(self, true);
}

void explore_run_users_together(const struct explore_scenario *self)
{
	run(self, false);
}
