// SPDX-License-Identifier: MIT
// The consoles as terminals. A console's interrupt puts bytes into its ring; its thread `tty` takes
// them through the line discipline, because echo and signals are not for interrupt handlers. A console
// without an interrupt is looked at by the thread 100 times a second. The first is /dev/console.
#include <hal/console.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <uapi/errno.h>
#include <fs/fs.h>
#include <fs/vnode.h>
#include <sched/sched.h>
#include <sched/thread.h>
#include <dev/dev.h>

#include "pty.h"

// A power of two. init's allowances of input (docs/exec.md) fit, were every byte doubled: the
// UART's driver cannot tell the other end to wait.
#define RING 16384
#define POLL_INTERVAL (10 * NSEC_PER_MSEC)
#define BATCH 64

#define MAJOR_TTYAUX 5
#define MAJOR_SERIAL 4 // tty1 is minor 1, ttyS0 64
#define MAJOR_AMBA 204 // ttyAMA0 is minor 64
#define MAJOR_HVC 229
#define CONSOLES_MAX 2 // hal_console and hal_console_other

static struct console {
	const struct console_ops *ops; // NULL: no console at all, only its terminal
	struct tty tty;
	char name[16];
	struct fs_chrdev chrdev;
	/** Bytes received, not yet seen by the line discipline. Positions only grow. */
	struct {
		struct sched_waitq wq; // its lock covers all of this
		uint32_t head, tail;
		uint8_t bytes[RING];
	} input;
	struct irq_handler irq_handler;
	bool is_polled;
} consoles[CONSOLES_MAX];
static unsigned console_count;

static struct console *console_of(struct tty *tty)
{
	return container_of(tty, struct console, tty);
}

/** Empty the device (input lock held). */
static bool collect(struct console *console)
{
	uint32_t before = console->input.head;
	int c;
	while ((c = console->ops->read()) >= 0) {
		if (console->input.head - console->input.tail < RING)
			console->input.bytes[console->input.head++ % RING] = (uint8_t)c;
	}
	return console->input.head != before;
}

static void collect_and_wake(struct console *console)
{
	if (collect(console))
		sched_waitq_wake_one_locked(&console->input.wq);
}

static bool handle_irq(struct irq_handler *self)
{
	struct console *console = container_of(self, struct console, irq_handler);
	spin_lock(&console->input.wq.lock);
	collect_and_wake(console);
	spin_unlock(&console->input.wq.lock);
	// Also when there was nothing: a PLIC keeps an interrupt that came and went while the one
	// before it was handled.
	return true;
}

static bool can_work(struct console *console)
{
	if (console->is_polled)
		collect(console);
	return console->input.head != console->input.tail && !load_acquire(&console->tty.is_stuck);
}

static void wait_for_work(struct console *console)
{
	irqflags_t flags = spin_lock_irqsave(&console->input.wq.lock);
	while (!can_work(console))
		(void)sched_waitq_wait(&console->input.wq, &flags,
				       console->is_polled ? time_now() + POLL_INTERVAL : NSEC_NEVER,
				       0, 0);
	spin_unlock_irqrestore(&console->input.wq.lock, flags);
}

static void input_thread(void *arg)
{
	struct console *console = arg;
	uint8_t batch[BATCH];
	for (;;) {
		wait_for_work(console);
		// Only this thread moves the tail, and bytes behind the head stay as they are.
		uint32_t tail = console->input.tail, n = 0;
		irqflags_t flags = spin_lock_irqsave(&console->input.wq.lock);
		while (n < BATCH && tail + n != console->input.head) {
			batch[n] = console->input.bytes[(tail + n) % RING];
			n++;
		}
		spin_unlock_irqrestore(&console->input.wq.lock, flags);
		size_t used = tty_receive(&console->tty, batch, n);
		flags = spin_lock_irqsave(&console->input.wq.lock);
		console->input.tail += (uint32_t)used;
		spin_unlock_irqrestore(&console->input.wq.lock, flags);
	}
}

static void output(struct tty *tty, const char *text, size_t len)
{
	struct console *console = console_of(tty);
	console_write(console->ops, text, len);
	if (!console->ops || !console->ops->size)
		return;
	// A screen may answer what was written.
	irqflags_t flags = spin_lock_irqsave(&console->input.wq.lock);
	collect_and_wake(console);
	spin_unlock_irqrestore(&console->input.wq.lock, flags);
}

static size_t room(struct tty *tty)
{
	(void)tty;
	return SIZE_MAX; // console_write() waits for the device itself
}

static void input_room(struct tty *tty)
{
	sched_waitq_wake_one(&console_of(tty)->input.wq);
}

static const struct tty_ops console_ops = {
	.output = output,
	.room = room,
	.input_room = input_room,
};

static err_t open_tty(uint32_t minor, uint32_t open_flags, struct file **file)
{
	for (unsigned i = 0; i < console_count; i++) {
		if ((consoles[i].tty.rdev & 0xff) == minor)
			return tty_open(&consoles[i].tty, open_flags, false, file);
	}
	return -ENXIO;
}

/** /dev/tty is 5:0, /dev/console 5:1, /dev/ptmx 5:2. */
static err_t open_aux(uint32_t minor, uint32_t open_flags, struct file **file)
{
	if (minor == 2)
		return pty_open_master(open_flags, file);
	if (minor == 1)
		return tty_open(&consoles[0].tty, open_flags, true, file);
	struct tty *tty = tty_controlling();
	return tty ? tty_open(tty, open_flags | O_NOCTTY, false, file) : -ENXIO;
}

static struct fs_chrdev aux_chrdev = {
	.major = MAJOR_TTYAUX,
	.minor_first = 0,
	.minor_count = 3,
	.name = "tty",
	.open = open_aux,
};

/** Linux's number of the device called @name. */
static uint64_t number_of(const char *name)
{
	const char *digits = name + strlen(name);
	uint64_t index = 0;
	while (digits > name && digits[-1] >= '0' && digits[-1] <= '9')
		digits--;
	(void)parse_u64(digits, 10, &index, NULL);
	if (str_has_prefix(name, "ttyAMA"))
		return FS_MKDEV(MAJOR_AMBA, 64 + index);
	if (str_has_prefix(name, "ttyS"))
		return FS_MKDEV(MAJOR_SERIAL, 64 + index);
	if (str_has_prefix(name, "tty"))
		return FS_MKDEV(MAJOR_SERIAL, index);
	return FS_MKDEV(MAJOR_HVC, index);
}

static void start_input(struct console *console)
{
	uint32_t irq = console->ops->input_irq();
	console->is_polled = true;
	if (irq != UINT32_MAX) {
		console->irq_handler.fn = handle_irq;
		// All UARTs here hold their line until they are read, and so does the i8042.
		err_t err = irq_connect(&console->irq_handler, irq, HAL_IRQ_LEVEL_HIGH, console->name);
		if (err)
			log_warn("dev: interrupt %u of %s: error %d; it is polled", irq,
				 console->name, -err);
		console->is_polled = err != 0;
	}
	struct thread *thread = thread_create_kernel("tty", input_thread, console);
	if (!thread) {
		log_error("dev: no memory for the input of %s", console->name);
		return;
	}
	console->ops->enable_input();
	sched_start(thread);
}

static void set_size(struct console *console)
{
	// A serial line does not tell; full-screen programs need some size.
	unsigned columns = 80, rows = 24;
	if (console->ops && console->ops->size)
		console->ops->size(&columns, &rows);
	console->tty.size = (struct winsize){.rows = (uint16_t)rows, .columns = (uint16_t)columns};
}

static void add_console(const struct console_ops *ops)
{
	struct console *console = &consoles[console_count++];

	console->ops = ops;
	strlcpy(console->name, ops ? ops->name : "ttyS0", sizeof(console->name));
	sched_waitq_init(&console->input.wq);
	uint64_t rdev = number_of(console->name);
	tty_setup(&console->tty, &console_ops, rdev);
	set_size(console);
	console->chrdev = (struct fs_chrdev){
		.major = (uint32_t)(rdev >> 8),
		.minor_first = (uint32_t)(rdev & 0xff),
		.minor_count = 1,
		.name = console->name,
		.open = open_tty,
	};
	fs_chrdev_register(&console->chrdev);
	if (ops)
		start_input(console);
}

void console_init(void)
{
	add_console(hal_console);
	if (hal_console_other)
		add_console(hal_console_other);
	fs_chrdev_register(&aux_chrdev);
}

void console_for_each(void (*visit)(const char *name, uint32_t mode, uint64_t rdev))
{
	for (unsigned i = 0; i < console_count; i++)
		visit(consoles[i].name, FS_IFCHR | 0600, consoles[i].tty.rdev);
}

struct file *dev_console_open(void)
{
	struct file *file;
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = "/dev/console"};
	// By its name, so that fstat() and /proc show what it is.
	if (fs_open(&at, O_RDWR, 0, &file) == 0)
		return file;
	return tty_open(&consoles[0].tty, O_RDWR, true, &file) == 0 ? file : NULL;
}
