// SPDX-License-Identifier: MIT
// The checker of lock order. All that was ever seen is kept as a graph of classes: an edge from A to B
// says that B was taken with A held, or may be waited for by a holder of A. A new edge that closes a
// circle is a fault: the threads of the circle can wait for each other, though they did not this time.
//
// A class also remembers whether it was taken in interrupt handlers and whether with interrupts on. A
// path from one that interrupts take to one that is taken with interrupts on is a fault:
//
//   CPU A                          CPU B
//   holds Y, interrupts on         holds X (interrupts off)
//   interrupt: waits for X         waits for Y: edge X to Y
//
// Nothing here uses the kernel's own locks or atomics: they would be checked, and be points of the
// laboratory. Lock: `graph_lock`, a bare word, interrupts off.
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <lib/bitmap.h>
#include <lib/format.h>

#if CONFIG_DEBUG

#define CLASSES_MAX 512 // those beyond are not checked
#define EDGES 4096 // slots of the table of edges; a power of 2

enum lock_kind { SPINNING, SLEEPING };
/** How a spinning lock is taken: waiting; waiting, under another one of its class; without waiting. */
enum lock_way { WAIT, WAIT_NESTED, TRY };

struct lock_class {
	uintptr_t site; // or address of a static lock
	enum lock_kind kind;
	uint32_t is_used_in_irq, is_used_irqs_on;
	uintptr_t irq_pc, irqs_on_pc; // where first
	BITMAP(after, CLASSES_MAX); // taken while this one is held
};

struct lock_edge {
	uint32_t from, to; // 0, 0 = free slot
	uintptr_t pc; // where `to` was taken with `from` held
};

static struct lock_class classes[CLASSES_MAX]; // 0 is none
static struct lock_edge edges[EDGES];
static uint32_t class_count = 1, edge_count;
static uint32_t graph_lock;
static bool is_started;
static DEFINE_PERCPU(struct lock_stack, lock_stack);

static char *catch_text; // not NULL: faults are counted
static size_t catch_len;
static unsigned caught;

static irqflags_t graph_enter(void)
{
	irqflags_t flags = hal_irq_save();
	while (__atomic_exchange_n(&graph_lock, 1, __ATOMIC_ACQUIRE))
		;
	return flags;
}

static void graph_leave(irqflags_t flags)
{
	__atomic_store_n(&graph_lock, 0, __ATOMIC_RELEASE);
	hal_irq_restore(flags);
}

// What is read without the lock, once it is known, is changed under it.
static bool is_flag_set(const uint32_t *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static void set_flag(uint32_t *flag, uint32_t value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

static bool has_edge(uint32_t from, uint32_t to)
{
	unsigned long *word = &classes[from].after[to / BITS_PER_LONG];
	return __atomic_load_n(word, __ATOMIC_RELAXED) >> to % BITS_PER_LONG & 1;
}

static void set_edge(uint32_t from, uint32_t to)
{
	__atomic_fetch_or(&classes[from].after[to / BITS_PER_LONG], 1ul << to % BITS_PER_LONG,
			  __ATOMIC_RELAXED);
}

static bool is_checking(void)
{
	return is_started && !panic_is_active();
}

static void fault(const char *fmt, ...) printf_like(1, 2);
static void fault(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	fmt_vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!catch_text)
		panic("lock: %s", text);
	caught++;
	fmt_snprintf(catch_text, catch_len, "%s", text);
}

/** A place in the code, or a static lock, by its symbol. */
struct name {
	char text[80];
};

static struct name name_of(uintptr_t address)
{
	struct name name;
	symbol_format(address, name.text, sizeof(name.text));
	return name;
}

#define NAME(address) name_of(address).text
#define CLASS_NAME(class) NAME(classes[class].site)

static uint32_t find_class(uintptr_t site, enum lock_kind kind)
{
	for (uint32_t i = 1; i < class_count; i++) {
		if (classes[i].site == site && classes[i].kind == kind)
			return i;
	}
	if (class_count == CLASSES_MAX)
		return 0;
	classes[class_count].site = site;
	classes[class_count].kind = kind;
	return class_count++;
}

static uint32_t class_of(struct spinlock *lock, enum lock_kind kind)
{
	uint32_t class = __atomic_load_n(&lock->identity.classes[kind], __ATOMIC_RELAXED);
	if (likely(class))
		return class;
	irqflags_t flags = graph_enter();
	class = find_class(lock->identity.site ? lock->identity.site : (uintptr_t)lock, kind);
	graph_leave(flags);
	__atomic_store_n(&lock->identity.classes[kind], class, __ATOMIC_RELAXED);
	return class;
}

static struct lock_edge *edge_slot(uint32_t from, uint32_t to)
{
	uint32_t slot = (from * 2654435761u ^ to * 40503u) % EDGES;
	while (edges[slot].from && (edges[slot].from != from || edges[slot].to != to))
		slot = (slot + 1) % EDGES;
	return &edges[slot];
}

/** The first step of a path from @from to a class of which @is_end holds, whose last class is
 *  *@end; 0 = there is none. Graph locked. */
static uint32_t find_path(uint32_t from, bool (*is_end)(uint32_t class, uint32_t arg), uint32_t arg,
			  uint32_t *end)
{
	static uint32_t queue[CLASSES_MAX], first_step[CLASSES_MAX];
	static BITMAP(seen, CLASSES_MAX);
	unsigned count = 0;
	bitmap_zero(seen, CLASSES_MAX);
	bitmap_set(seen, from);
	queue[count++] = from;
	for (unsigned i = 0; i < count; i++) {
		size_t next;
		bitmap_for_each_set(next, classes[queue[i]].after, class_count) {
			if (bitmap_test(seen, next))
				continue;
			bitmap_set(seen, next);
			first_step[next] = i ? first_step[queue[i]] : (uint32_t)next;
			queue[count++] = (uint32_t)next;
			*end = (uint32_t)next;
			if (is_end(*end, arg))
				return first_step[next];
		}
	}
	return 0;
}

static bool is_class(uint32_t class, uint32_t wanted)
{
	return class == wanted;
}

static bool is_used_irqs_on(uint32_t class, uint32_t unused)
{
	(void)unused;
	return classes[class].is_used_irqs_on;
}

static void report_order(uint32_t held, uintptr_t held_pc, uint32_t class, uintptr_t pc,
			 uint32_t first_step)
{
	fault("order: %s taken in %s with %s held since %s; but with the former held, %s has taken %s",
	      CLASS_NAME(class), NAME(pc), CLASS_NAME(held), NAME(held_pc),
	      NAME(edge_slot(class, first_step)->pc),
	      first_step == held ? "the latter" : "one that leads to the latter");
}

/** A path from a class that interrupts take to one that is taken with interrupts on, or one that is
 *  both. Graph locked; reports with it unlocked and returns true. */
static bool check_irqs_locked(irqflags_t flags)
{
	for (uint32_t i = 1; i < class_count; i++) {
		uint32_t end = i;
		if (!classes[i].is_used_in_irq)
			continue;
		if (!classes[i].is_used_irqs_on && !find_path(i, is_used_irqs_on, 0, &end))
			continue;
		// Once is enough.
		set_flag(&classes[i].is_used_in_irq, 0);
		set_flag(&classes[end].is_used_irqs_on, 0);
		graph_leave(flags);
		if (i == end)
			fault("interrupts: %s is taken by an interrupt in %s, with interrupts on in %s",
			      CLASS_NAME(i), NAME(classes[i].irq_pc), NAME(classes[i].irqs_on_pc));
		else
			fault("interrupts: %s is taken by an interrupt in %s; under it %s is taken, "
			      "which %s takes with interrupts on",
			      CLASS_NAME(i), NAME(classes[i].irq_pc), CLASS_NAME(end),
			      NAME(classes[end].irqs_on_pc));
		return true;
	}
	return false;
}

static no_inline void add_edge(uint32_t held, uintptr_t held_pc, uint32_t class, uintptr_t pc)
{
	uint32_t end;
	irqflags_t flags = graph_enter();
	uint32_t first_step = find_path(class, is_class, held, &end);
	if (first_step) {
		graph_leave(flags);
		report_order(held, held_pc, class, pc, first_step);
		return;
	}
	if (edge_count < EDGES / 4 * 3) {
		edge_count++;
		*edge_slot(held, class) = (struct lock_edge){held, class, pc};
	}
	set_edge(held, class);
	if (!check_irqs_locked(flags))
		graph_leave(flags);
}

static no_inline void add_usage(uint32_t class, bool in_irq, uintptr_t pc)
{
	irqflags_t flags = graph_enter();
	if (in_irq) {
		set_flag(&classes[class].is_used_in_irq, 1);
		classes[class].irq_pc = pc;
	} else {
		set_flag(&classes[class].is_used_irqs_on, 1);
		classes[class].irqs_on_pc = pc;
	}
	if (!check_irqs_locked(flags))
		graph_leave(flags);
}

static void check_usage(uint32_t class, bool are_irqs_on, uintptr_t pc)
{
	bool in_irq = hal_percpu()->irq_depth > 0;
	if (in_irq && !is_flag_set(&classes[class].is_used_in_irq))
		add_usage(class, true, pc);
	else if (!in_irq && are_irqs_on && !is_flag_set(&classes[class].is_used_irqs_on))
		add_usage(class, false, pc);
}

/** Whether @class, of @lock, may be waited for with all of @stack held; in order of addresses in it. */
static void check_order(const struct lock_stack *stack, const struct spinlock *lock, uint32_t class,
			bool is_by_address, uintptr_t pc)
{
	for (uint32_t i = 0; i < min(stack->depth, (uint32_t)LOCKDEP_HELD_MAX); i++) {
		uint32_t held = stack->held[i].class;
		if (stack->held[i].lock == lock)
			fault("%s taken in %s is held already, since %s", CLASS_NAME(class), NAME(pc),
			      NAME(stack->held[i].pc));
		else if (held == class && is_by_address && stack->held[i].lock > lock)
			fault("order: %s taken in %s after one of its class with a higher address, in %s",
			      CLASS_NAME(class), NAME(pc), NAME(stack->held[i].pc));
		else if (held && held != class && !has_edge(held, class))
			add_edge(held, stack->held[i].pc, class, pc);
	}
}

static void push(struct lock_stack *stack, const struct spinlock *lock, uint32_t class, uintptr_t pc)
{
	uint32_t i = stack->depth++;
	if (i >= LOCKDEP_HELD_MAX) {
		fault("more than %d held in %s", LOCKDEP_HELD_MAX, NAME(pc));
		return;
	}
	stack->held[i].lock = lock;
	stack->held[i].class = class;
	stack->held[i].pc = pc;
}

static void pop(struct lock_stack *stack, const struct spinlock *lock, uintptr_t pc)
{
	uint32_t i = min(stack->depth, (uint32_t)LOCKDEP_HELD_MAX);
	while (i > 0 && stack->held[i - 1].lock != lock)
		i--;
	if (i == 0) {
		fault("%s let go in %s is not held", NAME((uintptr_t)lock), NAME(pc));
		return;
	}
	for (; i < min(stack->depth, (uint32_t)LOCKDEP_HELD_MAX); i++)
		stack->held[i - 1] = stack->held[i];
	stack->depth--;
}

void lockdep_init_at(struct spinlock *lock, const void *site)
{
	lock->identity = (struct lock_identity){.site = (uintptr_t)site};
}

void lockdep_init(struct spinlock *lock)
{
	lockdep_init_at(lock, __builtin_return_address(0));
}

static void acquire(struct spinlock *lock, enum lock_way way, uintptr_t pc)
{
	if (!is_checking())
		return;
	bool are_irqs_on = hal_irq_is_enabled();
	uint32_t class = class_of(lock, SPINNING);
	irqflags_t flags = hal_irq_save();
	struct lock_stack *stack = this_cpu_ptr(lock_stack);
	if (class) {
		check_usage(class, are_irqs_on, pc);
		if (way != TRY)
			check_order(stack, lock, class, way == WAIT, pc);
	}
	push(stack, lock, class, pc);
	hal_irq_restore(flags);
}

void lockdep_acquire(struct spinlock *lock)
{
	acquire(lock, WAIT, (uintptr_t)__builtin_return_address(0));
}

void lockdep_acquire_nested(struct spinlock *lock)
{
	acquire(lock, WAIT_NESTED, (uintptr_t)__builtin_return_address(0));
}

void lockdep_acquire_tried(struct spinlock *lock)
{
	acquire(lock, TRY, (uintptr_t)__builtin_return_address(0));
}

void lockdep_release(struct spinlock *lock)
{
	if (!is_checking())
		return;
	irqflags_t flags = hal_irq_save();
	pop(this_cpu_ptr(lock_stack), lock, (uintptr_t)__builtin_return_address(0));
	hal_irq_restore(flags);
}

void lockdep_wait_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc)
{
	uint32_t class = is_checking() ? class_of(lock, SLEEPING) : 0;
	if (class)
		check_order(stack, lock, class, false, (uintptr_t)pc);
}

void lockdep_acquire_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc)
{
	if (is_checking())
		push(stack, lock, class_of(lock, SLEEPING), (uintptr_t)pc);
}

void lockdep_release_sleeping(struct lock_stack *stack, struct spinlock *lock, const void *pc)
{
	if (is_checking())
		pop(stack, lock, (uintptr_t)pc);
}

void lockdep_check_switch(void)
{
	if (!is_checking())
		return;
	irqflags_t flags = hal_irq_save();
	struct lock_stack *stack = this_cpu_ptr(lock_stack);
	if (stack->depth)
		fault("the CPU is given away in %s with %s held since %s",
		      NAME((uintptr_t)__builtin_return_address(0)), CLASS_NAME(stack->held[0].class),
		      NAME(stack->held[0].pc));
	hal_irq_restore(flags);
}

void lockdep_start(void)
{
	is_started = true;
}

unsigned lockdep_catch(char *text, size_t len)
{
	unsigned count = caught;
	caught = 0;
	catch_text = text;
	catch_len = len;
	return count;
}

#endif
