// SPDX-License-Identifier: MIT
// Boot, from the port's hand-over to the first thread. Each line brings up one thing that the next
// ones stand on; docs/boot.md tells the same in words.
#include <hal/bootinfo.h>
#include <hal/clock.h>
#include <hal/console.h>
#include <hal/cpu.h>
#include <hal/irqchip.h>
#include <hal/mmu.h>
#include <kernel/irq.h>
#include <kernel/lockdep.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/param.h>
#include <kernel/random.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <uapi/version.h>

static void log_firmware(void)
{
	char cpu[160];
	hal_cpu_describe(0, cpu, sizeof(cpu));
	log_info("Halcyon %s on %s", HALCYON_VERSION, hal_cpu_machine());
	log_info("boot: %s%s%s", bootinfo.loader, *bootinfo.machine ? ", " : "", bootinfo.machine);
	log_info("boot: command line: %s", *bootinfo.cmdline ? bootinfo.cmdline : "(none)");
	if (bootinfo.initrd.size)
		log_info("boot: initrd of %llu KiB at 0x%llx",
			 (unsigned long long)(bootinfo.initrd.size + 1023) / 1024,
			 (unsigned long long)bootinfo.initrd.base);
	for (unsigned i = 0; bootinfo_next_warning(i); i++)
		log_warn("boot: %s", bootinfo_next_warning(i));
	log_info("cpu: %s", cpu);
}

static void log_memory(void)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		total += bootinfo.ram[i].size;
		log_debug("boot: memory 0x%llx to 0x%llx", (unsigned long long)bootinfo.ram[i].base,
			  (unsigned long long)(bootinfo.ram[i].base + bootinfo.ram[i].size - 1));
	}
	log_info("memory: %llu MiB in %u ranges, kernel %llu KiB at 0x%llx",
		 (unsigned long long)total >> 20, bootinfo.ram_count,
		 (unsigned long long)bootinfo.image.size >> 10,
		 (unsigned long long)bootinfo.image.base);
}

static void log_devices(void)
{
	log_info("console: %s%s%s", hal_console ? hal_console->name : "none",
		 hal_console_other_has_log ? ", log also on " : "",
		 hal_console_other_has_log ? hal_console_other->name : "");
	log_info("interrupts: %s", hal_irqchip->name);
	log_info("clock: %s at %llu.%03llu MHz", hal_clock_name(),
		 (unsigned long long)hal_clock_hz() / 1000000,
		 (unsigned long long)hal_clock_hz() / 1000 % 1000);
}

void upcall_boot(void)
{
	lockdep_start();
	param_init();
	(void)param_get("console"); // the port has read these already
	if (hal_mmu_name())
		(void)param_get("paging");
	log_init();
	log_firmware();
	log_memory();
	upcall_mm_init();
	hal_cpu_init();
	hal_irqchip_init();
	if (hal_irqchip->init_cpu)
		hal_irqchip->init_cpu();
	hal_clock_init();
	time_init();
	time_init_cpu();
	random_init();
	log_devices();
	smp_init();
	quiesce_init_cpu();
	upcall_sched_init();
	hal_irq_enable();
	smp_start_all();
	log_info("cpus: %u of %u online", cpus_online_count(),
		 cpus_possible_count() + bootinfo.cpus_ignored);
	bool runs_tests = CONFIG_TESTS && param_is_set("tests");
	upcall_spawn("init", runs_tests ? selftest_thread : upcall_start_user);
	hal_irq_disable();
	upcall_sched_start_cpu();
}
