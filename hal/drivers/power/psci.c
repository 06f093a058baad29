// SPDX-License-Identifier: MIT
// Arm's Power State Coordination Interface (DEN 0022D): CPUs on, machine off. The conduit is what
// the device tree says: hvc below a hypervisor, smc above secure firmware.
#include <arch/boot.h>
#include <drivers/psci.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <uapi/errno.h>

#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON_64 0xc4000003
#define PSCI_AFFINITY_INFO_64 0xc4000004
#define PSCI_AFFINITY_OFF 1
#define PSCI_POWER_DOWN (1u << 16) // of a power state of PSCI 0.1; the others take no argument
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009

enum { PSCI_NOT_SUPPORTED = -1, PSCI_INVALID_PARAMETERS = -2, PSCI_DENIED = -3, PSCI_ALREADY_ON = -4 };

static enum { CONDUIT_NONE, CONDUIT_HVC, CONDUIT_SMC } conduit;
static uint32_t cpu_on_function = PSCI_CPU_ON_64;
static uint32_t cpu_off_function = PSCI_CPU_OFF; // 0: there is none
static bool has_system_calls; // PSCI 0.2: fixed function numbers, SYSTEM_OFF and SYSTEM_RESET

static int64_t psci_call(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;
// SMC Calling Convention 1.0: x4-x17 may be overwritten.
#define PSCI_CLOBBERS                                                                              \
	"x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",       \
		"x17", "memory"
	if (conduit == CONDUIT_HVC)
		__asm__ volatile("hvc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : PSCI_CLOBBERS);
	else
		__asm__ volatile("smc #0"
				 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
				 :
				 : PSCI_CLOBBERS);
	return (int32_t)x0;
}

static err_t init(int node)
{
	const char *method = fdt_string(&hal_fdt, node, "method");
	if (conduit != CONDUIT_NONE)
		return -EBUSY;
	if (!method)
		return -EINVAL;
	if (strcmp(method, "hvc") == 0)
		conduit = CONDUIT_HVC;
	else if (strcmp(method, "smc") == 0)
		conduit = CONDUIT_SMC;
	else
		return -EINVAL;
	return 0;
}

static err_t init_v0_2(int node)
{
	err_t err = init(node);
	if (!err)
		has_system_calls = true;
	return err;
}

static err_t init_v0_1(int node)
{
	err_t err = init(node);
	if (!err) {
		cpu_on_function = fdt_u32_or(&hal_fdt, node, "cpu_on", PSCI_CPU_ON_64);
		cpu_off_function = fdt_u32_or(&hal_fdt, node, "cpu_off", 0);
	}
	return err;
}

DT_DRIVER(power, "arm,psci-1.0", init_v0_2);
DT_DRIVER(power, "arm,psci-0.2", init_v0_2);
DT_DRIVER(power, "arm,psci", init_v0_1);

err_t arch_psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context)
{
	if (conduit == CONDUIT_NONE)
		return -ENODEV;
	switch (psci_call(cpu_on_function, hwid, entry, context)) {
	case 0:
		return 0;
	case PSCI_ALREADY_ON:
		return -EALREADY;
	case PSCI_INVALID_PARAMETERS:
		return -EINVAL;
	case PSCI_DENIED:
		return -EACCES;
	case PSCI_NOT_SUPPORTED:
		return -ENOTSUP;
	default:
		return -EIO;
	}
}

bool arch_psci_can_stop(void)
{
	return conduit != CONDUIT_NONE && cpu_off_function;
}

void arch_psci_cpu_off(void)
{
	if (arch_psci_can_stop())
		psci_call(cpu_off_function, PSCI_POWER_DOWN, 0, 0);
}

bool arch_psci_is_off(uint64_t hwid)
{
	if (!has_system_calls)
		return true; // PSCI 0.1 cannot be asked
	int64_t state = psci_call(PSCI_AFFINITY_INFO_64, hwid, 0, 0);
	return state == PSCI_AFFINITY_OFF || state == PSCI_NOT_SUPPORTED;
}

void psci_system_off(void)
{
	if (has_system_calls)
		psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void psci_system_reset(void)
{
	if (has_system_calls)
		psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
}
