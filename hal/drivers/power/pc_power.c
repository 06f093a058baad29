// SPDX-License-Identifier: MIT
// Ways to end a PC: ACPI's soft off and reset register, the chipset's reset port, the keyboard
// controller, and QEMU's exit device. Each is tried for a moment before the next.
#include <drivers/pc.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/mmio.h>
#include <hal/power.h>

#define PM1_SLP_TYP_SHIFT 10
#define PM1_SCI_EN 1u
#define PM1_SLP_EN (1u << 13)
#define PM1_KEEP 0xc3ffu // all but SLP_TYP and SLP_EN
#define SLEEP_CONTROL_TYP_SHIFT 2 // hardware-reduced ACPI
#define SLEEP_CONTROL_EN (1u << 5)
#define PORT_RESET 0xcf9
#define PORT_KEYBOARD 0x64
#define PORT_DEBUG_EXIT 0xf4
#define WAIT_READS 100000

static vaddr_t mapped_a, mapped_b, mapped_reset, mapped_sleep;

static void wait_a_moment(void)
{
	for (unsigned i = 0; i < WAIT_READS; i++)
		(void)hal_port_read8(0x80); // about 1 µs each on a PC
}

/** Hand the power registers from the firmware to us, where they are still its own. */
static void enable_acpi(void)
{
	const struct acpi_fadt *fadt = &pc_info.fadt;
	if (fadt->smi_cmd == 0 || fadt->smi_cmd > UINT16_MAX || fadt->acpi_enable == 0 ||
	    fadt->pm1a_cnt.addr == 0)
		return;
	if (pc_gas_read(&fadt->pm1a_cnt, &mapped_a) & PM1_SCI_EN)
		return;
	hal_port_write8((uint16_t)fadt->smi_cmd, fadt->acpi_enable);
	wait_a_moment();
}

static void sleep_by_pm1(const struct acpi_gas *gas, vaddr_t *mapped, uint8_t typ)
{
	if (gas->addr == 0)
		return;
	uint32_t keep = pc_gas_read(gas, mapped) & PM1_KEEP;
	pc_gas_write(gas, mapped, keep | (uint32_t)typ << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
}

noreturn_fn void hal_power_off(void)
{
	const struct acpi_fadt *fadt = &pc_info.fadt;

	hal_irq_disable();
	if (pc_info.has_fadt && pc_info.has_s5) {
		if (fadt->sleep_control.addr != 0)
			pc_gas_write(&fadt->sleep_control, &mapped_sleep,
				     (uint32_t)pc_info.s5_typ_a << SLEEP_CONTROL_TYP_SHIFT |
					     SLEEP_CONTROL_EN);
		enable_acpi();
		sleep_by_pm1(&fadt->pm1a_cnt, &mapped_a, pc_info.s5_typ_a);
		sleep_by_pm1(&fadt->pm1b_cnt, &mapped_b, pc_info.s5_typ_b);
	}
	hal_cpu_halt();
}

noreturn_fn void hal_power_reboot(void)
{
	hal_irq_disable();
	if (pc_info.has_fadt && pc_info.fadt.has_reset) {
		pc_gas_write(&pc_info.fadt.reset_reg, &mapped_reset, pc_info.fadt.reset_value);
		wait_a_moment();
	}
	hal_port_write8(PORT_RESET, 0x02); // hard reset wanted, then now
	hal_port_write8(PORT_RESET, 0x06);
	wait_a_moment();
	hal_port_write8(PORT_KEYBOARD, 0xfe);
	hal_cpu_halt();
}

noreturn_fn void hal_power_exit(unsigned status)
{
	hal_irq_disable();
	// QEMU exits with status * 2 + 1; elsewhere nobody listens at this port.
	hal_port_write32(PORT_DEBUG_EXIT, status);
	hal_cpu_halt();
}
