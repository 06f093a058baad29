// SPDX-License-Identifier: MIT
// The console as a terminal. Its interrupt puts bytes into a ring; the thread `tty` takes them
// through the line discipline, because echo and signals are not for interrupt handlers. A console
// without an interrupt is looked at by the thread 100 times a second.
#include <hal/console.h>
#include <kernel/irq.h>
#include <kernel/log.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <uapi/errno.h>
#include <fs/fs.h>
#include <fs/vnode.h>
#include <dev/dev.h>

#include "pty.h"

// A power of two. init's allowances of input (docs/exec.md) fit, were every byte doubled: the
// UART's driver cannot tell the other end to wait.
#define RING 16384
#define POLL_INTERVAL (10 * NSEC_PER_MSEC)
#define BATCH 64

#define MAJOR_TTYAUX 5
#define MAJOR_SERIAL 4 // ttyS0 is minor 64
#define MAJOR_AMBA 204 // ttyAMA0 is minor 64
#define MAJOR_HVC 229

struct tty console_tty;
char console_tty_name[16] = "ttyS0";

/** Bytes received, not yet seen by the line discipline. Positions only grow. */
static struct {
	struct sched_waitq wq; // its lock covers all of this
	uint32_t head, tail;
	uint8_t bytes[RING];
} input;
static struct irq_handler irq_handler;
static bool is_polled;

static void put_input(uint8_t c)
{
	if (input.head - input.tail < RING)
		input.bytes[input.head++ % RING] = c;
}

/** Empty the device (input lock held). */
static bool collect(void)
{
	uint32_t before = input.head;
	int c;
	while ((c = hal_console->read()) >= 0)
		put_input((uint8_t)c);
	return input.head != before;
}

static bool handle_irq(struct irq_handler *self)
{
	(void)self;
	spin_lock(&input.wq.lock);
	bool has_more = collect();
	if (has_more)
		sched_waitq_wake_one_locked(&input.wq);
	spin_unlock(&input.wq.lock);
	// Also when there was nothing: a PLIC keeps an interrupt that came and went while the one
	// before it was handled.
	return true;
}

static bool can_work(void)
{
	if (is_polled)
		collect();
	return input.head != input.tail && !load_acquire(&console_tty.is_stuck);
}

static void wait_for_work(void)
{
	irqflags_t flags = spin_lock_irqsave(&input.wq.lock);
	while (!can_work())
		(void)sched_waitq_wait(&input.wq, &flags,
				       is_polled ? time_now() + POLL_INTERVAL : NSEC_NEVER, 0, 0);
	spin_unlock_irqrestore(&input.wq.lock, flags);
}

static void input_thread(void *unused)
{
	uint8_t batch[BATCH];
	(void)unused;
	for (;;) {
		wait_for_work();
		// Only this thread moves the tail, and bytes behind the head stay as they are.
		uint32_t tail = input.tail, n = 0;
		irqflags_t flags = spin_lock_irqsave(&input.wq.lock);
		while (n < BATCH && tail + n != input.head) {
			batch[n] = input.bytes[(tail + n) % RING];
			n++;
		}
		spin_unlock_irqrestore(&input.wq.lock, flags);
		size_t used = tty_receive(&console_tty, batch, n);
		flags = spin_lock_irqsave(&input.wq.lock);
		input.tail += (uint32_t)used;
		spin_unlock_irqrestore(&input.wq.lock, flags);
	}
}

static void output(struct tty *tty, const char *text, size_t len)
{
	(void)tty;
	console_write(text, len);
}

static size_t room(struct tty *tty)
{
	(void)tty;
	return SIZE_MAX; // console_write() waits for the device itself
}

static void input_room(struct tty *tty)
{
	(void)tty;
	sched_waitq_wake_one(&input.wq);
}

static const struct tty_ops console_ops = {
	.output = output,
	.room = room,
	.input_room = input_room,
};

static err_t open_tty(uint32_t minor, uint32_t open_flags, struct file **file)
{
	(void)minor;
	return tty_open(&console_tty, open_flags, false, file);
}

/** /dev/tty is 5:0, /dev/console 5:1, /dev/ptmx 5:2. */
static err_t open_aux(uint32_t minor, uint32_t open_flags, struct file **file)
{
	if (minor == 2)
		return pty_open_master(open_flags, file);
	if (minor == 1)
		return tty_open(&console_tty, open_flags, true, file);
	struct tty *tty = tty_controlling();
	return tty ? tty_open(tty, open_flags | O_NOCTTY, false, file) : -ENXIO;
}

static struct fs_chrdev tty_chrdev = {
	.minor_count = 1,
	.name = console_tty_name,
	.open = open_tty,
};
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
	return FS_MKDEV(MAJOR_HVC, index);
}

static void start_input(void)
{
	uint32_t irq = hal_console->input_irq();
	is_polled = true;
	if (irq != UINT32_MAX) {
		irq_handler.fn = handle_irq;
		// All UARTs here hold their line until they are read.
		err_t err = irq_connect(&irq_handler, irq, HAL_IRQ_LEVEL_HIGH, console_tty_name);
		if (err)
			log_warn("dev: interrupt %u of the console: error %d; it is polled", irq,
				 -err);
		is_polled = err != 0;
	}
	hal_console->enable_input();
	upcall_spawn("tty", input_thread);
}

void console_init(void)
{
	sched_waitq_init(&input.wq);
	if (hal_console)
		strlcpy(console_tty_name, hal_console->name, sizeof(console_tty_name));
	uint64_t rdev = number_of(console_tty_name);
	tty_setup(&console_tty, &console_ops, rdev);
	// A serial line does not tell; full-screen programs need some size.
	console_tty.size = (struct winsize){.rows = 24, .columns = 80};
	tty_chrdev.major = (uint32_t)(rdev >> 8);
	tty_chrdev.minor_first = (uint32_t)(rdev & 0xff);
	fs_chrdev_register(&tty_chrdev);
	fs_chrdev_register(&aux_chrdev);
	if (hal_console)
		start_input();
}

struct file *dev_console_open(void)
{
	struct file *file;
	struct fs_at at = {FS_AT_CWD, "/dev/console"};
	// By its name, so that fstat() and /proc show what it is.
	if (fs_open(&at, O_RDWR, 0, &file) == 0)
		return file;
	return tty_open(&console_tty, O_RDWR, true, &file) == 0 ? file : NULL;
}
