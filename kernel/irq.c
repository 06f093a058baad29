// SPDX-License-Identifier: MIT
// Interrupts: from the port's entry to the handler of a device. The table is a hash of lists, read
// by interrupts under its lock, changed by irq_connect() and irq_disconnect().
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <hal/upcall.h>
#include <kernel/assert.h>
#include <kernel/irq.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/quiesce.h>
#include <kernel/smp.h>
#include <kernel/upcall.h>
#include <uapi/errno.h>

#define BUCKETS 64

static struct spinlock lock = SPINLOCK_INIT;
// Spurious ones happen (a PLIC source that another CPU has just served): so many in a row are too many.
#define UNCLAIMED_MAX 100u
static uint32_t unclaimed; // interrupts in a row that no handler claimed (lock)

static struct list buckets[BUCKETS]; // lock; zero until first use

static struct list *bucket_of(uint32_t irq)
{
	struct list *bucket = &buckets[irq % BUCKETS];
	if (!bucket->next)
		list_init(bucket);
	return bucket;
}

/** Where interrupts come to: one place, wherever the thread that starts a driver happens to run. */
static cpuid_t first_cpu(void)
{
	size_t cpu = bitmap_find_first_set(cpus_online.bits, CPUS_MAX);
	return cpu < CPUS_MAX ? (cpuid_t)cpu : this_cpu();
}

err_t irq_connect(struct irq_handler *handler, uint32_t irq, enum hal_irq_trigger trigger,
		  const char *name)
{
	if (irq >= IRQS_MAX || !hal_irqchip)
		return -EINVAL;
	err_t err = hal_irqchip->set_trigger ? hal_irqchip->set_trigger(irq, trigger) : 0;
	if (err)
		return err;
	handler->irq = irq;
	handler->name = name;
	handler->count = 0;
	irqflags_t flags = spin_lock_irqsave(&lock);
	handler->cpu = first_cpu();
	list_push_back(bucket_of(irq), &handler->node);
	if (hal_irqchip->set_target)
		err = hal_irqchip->set_target(irq, handler->cpu);
	if (err)
		list_remove(&handler->node);
	spin_unlock_irqrestore(&lock, flags);
	if (!err)
		hal_irqchip->unmask(irq);
	return err;
}

static bool is_connected(struct list *bucket, uint32_t irq)
{
	struct irq_handler *handler;
	list_for_each_entry(handler, bucket, node) {
		if (handler->irq == irq)
			return true;
	}
	return false;
}

void irq_disconnect(struct irq_handler *handler)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	list_remove(&handler->node);
	if (!is_connected(bucket_of(handler->irq), handler->irq))
		hal_irqchip->mask(handler->irq);
	spin_unlock_irqrestore(&lock, flags);
}

void irq_route_away(cpuid_t cpu, cpuid_t to)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct irq_handler *handler;
		list_for_each_entry(handler, bucket_of(i), node) {
			if (handler->cpu != cpu)
				continue;
			if (hal_irqchip->set_target && hal_irqchip->set_target(handler->irq, to) != 0)
				log_warn("irq: %u stays with CPU %u, which goes off", handler->irq, cpu);
			else
				handler->cpu = to;
		}
	}
	spin_unlock_irqrestore(&lock, flags);
}

void irq_for_each(void (*visit)(void *arg, const struct irq_handler *handler), void *arg)
{
	for (uint32_t irq = 0; irq < IRQS_MAX; irq++) {
		struct irq_handler *handler;
		irqflags_t flags = spin_lock_irqsave(&lock);
		list_for_each_entry(handler, bucket_of(irq), node) {
			if (handler->irq == irq)
				visit(arg, handler);
		}
		spin_unlock_irqrestore(&lock, flags);
	}
}

/** A level that nobody lowers would interrupt for ever. */
static void mask_stray(uint32_t irq)
{
	unclaimed = 0;
	hal_irqchip->mask(irq);
	log_warn("irq: %u came %u times and is nobody's, masked", irq, UNCLAIMED_MAX);
}

/** Handlers run under the table's lock: they are short and take only locks below it. */
void upcall_irq(uint32_t irq)
{
	bool was_handled = false;
	spin_lock(&lock);
	if (irq < IRQS_MAX) {
		struct irq_handler *handler;
		list_for_each_entry(handler, bucket_of(irq), node) {
			if (handler->irq == irq && handler->fn(handler)) {
				handler->count++;
				was_handled = true;
			}
		}
	}
	spin_unlock(&lock);
	if (was_handled)
		unclaimed = 0;
	else if (++unclaimed >= UNCLAIMED_MAX)
		mask_stray(irq);
	if (hal_irqchip->eoi)
		hal_irqchip->eoi(irq);
}

void upcall_irq_enter(void)
{
	hal_percpu()->irq_depth++;
}

void upcall_irq_exit(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	cpu->irq_depth--;
	if (cpu->irq_depth > 0)
		return;
	bool is_user = hal_tf_is_user(tf);
	if (unlikely(cpu->is_sample_due))
		upcall_sample(is_user);
	if (!is_user)
		return;
	quiesce_report(); // what was interrupted held nothing
	exit_user_work(tf);
}

void upcall_ipi(void)
{
	smp_handle_ipi();
}
