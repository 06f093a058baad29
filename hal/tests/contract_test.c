// SPDX-License-Identifier: MIT
// The rest of the contract: every name in hal/include/hal that conformance_test.c does not call is
// called here, or, where a call would end the test (halting, leaving a stack), at least linked, so
// that a port with a name missing does not build. hal/PORTING.md says in which order to supply
// them.
#include <hal/atomic.h>
#include <hal/barrier.h>
#include <hal/bootinfo.h>
#include <hal/cache.h>
#include <hal/clock.h>
#include <hal/console.h>
#include <hal/context.h>
#include <hal/cpu.h>
#include <hal/explore.h>
#include <hal/fpu.h>
#include <hal/irqchip.h>
#include <hal/irqflags.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/power.h>
#include <hal/pte.h>
#include <hal/smp.h>
#include <hal/trapframe.h>
#include <hal/uaccess.h>
#include <lib/string.h>
#include <lib/test.h>
#include <uapi/errno.h>

TEST(hal, atomics_return_what_they_say)
{
	_Atomic uint32_t word = 5;
	_Atomic uint64_t wide = 1ull << 40;
	uint32_t expected = 9;

	EXPECT_EQ(load_relaxed(&word), 5);
	EXPECT_EQ(load_acquire(&wide), 1ull << 40);
	EXPECT_EQ(fetch_add_relaxed(&word, 1), 5);
	EXPECT_EQ(fetch_add_acq_rel(&word, 1), 6);
	EXPECT_EQ(fetch_sub_release(&word, 1), 7);
	EXPECT_EQ(fetch_sub_acq_rel(&word, 1), 6);
	EXPECT_EQ(fetch_or_acq_rel(&word, 8), 5);
	EXPECT_EQ(fetch_and_acq_rel(&word, 12), 13);
	EXPECT_EQ(exchange_acq_rel(&word, 3), 12);
	EXPECT(!cas_acquire(&word, &expected, 7));
	EXPECT_EQ(expected, 3);
	EXPECT(cas_acq_rel(&word, &expected, 7));
	store_relaxed(&word, 1);
	store_release(&wide, 2);
	fence_seq_cst();
	EXPECT_EQ(load_relaxed(&word) + load_relaxed(&wide), 3);
	hal_explore_point(&word);
}

TEST(hal, barriers_and_caches)
{
	static _Alignas(64) uint8_t code[256];

	hal_wmb_device();
	hal_rmb_device();
	hal_mb_device();
	hal_cache_sync_code(code, sizeof(code));
	hal_cache_clean(code + 3, 100);
	EXPECT_EQ(code[0], 0);
}

TEST(hal, mmio_accesses_have_their_width)
{
	_Alignas(8) uint8_t memory[16];
	vaddr_t at = (vaddr_t)memory;

	memset(memory, 0xee, sizeof(memory));
	hal_mmio_write64(at, 0x1122334455667788ull);
	EXPECT_EQ(hal_mmio_read64(at), 0x1122334455667788ull);
	hal_mmio_write32(at, 0xa0a1a2a3);
	EXPECT_EQ(hal_mmio_read32(at), 0xa0a1a2a3);
	hal_mmio_write16(at + 4, 0xb0b1);
	EXPECT_EQ(hal_mmio_read16(at + 4), 0xb0b1);
	hal_mmio_write8(at + 6, 0xc0);
	EXPECT_EQ(hal_mmio_read8(at + 6), 0xc0);
	EXPECT_EQ(hal_mmio_read64(at), 0x11c0b0b1a0a1a2a3ull);
	EXPECT_EQ(memory[8], 0xee);
}

TEST(hal, ports_only_where_there_are_some)
{
	if (!hal_has_ports())
		return;
	// Port 0x80 shows what the firmware did last, and takes anything.
	hal_port_write8(0x80, 0);
	hal_port_read8(0x80);
}

TEST(hal, contexts_know_their_kind)
{
	static _Alignas(16) uint8_t stack[HAL_KSTACK_SIZE];
	vaddr_t top = (vaddr_t)(stack + sizeof(stack));
	struct hal_context kernel, user;

	EXPECT(is_aligned((vaddr_t)hal_stack_trapframe(top), 16ul));
	EXPECT((vaddr_t)hal_stack_trapframe(top) + sizeof(struct trapframe) <= top);
	hal_context_init_kernel(&kernel, top, (void (*)(void *))hal_cpu_halt, NULL);
	EXPECT(!hal_context_is_user(&kernel));
	hal_context_set_user(&kernel);
	EXPECT(hal_context_is_user(&kernel));
	hal_context_init_user(&user, top);
	EXPECT(hal_context_is_user(&user));
}

TEST(hal, trapframe_carries_the_thread_pointer)
{
	// On the stack in use, as the frame of the thread that runs is.
	_Alignas(16) uint8_t stack[1024];
	vaddr_t top = (vaddr_t)(stack + sizeof(stack));
	struct trapframe *tf = hal_stack_trapframe(top);
	struct hal_context parent, child;

	// A parent forks itself: be the thread whose kernel stack this is.
	irqflags_t flags = hal_irq_save();
	uintptr_t entry_sp = hal_percpu()->entry_sp;
	hal_context_set_entry_stack(top);
	hal_context_init_user(&parent, top);
	hal_tf_init_user(tf, 0x1000, 0x2000);
	hal_tf_set_tls(tf, &parent, 0x7000);
	uint64_t of_parent = hal_tf_tls(tf, &parent);
	hal_context_init_user(&child, top);
	hal_context_copy_user(&child, &parent);
	static struct trapframe child_tf; // not on this stack
	child_tf = *tf;
	hal_tf_set_tls(tf, &parent, 0);
	if (entry_sp)
		hal_context_set_entry_stack(entry_sp);
	uint64_t of_child = hal_tf_tls(&child_tf, &child);
	hal_irq_restore(flags);
	EXPECT_EQ(of_parent, 0x7000);
	EXPECT_EQ(of_child, 0x7000);
}

TEST(hal, trapframe_of_a_signal_handler)
{
	uint64_t regs[64];
	struct trapframe tf;

	hal_tf_init_user(&tf, 0x1000, 0x2000);
	hal_tf_clear_syscall(&tf);
	hal_tf_set_pc(&tf, 0x3000);
	hal_tf_set_sp(&tf, 0x4000);
	for (unsigned i = 0; i < 3; i++)
		hal_tf_set_call_arg(&tf, i, i + 1);
	hal_tf_set_ipc_badge(&tf, 1);
	hal_tf_set_ipc_sender(&tf, 2);
	EXPECT_EQ(hal_tf_pc(&tf), 0x3000);
	EXPECT_EQ(hal_tf_sp(&tf), 0x4000);
	EXPECT(!hal_tf_is_syscall(&tf));
	EXPECT(hal_tf_to_elf_gregs(&tf, regs, array_len(regs)) <= array_len(regs));
	EXPECT_EQ(hal_tf_to_elf_gregs(&tf, regs, 1), 1);
	EXPECT_EQ(hal_tf_to_elf_gregs(&tf, regs, 0), 0);
}

static unsigned printed_lines;

static void count_line(const char *fmt, ...)
{
	printed_lines += fmt[0] != 0;
}

TEST(hal, trapframe_prints_itself)
{
	struct trapframe tf;

	hal_tf_init_user(&tf, 0x1000, 0x2000);
	printed_lines = 0;
	hal_tf_print(&tf, count_line);
	EXPECT(printed_lines > 0);
}

static bool count_frame(void *arg, uintptr_t pc)
{
	unsigned *count = arg;

	EXPECT(pc != 0);
	return ++*count < 64;
}

TEST(hal, backtrace_finds_callers)
{
	unsigned count = 0;

	hal_backtrace(0, count_frame, &count);
	EXPECT(count >= 2 && count <= 64);
}

// A second unit test may have been given this CPU's unit meanwhile: interrupts stay off.
TEST(hal, fpu_keeps_a_state)
{
	static _Alignas(64) uint8_t first[8192], second[8192];
	irqflags_t flags = hal_irq_save();

	EXPECT(hal_fpu_state_size() > 0 && hal_fpu_state_size() <= sizeof(first));
	if (!hal_percpu()->has_fpu) {
		// The first save may mark the state as one that was in use (x86's XSTATE_BV).
		hal_fpu_init_state(first);
		memcpy(second, first, sizeof(second));
		hal_fpu_restore(first);
		hal_fpu_save(first);
		hal_fpu_restore(first);
		hal_fpu_save(second);
		EXPECT_EQ(memcmp(first, second, hal_fpu_state_size()), 0);
		hal_fpu_switch(second, first);
		hal_fpu_save(first);
		hal_fpu_disable();
		EXPECT_EQ(memcmp(first, second, hal_fpu_state_size()), 0);
	}
	hal_irq_restore(flags);
}

TEST(hal, wait_ends_for_what_is_pending)
{
	irqflags_t flags = hal_irq_save();

	hal_ipi_send(this_cpu());
	hal_cpu_wait(); // for ever, if the interrupt is lost
	EXPECT(!hal_irq_is_enabled());
	hal_cpu_yield();
	EXPECT(!hal_irq_is_enabled());
	hal_irq_restore(flags);
	hal_irq_disable();
	hal_irq_enable();
	EXPECT(hal_irq_is_enabled());
}

TEST(hal, tlb_flushes_are_harmless)
{
	irqflags_t flags = hal_irq_save();

	EXPECT(hal_mmu_asid_bits() <= 16);
	EXPECT(is_aligned((vaddr_t)hal_mmu_kernel_root(), HAL_PAGE_SIZE));
	hal_mmu_deactivate();
	hal_tlb_flush_page(0, 0x1000);
	hal_tlb_flush_asid(0);
	hal_tlb_flush_all();
	hal_irq_restore(flags);
}

TEST(hal, random_bytes_differ)
{
	uint64_t a[2] = {0}, b[2] = {0};

	if (hal_cpu_random(a, sizeof(a)) && hal_cpu_random(b, sizeof(b)))
		EXPECT(memcmp(a, b, sizeof(a)) != 0);
}

TEST(hal, controllers_are_complete)
{
	EXPECT(hal_console && hal_console->name && hal_console->write && hal_console->read &&
	       hal_console->input_irq && hal_console->enable_input);
	EXPECT(hal_console_other != hal_console);
	EXPECT(!hal_console_other_has_log || hal_console_other);
	EXPECT(hal_irqchip && hal_irqchip->name && hal_irqchip->mask && hal_irqchip->unmask &&
	       hal_irqchip->send_ipi);
	EXPECT(hal_clock_name()[0] != 0);
	EXPECT(hal_clock_read_unordered() != 0);
	EXPECT(hal_percpu_size() >= sizeof(struct hal_percpu));
	hal_rtc_read();
	hal_cpu_hwcap();
	hal_cpu_hwcap2();
	hal_cpu_platform();
}

/** Names that a test cannot call. */
static void *const linked[] = {
	(void *)hal_clock_init,
	(void *)hal_console_init,
	(void *)hal_context_call_on_stack,
	(void *)hal_context_enter_user,
	(void *)hal_context_enter_other,
	(void *)hal_context_leave,
	(void *)hal_context_set_entry_stack,
	(void *)hal_context_swap_tls,
	(void *)hal_context_switch,
	(void *)hal_cpu_halt,
	(void *)hal_cpu_init,
	(void *)hal_ipi_send_stop,
	(void *)hal_irqchip_init,
	(void *)hal_mmu_activate,
	(void *)hal_mmu_token,
	(void *)hal_mmu_sync,
	(void *)hal_mmu_name,
	(void *)hal_mmu_enable_kernel_root,
	(void *)hal_mmu_init_user_root,
	(void *)hal_mmu_sync_new,
	(void *)hal_percpu_setup,
	(void *)hal_port_read16,
	(void *)hal_port_read32,
	(void *)hal_port_write16,
	(void *)hal_port_write32,
	(void *)hal_power_exit,
	(void *)hal_power_off,
	(void *)hal_power_reboot,
	(void *)hal_load_user_quad,
	(void *)hal_pte_is_accessed,
	(void *)hal_pte_is_dirty,
	(void *)hal_smp_can_stop,
	(void *)hal_smp_is_stopped,
	(void *)hal_smp_refusal,
	(void *)hal_smp_start_cpu,
	(void *)hal_smp_stop_self,
	(void *)hal_store_user_pair,
	(void *)hal_store_user_quad,
	(void *)hal_tf_arg,
	(void *)hal_tf_ipc_fd,
	(void *)hal_tf_restart_syscall,
	(void *)hal_tf_set_return_address,
	(void *)hal_tf_syscall_nr,
	(void *)hal_timer_init_cpu,
	(void *)hal_timer_set,
	(void *)hal_tlb_flush_kernel_page,
	(void *)hal_uaccess_fixup,
	(void *)hal_uaccess_has_fixup,
	(void *)hal_clock_is_for_users,
};

TEST(hal, nothing_is_missing)
{
	for (unsigned i = 0; i < array_len(linked); i++)
		EXPECT(linked[i] != NULL);
}
