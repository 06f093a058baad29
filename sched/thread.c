// SPDX-License-Identifier: MIT
// Threads: making them, their references, their end. A thread holds one reference to itself from
// creation on; whoever switches away from it for the last time drops it. Memory goes after a grace
// period, so a thread found without a reference is safe until the finder's next switch.
#include <hal/fpu.h>
#include <kernel/panic.h>
#include <lib/string.h>
#include <mm/kmap.h>
#include <mm/slab.h>
#include <sched/fpu.h>
#include <uapi/errno.h>
#include <uapi/signal.h>

#include "fair.h"
#include "sleep.h"

struct affinity {
	struct cpuset set; // first: sched_part.affinity points to it
	struct quiesce quiesce;
};

static struct slab_cache *thread_cache, *fpu_cache;
static struct spinlock threads_lock = SPINLOCK_INIT;
static struct list threads = LIST_INIT(threads); // threads_lock
static uint64_t threads_count; // threads_lock

void thread_init(void)
{
	// ipc keeps hints to threads that may have ended long ago, and asks the memory whether they still count.
	thread_cache = slab_cache_create_kept("thread", sizeof(struct thread), 64);
	if (hal_fpu_state_size())
		fpu_cache = slab_cache_create("fpu", hal_fpu_state_size(), 64);
}

static void set_name(struct thread *thread, const char *name)
{
	size_t len = min(strlen(name), sizeof(thread->name) - 1);
	memcpy(thread->name, name, len);
	thread->name[len] = 0;
}

static void init_sched_part(struct sched_part *part)
{
	part->base_band = part->band = BAND_USER;
	store_relaxed(&part->rank, sched_rank(BAND_USER, 0));
	part->policy = SCHED_NORMAL;
	part->vruntime_home = HOME_NONE;
	list_init(&part->rt_node);
	list_init(&part->pi_held);
	list_init(&part->pi_node);
	rbnode_init(&part->fair_node);
	fair_set_weight(part);
	fair_renew(part);
}

/** What idle threads and all others have in common; @thread is zeroed. */
static void init_common(struct thread *thread, const char *name)
{
	set_name(thread, name);
	store_relaxed(&thread->state, THREAD_NEW);
	init_sched_part(&thread->sched);
	timer_init(&thread->sleep_timer, sleep_timer_fired);
	list_init(&thread->ipc.node);
	list_init(&thread->ipc.pi_owned);
	list_init(&thread->ipc.serving);
	sched_pi_init(&thread->ipc.callers);
	list_init(&thread->proc.node);
	list_init(&thread->proc.sigqueue);
	list_init(&thread->all_node);
	store_relaxed(&thread->refs, 1);
}

void thread_adopt_idle(struct thread *thread, cpuid_t cpu)
{
	init_common(thread, "idle");
	thread->sched.base_band = thread->sched.band = BAND_DEADLINE; // no fair one: never charged
	store_relaxed(&thread->sched.rank, 0);
	store_relaxed(&thread->sched.cpu, cpu);
	thread->sched.stamp = hal_clock_read();
	store_relaxed(&thread->state, THREAD_RUNNING);
	store_relaxed(&thread->on_cpu, 1);
	// It never goes to user mode, so this need only lie on its stack.
	thread->stack_top = (vaddr_t)__builtin_frame_address(0);
	__atomic_store_n(&hal_percpu()->current, thread, __ATOMIC_RELAXED);
}

static void link_thread(struct thread *thread)
{
	irqflags_t flags = spin_lock_irqsave(&threads_lock);
	list_push_back(&threads, &thread->all_node);
	threads_count++;
	spin_unlock_irqrestore(&threads_lock, flags);
}

static void unlink_thread(struct thread *thread)
{
	irqflags_t flags = spin_lock_irqsave(&threads_lock);
	list_remove(&thread->all_node);
	threads_count--;
	spin_unlock_irqrestore(&threads_lock, flags);
}

struct thread *thread_create(const char *name)
{
	struct thread *thread = slab_alloc_zeroed(thread_cache);
	if (!thread)
		return NULL;
	thread->stack_top = kstack_alloc();
	if (!thread->stack_top) {
		slab_free(thread_cache, thread);
		return NULL;
	}
	init_common(thread, name);
	store_relaxed(&thread->sched.cpu, this_cpu()); // a CPU that has a run queue
	thread->tf = hal_stack_trapframe(thread->stack_top);
	hal_context_init_user(&thread->context, thread->stack_top);
	link_thread(thread);
	return thread;
}

static void kernel_entry(void *arg)
{
	struct thread *thread = arg;
	thread->entry(thread->entry_arg);
	sched_exit();
}

struct thread *thread_create_kernel(const char *name, void (*entry)(void *), void *arg)
{
	struct thread *thread = thread_create(name);
	if (!thread)
		return NULL;
	thread->entry = entry;
	thread->entry_arg = arg;
	hal_context_init_kernel(&thread->context, thread->stack_top, kernel_entry, thread);
	return thread;
}

void thread_get(struct thread *thread)
{
	fetch_add_relaxed(&thread->refs, 1);
}

static void destroy(struct quiesce *quiesce)
{
	struct thread *thread = container_of(quiesce, struct thread, quiesce);
	stats_thread_gone(thread);
	unlink_thread(thread);
	kstack_free(thread->stack_top);
	if (thread->fpu)
		slab_free(fpu_cache, thread->fpu);
	kfree(load_relaxed(&thread->sched.affinity));
	if (unlikely(thread->sched.deadline)) {
		kfree(load_relaxed(&thread->sched.deadline->wanted));
		kfree(thread->sched.deadline);
	}
	slab_free(thread_cache, thread);
}

void thread_put(struct thread *thread)
{
	if (fetch_sub_acq_rel(&thread->refs, 1) != 1)
		return;
	verify(load_relaxed(&thread->state) == THREAD_DEAD ||
	       load_relaxed(&thread->state) == THREAD_NEW);
	quiesce_defer(&thread->quiesce, destroy);
}

void thread_reap(struct thread *thread)
{
	thread_put(thread);
}

uint64_t thread_count(void)
{
	irqflags_t flags = spin_lock_irqsave(&threads_lock);
	uint64_t count = threads_count;
	spin_unlock_irqrestore(&threads_lock, flags);
	return count;
}

void thread_for_each(void (*visit)(void *arg, struct thread *thread), void *arg)
{
	struct thread *thread;
	irqflags_t flags = spin_lock_irqsave(&threads_lock);
	list_for_each_entry(thread, &threads, all_node)
		visit(arg, thread);
	spin_unlock_irqrestore(&threads_lock, flags);
}

static void free_affinity(struct quiesce *quiesce)
{
	kfree(container_of(quiesce, struct affinity, quiesce));
}

struct cpuset *affinity_create(const struct cpuset *cpus)
{
	struct affinity *affinity = kmalloc(sizeof(*affinity));
	if (!affinity)
		return NULL;
	affinity->set = *cpus;
	return &affinity->set;
}

void affinity_free_later(struct cpuset *cpus)
{
	if (!cpus)
		return;
	struct affinity *affinity = container_of(cpus, struct affinity, set);
	quiesce_defer(&affinity->quiesce, free_affinity);
}

// Floating-point state: see <sched/fpu.h>.

static void *fpu_alloc(void)
{
	return fpu_cache ? slab_alloc(fpu_cache) : NULL;
}

void upcall_fpu_first_use(struct trapframe *tf)
{
	struct thread *thread = current_thread();
	assert_irqs_off();
	if (!thread->fpu) {
		thread->fpu = fpu_alloc();
		if (thread->fpu)
			hal_fpu_init_state(thread->fpu);
	}
	if (thread->fpu) {
		hal_fpu_restore(thread->fpu);
		hal_percpu()->has_fpu = 1;
		return;
	}
	hal_irq_enable();
	upcall_fault_signal(tf, SIGKILL, SI_KERNEL, 0);
	hal_irq_disable();
	exit_user_work(tf);
}

/** current->fpu, brought up to date from the unit; NULL = it has none. */
static void *fpu_save(void)
{
	irqflags_t flags = hal_irq_save();
	struct thread *thread = current_thread();
	if (hal_percpu()->has_fpu)
		hal_fpu_save(thread->fpu);
	hal_irq_restore(flags);
	return thread->fpu;
}

void sched_fpu_drop(void)
{
	irqflags_t flags = hal_irq_save();
	struct thread *thread = current_thread();
	void *state = thread->fpu;
	thread->fpu = NULL;
	if (hal_percpu()->has_fpu) {
		hal_fpu_disable();
		hal_percpu()->has_fpu = 0;
	}
	hal_irq_restore(flags);
	if (state)
		slab_free(fpu_cache, state);
}

err_t sched_fpu_copy(struct thread *child)
{
	void *from = fpu_save();
	if (!from)
		return 0;
	child->fpu = fpu_alloc();
	if (!child->fpu)
		return -ENOMEM;
	memcpy(child->fpu, from, hal_fpu_state_size());
	return 0;
}
