// SPDX-License-Identifier: MIT
// Device rights, on QEMU's `edu`: who opens a device, and what it gives: registers, memory, an interrupt
// that stays masked until it is acknowledged. Nothing of it outlives the last descriptor or a revocation:
// mappings fault, interrupts and DMA stop; and the next owner finds it in order.
// guest: CPUS 4 DEVICE edu,dma_mask=0xffffffff
#include <setjmp.h>

#include "ipc.h"

#define PAGE 4096ul
#define BAR_SIZE (1ul << 20)
#define EDU IPC_DEVICE_ID(0x1234, 0x11e8)
// Registers, in words (QEMU's docs/specs/edu).
enum { ID = 0, LIVENESS = 1, IRQ_STATUS = 0x24 / 4, IRQ_RAISE = 0x60 / 4, IRQ_ACK = 0x64 / 4,
       DMA_SOURCE = 0x80 / 4, DMA_TARGET = 0x88 / 4, DMA_COUNT = 0x90 / 4, DMA_COMMAND = 0x98 / 4 };
enum { DMA_RUN = 1, DMA_TO_RAM = 2, DMA_TELL = 4 };
#define IRQ_DMA 0x100u
#define EDU_BUFFER 0x40000u // as the DMA engine sees it

static long root;

static long give(long fd, uint64_t what, uint64_t a, uint64_t b)
{
	return ipc3(IPC_DEVICE, fd, what, a, b);
}

static long open_edu(void)
{
	long device = give(root, IPC_DEVICE_OPEN, EDU, 0);
	CHECK(device >= 0);
	return device;
}

static volatile uint32_t *map_bar(long device)
{
	long bar = give(device, IPC_DEVICE_BAR, 0, 0);
	CHECK(bar >= 0);
	void *at = mmap(NULL, BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, (int)bar, 0);
	CHECK(at != MAP_FAILED);
	CHECK_IS(close((int)bar), 0); // the mapping holds it
	return at;
}

/** Memory of @size bytes that the device reaches at *@address. */
static volatile uint8_t *map_dma(long device, uint64_t size, uint64_t *address)
{
	struct message m = { .tag = IPC_DEVICE_DMA, .words = { size } };
	long region = ipc(IPC_DEVICE, device, &m);
	CHECK(region >= 0);
	*address = m.tag;
	CHECK(*address && *address % PAGE == 0);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (int)region, 0);
	CHECK(at != MAP_FAILED);
	CHECK_IS(close((int)region), 0);
	return at;
}

static void start_dma(volatile uint32_t *regs, uint64_t from, uint64_t to, uint32_t count, uint32_t command)
{
	regs[DMA_SOURCE] = (uint32_t)from;
	regs[DMA_TARGET] = (uint32_t)to;
	regs[DMA_COUNT] = count;
	regs[DMA_COMMAND] = command | DMA_RUN;
}

static void until_dma_done(volatile uint32_t *regs)
{
	while (regs[DMA_COMMAND] & DMA_RUN)
		sleep_ms(5);
}

static sigjmp_buf escape;
static void caught(int sig)
{
	siglongjmp(escape, sig);
}

/** The signal that reading @at gives; 0: none. */
static int fault(volatile uint32_t *at)
{
	int sig = sigsetjmp(escape, 1);
	if (!sig)
		(void)*at;
	return sig;
}

static void check_rights(void)
{
	CHECK_IS(give(root, 7, 0, 0), -EBADF); // of a device, which this is not
	CHECK_IS(give(root, IPC_DEVICE_BAR, 0, 0), -EBADF);
	CHECK_IS(give(99, IPC_DEVICE_OPEN, EDU, 0), -EBADF);
	CHECK_IS(give(root, IPC_DEVICE_OPEN, EDU, 1), -ENODEV);
	CHECK_IS(give(root, IPC_DEVICE_OPEN, EDU | 1ul << 32, 0), -ENODEV);
	long idle = ipc_restrict(root, IPC_RIGHT_GRANT);
	CHECK_IS(give(idle, IPC_DEVICE_OPEN, EDU, 0), -EPERM);
	CHECK_IS(close((int)idle), 0);

	long device = open_edu();
	CHECK_IS(give(root, IPC_DEVICE_OPEN, EDU, 0), -EBUSY);
	CHECK_IS(give(device, IPC_DEVICE_OPEN, EDU, 0), -EBADF);
	CHECK_IS(give(device, 7, 0, 0), -EINVAL);
	CHECK_IS(give(device, IPC_DEVICE_BAR, 1, 0), -ENODEV);
	CHECK_IS(give(device, IPC_DEVICE_BAR, 6, 0), -ENODEV);
	CHECK_IS(give(device, IPC_DEVICE_BAR, UINT64_MAX, 0), -ENODEV);
	CHECK_IS(give(device, IPC_DEVICE_DMA, 0, 0), -EINVAL);
	CHECK_IS(give(device, IPC_DEVICE_DMA, (4ul << 20) + 1, 0), -EINVAL);
	CHECK_IS(give(device, IPC_DEVICE_DMA, UINT64_MAX, 0), -EINVAL);
	CHECK_IS(ipc3(IPC_IRQ_ACK, device, 0, 0, 0), -EINVAL);
	CHECK_IS(ipc3(IPC_IRQ_ACK, root, 0, 0, 0), -EBADF);
	long n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0), signals = ipc_mint(n, IPC_RIGHT_SEND, 1);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)n, 0), -EINVAL);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)signals, 2), -EPERM);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)device, 1), -EBADF);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)n, 1), 0);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)n, 1), -EBUSY);
	long less = ipc_restrict(device, IPC_RIGHT_GRANT);
	CHECK_IS(give(less, IPC_DEVICE_BAR, 0, 0), -EPERM);
	CHECK_IS(give(less, IPC_DEVICE_IRQ, (uint64_t)n, 1), -EPERM);
	CHECK_IS(ipc3(IPC_IRQ_ACK, less, 0, 0, 0), -EPERM);

	long bar = give(device, IPC_DEVICE_BAR, 0, 0);
	CHECK_IS(ipc3(IPC_REGION_MOVE, bar, 0, 0, 0), -EPERM);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, (int)bar, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, (int)bar, 0), EACCES);
	// With it go the rights, though one descriptor is left.
	CHECK_IS(close((int)device), 0);
	device = open_edu();
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, (int)bar, 0), ENXIO);
	CHECK_IS(close((int)bar) | close((int)less) | close((int)n) | close((int)signals) | close((int)device), 0);
	for (int i = 0; i < 8; i++) {
		device = open_edu();
		for (int j = 0; j < 8; j++)
			CHECK(give(device, IPC_DEVICE_DMA, PAGE * (1ul << j), 0) >= 0);
		CHECK_IS(give(device, IPC_DEVICE_DMA, 1, 0), -ENOSPC);
		CHECK_IS(close((int)device), 0);
	}
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setuid(1000), 0);
		CHECK_ERRNO(open("/run/devices", O_RDWR), EACCES);
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void *send_long(void *endpoint)
{
	struct message m = { 0 };
	struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)"a long message", .send_bytes = 14 };
	until_blocked(getpid(), getpid()); // so that it is the sender who copies
	CHECK_IS(ipc_with(IPC_SEND, *(long *)endpoint, &m, &block), 0);
	return NULL;
}

static void check_registers(void)
{
	long device = open_edu();
	volatile uint32_t *regs = map_bar(device);
	CHECK_IS(regs[ID] & 0xff, 0xed);
	regs[LIVENESS] = 0x12345678;
	CHECK_IS(regs[LIVENESS], (uint32_t)~0x12345678u);
	void *base = (void *)(uintptr_t)regs;
	CHECK_ERRNO(mprotect(base, PAGE, PROT_READ | PROT_EXEC), EACCES);
	CHECK_IS(mprotect(base, PAGE, PROT_NONE), 0);
	CHECK_IS(fault(regs), SIGSEGV);
	CHECK_IS(mprotect(base, PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_IS(regs[ID] & 0xff, 0xed);
	// The kernel copies there like a program does, byte by byte maybe: edu minds, the kernel does not.
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	CHECK_IS(write(pipes[1], "abcd", 4), 4);
	ssize_t n = read(pipes[0], (char *)base + 4, 4);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	n = write(pipes[1], (char *)base + 1, 2);
	CHECK(n == 2 || (n == -1 && errno == EFAULT));
	CHECK_IS(close(pipes[0]) | close(pipes[1]), 0);
	// Another's thread copies a long message only to memory that has frames.
	long endpoint = ipc_endpoint();
	pthread_t sender = start_thread(send_long, &endpoint);
	struct message m = { 0 };
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_at = (uintptr_t)base, .recv_bytes = PAGE };
	CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), -EFAULT);
	char text[16];
	block.recv_at = (uintptr_t)text;
	block.recv_bytes = sizeof(text);
	m = (struct message){ 0 };
	CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), 0);
	CHECK(memcmp(text, "a long message", 14) == 0);
	CHECK_IS(pthread_join(sender, NULL) | close((int)endpoint), 0);
	// It is not a child's.
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(fault(regs), SIGSEGV);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(fault(regs), 0);
	void *moved = mremap(base, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && fault(moved) == 0 && (*(volatile uint32_t *)moved & 0xff) == 0xed);
	CHECK_IS(munmap(moved, 2 * PAGE) | close((int)device), 0);
	volatile uint32_t *rest = regs + PAGE * 2 / 4;
	CHECK_IS(fault(rest), SIGBUS);
	CHECK_IS(munmap((char *)base + PAGE, BAR_SIZE - PAGE), 0);
}

/** The bits of @n, waiting @ms for them; 0: none came. */
static uint64_t bits_of(long n, int ms)
{
	struct message m = { .tag = ~0ul, .words = { (uint64_t)(now_ns(CLOCK_MONOTONIC) + ms * 1000000ll) } };
	long status = ipc(IPC_WAIT, n, &m);
	CHECK(status == 0 || status == -ETIMEDOUT);
	return status ? 0 : m.tag;
}

static void check_interrupt(void)
{
	long device = open_edu(), n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	volatile uint32_t *regs = map_bar(device);
	regs[IRQ_RAISE] = 4; // raised before anybody wants it
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)n, 0x10), 0);
	regs[IRQ_ACK] = 4;
	do { // a line was up; a message was lost, or comes late: what is taken is acknowledged
		CHECK_IS(ipc3(IPC_IRQ_ACK, device, 0, 0, 0), 0);
	} while (bits_of(n, 20));
	for (int round = 0; round < 100; round++) {
		regs[IRQ_RAISE] = 1;
		CHECK_IS(bits_of(n, 60000), 0x10);
		CHECK_IS(regs[IRQ_STATUS], 1);
		regs[IRQ_RAISE] = 2; // while it is masked
		regs[IRQ_ACK] = 1;
		CHECK_IS(bits_of(n, 1), 0);
		CHECK_IS(ipc3(IPC_IRQ_ACK, device, 0, 0, 0), 0);
		CHECK_IS(bits_of(n, 60000), 0x10); // not lost
		CHECK_IS(regs[IRQ_STATUS], 2);
		regs[IRQ_ACK] = 2;
		CHECK_IS(ipc3(IPC_IRQ_ACK, device, 0, 0, 0), 0);
		CHECK_IS(bits_of(n, 0), 0);
	}
	// A device that is closed with its interrupt raised does not disturb anybody.
	regs[IRQ_RAISE] = 8;
	CHECK_IS(close((int)device), 0);
	CHECK_IS(fault(regs), SIGBUS);
	device = open_edu();
	volatile uint32_t *again = map_bar(device);
	again[IRQ_ACK] = 8;
	CHECK_IS(munmap((void *)(uintptr_t)regs, BAR_SIZE) | munmap((void *)(uintptr_t)again, BAR_SIZE), 0);
	CHECK_IS(close((int)device) | close((int)n), 0);
}

static void check_dma(void)
{
	uint64_t address;
	long device = open_edu(), n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	volatile uint32_t *regs = map_bar(device);
	volatile uint8_t *memory = map_dma(device, 4 * PAGE, &address);
	CHECK_IS(give(device, IPC_DEVICE_IRQ, (uint64_t)n, 1), 0);
	for (unsigned long i = 0; i < 4 * PAGE; i++)
		CHECK(memory[i] == 0);
	for (unsigned long i = 0; i < PAGE; i++)
		memory[i + PAGE / 2] = (uint8_t)(i * 7); // over the edge of a page
	start_dma(regs, address + PAGE / 2, EDU_BUFFER, PAGE, DMA_TELL);
	CHECK_IS(bits_of(n, 60000), 1);
	CHECK_IS(regs[IRQ_STATUS], IRQ_DMA);
	regs[IRQ_ACK] = IRQ_DMA;
	CHECK_IS(ipc3(IPC_IRQ_ACK, device, 0, 0, 0), 0);
	start_dma(regs, EDU_BUFFER, address + 2 * PAGE + 8, PAGE, DMA_TELL | DMA_TO_RAM);
	CHECK_IS(bits_of(n, 60000), 1);
	for (unsigned long i = 0; i < PAGE; i++)
		CHECK(memory[2 * PAGE + 8 + i] == (uint8_t)(i * 7));
	regs[IRQ_ACK] = IRQ_DMA;

	CHECK_IS(munmap((void *)(uintptr_t)regs, BAR_SIZE) | munmap((void *)(uintptr_t)memory, 4 * PAGE), 0);
	CHECK_IS(close((int)device) | close((int)n), 0);
}

/** What was started and is not done when its owner leaves is not done any more. False: this time it was done
 *  before, by edu's clock: it takes 100 ms. */
static bool check_dma_stops(void)
{
	uint64_t address, second;
	long device = open_edu();
	volatile uint32_t *regs = map_bar(device);
	volatile uint8_t *memory = map_dma(device, PAGE, &address);
	memory[0] = 0x55;
	int64_t start = now_ns(CLOCK_MONOTONIC);
	start_dma(regs, address, EDU_BUFFER, 1, 0);
	CHECK_IS(close((int)device), 0);
	bool was_quick = now_ns(CLOCK_MONOTONIC) - start < 50000000;
	CHECK_IS(fault(regs), SIGBUS);
	CHECK_IS(fault((volatile uint32_t *)memory), SIGBUS);
	sleep_ms(300);
	device = open_edu();
	volatile uint32_t *again = map_bar(device);
	until_dma_done(again);
	volatile uint8_t *own = map_dma(device, PAGE, &second);
	own[0] = 0x77;
	start_dma(again, EDU_BUFFER, second, 1, DMA_TO_RAM);
	until_dma_done(again);
	CHECK(own[0] != 0x77);
	CHECK(!was_quick || own[0] != 0x55);
	CHECK_IS(munmap((void *)(uintptr_t)regs, BAR_SIZE) | munmap((void *)(uintptr_t)again, BAR_SIZE), 0);
	CHECK_IS(munmap((void *)(uintptr_t)memory, PAGE) | munmap((void *)(uintptr_t)own, PAGE), 0);
	CHECK_IS(close((int)device), 0);
	return was_quick;
}

/** A descriptor from which a device was opened is revoked while another process uses the device. */
static void check_revoke(void)
{
	volatile uint32_t *progress = shared_memory(PAGE);
	for (int round = 0; round < 10; round++) {
		long given = ipc_restrict(root, IPC_RIGHT_RECV | IPC_RIGHT_GRANT);
		*progress = 0;
		pid_t child = check_fork();
		if (child == 0) {
			long device = give(given, IPC_DEVICE_OPEN, EDU, 0);
			volatile uint32_t *regs = map_bar(device);
			if (sigsetjmp(escape, 1) == 0) {
				for (;;)
					*progress = regs[ID] & 0xff;
			}
			CHECK_IS(give(device, IPC_DEVICE_BAR, 0, 0), -EBADF);
			_exit(0);
		}
		while (!*progress)
			sched_yield();
		CHECK_IS(give(root, IPC_DEVICE_OPEN, EDU, 0), -EBUSY);
		CHECK_IS(ipc_revoke(root), 0);
		CHECK_IS(give(given, IPC_DEVICE_OPEN, EDU, 0), -EBADF);
		CHECK_IS(close((int)open_edu()), 0); // nobody has it any more
		CHECK_CHILD(child);
		CHECK_IS(close((int)given), 0);
		// One by badge: of a region's descriptors, and not those beside it in the tree.
		long device = open_edu(), bar = give(device, IPC_DEVICE_BAR, 0, 0);
		struct message m = { .tag = IPC_REVOKE_BADGE, .words = { 0 } };
		CHECK_IS(ipc(IPC_REVOKE, bar, &m), 0);
		CHECK(give(device, IPC_DEVICE_BAR, 0, 0) >= 0);
		CHECK_IS(close((int)device) | close((int)bar), 0);
	}
	CHECK_IS(munmap((void *)(uintptr_t)progress, PAGE), 0);
}

static void *open_and_close(void *unused)
{
	(void)unused;
	for (long i = 0; i < rounds(300, 5000); i++) {
		long device = give(root, IPC_DEVICE_OPEN, EDU, 0);
		if (device == -EBUSY)
			continue;
		CHECK(device >= 0);
		volatile uint32_t *regs = map_bar(device);
		CHECK_IS(regs[ID] & 0xff, 0xed);
		CHECK_IS(close((int)device), 0);
		CHECK_IS(munmap((void *)(uintptr_t)regs, BAR_SIZE), 0);
	}
	return NULL;
}

/** Several ask for the device at a time; one has it. */
static void check_race(void)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		threads[i] = start_thread(open_and_close, NULL);
	for (int i = 0; i < 3; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(close((int)open_edu()), 0);
}

int main(void)
{
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_NODEFER };
	CHECK_IS(sigaction(SIGSEGV, &action, NULL) | sigaction(SIGBUS, &action, NULL), 0);
	root = open("/run/devices", O_RDWR | O_CLOEXEC);
	CHECK(root >= 0);
	check_rights();
	check_registers();
	check_interrupt();
	check_dma();
	while (!check_dma_stops())
		;
	check_revoke();
	check_race();
	return 0;
}
