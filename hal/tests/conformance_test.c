// SPDX-License-Identifier: MIT
// What every port promises in hal/include/hal, header by header, as far as one CPU can find out in a
// kernel thread. A port is finished when these pass. Left to the rooms above: switches (sched),
// faults that are resolved (mm), starting CPUs (kernel).
#include <hal/bootinfo.h>
#include <hal/clock.h>
#include <hal/cpu.h>
#include <hal/fpu.h>
#include <hal/irqflags.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/pte.h>
#include <hal/smp.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <lib/string.h>
#include <lib/test.h>
#include <uapi/errno.h>

static const unsigned prots[] = {
	HAL_PROT_READ,
	HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL,
	HAL_PROT_READ | HAL_PROT_EXEC | HAL_PROT_GLOBAL,
	HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE,
	HAL_PROT_READ | HAL_PROT_USER,
	HAL_PROT_READ | HAL_PROT_USER | HAL_PROT_SOFT,
	HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_USER,
	HAL_PROT_READ | HAL_PROT_EXEC | HAL_PROT_USER,
	HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_EXEC | HAL_PROT_USER | HAL_PROT_SOFT,
};

TEST(hal, pte_leaf_keeps_address_and_protection)
{
	for (unsigned level = 0; level < 3; level++) {
		paddr_t pa = (paddr_t)5 << (HAL_PAGE_SHIFT + HAL_PT_BITS * level);
		for (unsigned i = 0; i < array_len(prots); i++) {
			pte_t pte = hal_pte_leaf(pa, prots[i], level);
			EXPECT(hal_pte_is_present(pte));
			EXPECT(hal_pte_is_leaf(pte, level));
			EXPECT_EQ(hal_pte_paddr(pte), pa);
			EXPECT_EQ(hal_pte_prot(pte), prots[i]);
		}
	}
}

TEST(hal, pte_combining_memory_is_a_device)
{
	unsigned device = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE;
	pte_t pte = hal_pte_leaf(HAL_PAGE_SIZE, device | HAL_PROT_COMBINE, 0);
	EXPECT_EQ(hal_pte_paddr(pte), HAL_PAGE_SIZE);
	EXPECT_EQ(hal_pte_prot(pte) & ~(unsigned)HAL_PROT_COMBINE, device);
}

TEST(hal, pte_table_is_no_leaf)
{
	pte_t table = hal_pte_table(0x12345000);
	EXPECT(hal_pte_is_present(table));
	EXPECT_EQ(hal_pte_paddr(table), 0x12345000);
	for (unsigned level = 1; level < hal_pte_levels(); level++)
		EXPECT(!hal_pte_is_leaf(table, level));
	EXPECT(!hal_pte_is_present(hal_pte_none()));
	EXPECT_EQ(hal_pte_none().bits, 0);
}

/** A frame whose words are all different. */
static void fill_frame(struct trapframe *tf, uint64_t seed)
{
	hal_tf_init_user(tf, 0x10000, 0x20000);
	for (unsigned i = 0; i < 8; i++)
		hal_tf_set_ipc_word(tf, i, seed + i);
	hal_tf_set_ipc_tag(tf, seed + 8);
}

TEST(hal, trapframe_of_a_new_program)
{
	struct trapframe tf;
	memset(&tf, 0xff, sizeof(tf));
	hal_tf_init_user(&tf, 0x10000, 0x20000);
	EXPECT(hal_tf_is_user(&tf));
	EXPECT(!hal_tf_is_syscall(&tf));
	EXPECT_EQ(hal_tf_pc(&tf), 0x10000);
	EXPECT_EQ(hal_tf_sp(&tf), 0x20000);
	EXPECT_EQ(hal_tf_frame_pointer(&tf), 0);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(hal_tf_ipc_word(&tf, i), 0);
	hal_tf_set_result(&tf, -EINVAL);
	EXPECT_EQ(hal_tf_result(&tf), -EINVAL);
}

TEST(hal, trapframe_copies_no_word_too_many)
{
	for (unsigned n = 0; n <= 8; n++) {
		struct trapframe from, to;
		fill_frame(&from, 100);
		fill_frame(&to, 200);
		hal_tf_copy_ipc_words(&to, &from, n);
		for (unsigned i = 0; i < 8; i++)
			EXPECT_EQ(hal_tf_ipc_word(&to, i), (i < n ? 100 : 200) + i);
		EXPECT_EQ(hal_tf_ipc_tag(&to), 208);
		EXPECT_EQ(hal_tf_pc(&to), 0x10000);
		EXPECT_EQ(hal_tf_sp(&to), 0x20000);
	}
}

// Here the frame is the kernel's memory, which the laboratory's user copies do not reach and pointers in a
// frame may not. Floating-point state is the guest tests' affair.
TEST(hal, sigcontext_brings_all_registers_back)
{
	static _Alignas(64) uint8_t room[64 + 8192];
	if (CONFIG_HOST)
		return;
	uint64_t sc = (uintptr_t)room + HAL_SIGFRAME_UCONTEXT + HAL_UCONTEXT_MCONTEXT +
		      (HAL_SIGFRAME_RETURN_ON_STACK ? 8 : 0);
	EXPECT(hal_sigcontext_size() + (sc - (uintptr_t)room) <= sizeof(room));
	EXPECT(hal_fpu_state_size() <= HAL_FPU_STATE_MAX);
	struct trapframe tf, other;
	fill_frame(&tf, 100);
	fill_frame(&other, 200);
	hal_tf_set_pc(&other, 0x50000);
	hal_tf_set_sp(&other, 0x60000);
	memset(room, 0xff, sizeof(room));
	EXPECT_EQ(hal_sigcontext_save(sc, &tf, false), 0);
	EXPECT_EQ(hal_sigcontext_restore(&other, sc, false), 0);
	EXPECT_EQ(hal_tf_pc(&other), 0x10000);
	EXPECT_EQ(hal_tf_sp(&other), 0x20000);
	EXPECT_EQ(hal_tf_ipc_tag(&other), 108);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(hal_tf_ipc_word(&other, i), 100 + i);
	EXPECT(!hal_tf_is_syscall(&other));
}

TEST(hal, sigcontext_gives_no_privilege)
{
	static _Alignas(64) uint8_t sc[8192];
	struct trapframe tf;
	if (CONFIG_HOST)
		return;
	fill_frame(&tf, 100);
	EXPECT_EQ(hal_sigcontext_save((uintptr_t)sc, &tf, false), 0);
	for (size_t i = 0; i < hal_sigcontext_size(); i += sizeof(uint64_t)) {
		uint64_t kept, hostile = UINT64_MAX;
		memcpy(&kept, sc + i, sizeof(kept));
		memcpy(sc + i, &hostile, min(sizeof(hostile), hal_sigcontext_size() - i));
		(void)!hal_sigcontext_restore(&tf, (uintptr_t)sc, false);
		EXPECT(hal_tf_is_user(&tf));
		memcpy(sc + i, &kept, sizeof(kept));
	}
}

TEST(hal, irqflags_nest)
{
	EXPECT(hal_irq_is_enabled());
	irqflags_t outer = hal_irq_save();
	EXPECT(!hal_irq_is_enabled());
	irqflags_t inner = hal_irq_save();
	hal_irq_restore(inner);
	EXPECT(!hal_irq_is_enabled());
	hal_irq_restore(outer);
	EXPECT(hal_irq_is_enabled());
}

TEST(hal, clock_never_goes_back)
{
	EXPECT(hal_clock_hz() >= 1000);
	uint64_t last = hal_clock_read(), start = last;
	bool goes_back = false;
	for (unsigned i = 0; i < 100000 && last - start < hal_clock_hz() / 1000; i++) {
		uint64_t now = hal_clock_read();
		goes_back |= now < last;
		last = now;
	}
	EXPECT(!goes_back);
}

static DEFINE_PERCPU(uint64_t, conformance_word);

TEST(hal, percpu_areas_are_apart)
{
	irqflags_t flags = hal_irq_save();
	cpuid_t self = this_cpu();
	EXPECT(this_cpu_ptr(conformance_word) == cpu_ptr(conformance_word, self));
	EXPECT(hal_percpu_of(self) == hal_percpu());
	EXPECT(current_thread() == hal_percpu()->current);
	hal_irq_restore(flags);
	for (cpuid_t cpu = 0; cpu < bootinfo.cpu_count; cpu++) {
		if (cpu != self && hal_percpu_of(cpu))
			EXPECT(cpu_ptr(conformance_word, cpu) != cpu_ptr(conformance_word, self));
	}
}

TEST(hal, cpu_says_what_it_is)
{
	char text[160] = "";
	hal_cpu_describe(0, text, sizeof(text));
	EXPECT(text[0] != 0);
	EXPECT(hal_cpu_machine()[0] != 0);
	EXPECT(hal_cpu_elf_machine() != 0);
	uint64_t before = hal_cpu_counter();
	for (volatile unsigned i = 0; i < 1000; i++)
		hal_cpu_relax();
	EXPECT(hal_cpu_counter() >= before);
}

TEST(hal, mmu_direct_map_is_linear)
{
	EXPECT(bootinfo.ram_count > 0);
	paddr_t pa = bootinfo.image.base;
	EXPECT_EQ(hal_direct_paddr(hal_direct(pa)), pa);
	paddr_t here = hal_image_paddr(_rodata_start);
	EXPECT(here - bootinfo.image.base < bootinfo.image.size);
	EXPECT_EQ(memcmp(hal_direct(here), _rodata_start, 64), 0);
	EXPECT(HAL_KMAP_SIZE >= MIB(512));
	EXPECT(is_aligned(HAL_USER_TOP, HAL_PAGE_SIZE));
}

TEST(hal, spin_table_out_of_reach)
{
	EXPECT_EQ(hal_spin_table_release(HAL_DIRECT_SIZE, HAL_PAGE_SIZE), -ENOMEM);
}

TEST(hal, mmio_map_refuses_what_it_cannot_reach)
{
	EXPECT_EQ(hal_mmio_map(HAL_DIRECT_SIZE, HAL_PAGE_SIZE), 0);
	EXPECT_EQ(hal_mmio_map(HAL_DIRECT_SIZE - HAL_PAGE_SIZE, 2 * HAL_PAGE_SIZE), 0);
	EXPECT_EQ(hal_mmio_map(UINT64_MAX - HAL_PAGE_SIZE + 1, HAL_PAGE_SIZE), 0);
	EXPECT_EQ(hal_mmio_map(0, 0), 0);
	EXPECT_EQ(hal_mmio_map_combining(HAL_DIRECT_SIZE - HAL_PAGE_SIZE, 2 * HAL_PAGE_SIZE), 0);
}

TEST(hal, uaccess_returns_from_faults)
{
	static char buf[300];
	char *nowhere = (char *)(HAL_USER_TOP / 2 + 3);
	uint32_t *word = (uint32_t *)(HAL_USER_TOP / 2), value;
	static const size_t lens[] = {1, 7, 8, 15, 16, 63, 64, 65, 200, 300};
	for (unsigned i = 0; i < array_len(lens); i++) {
		EXPECT_EQ(hal_copy_from_user(buf, nowhere, lens[i]), lens[i]);
		EXPECT_EQ(hal_copy_to_user(nowhere, buf, lens[i]), lens[i]);
		EXPECT_EQ(hal_clear_user(nowhere, lens[i]), lens[i]);
	}
	EXPECT_EQ(hal_copy_from_user(buf, nowhere, 0), 0);
	EXPECT_EQ(hal_strncpy_from_user(buf, nowhere, sizeof(buf)), -EFAULT);
	EXPECT_EQ(hal_load_user32(word, &value), -EFAULT);
	EXPECT_EQ(hal_store_user32(word, 1), -EFAULT);
	EXPECT_EQ(hal_cas_user32(word, 0, 1, &value), -EFAULT);
	EXPECT(hal_irq_is_enabled());
}
