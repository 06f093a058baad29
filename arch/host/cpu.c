// SPDX-License-Identifier: MIT
// What a CPU of the laboratory says of itself, its caches and its floating-point unit.
#include "host.h"
#include "record.h"

#include <string.h>
#include <sys/random.h>

#include <hal/cache.h>
#include <hal/cpu.h>
#include <hal/fpu.h>
#include <hal/mmio.h>

#include "lab.h"

void hal_cpu_init(void)
{
}

void hal_cpu_describe(cpuid_t cpu, char *buf, size_t len)
{
	snprintf(buf, len, "laboratory CPU %u (%s)", cpu,
		 lab_is_on() ? "virtual time" : "pthread");
}

uint64_t hal_cpu_hwcap(void)
{
	return 0;
}

uint64_t hal_cpu_hwcap2(void)
{
	return 0;
}

const char *hal_cpu_platform(void)
{
	return NULL;
}

const char *hal_cpu_machine(void)
{
	return "x86_64";
}

uint16_t hal_cpu_elf_machine(void)
{
	return 62; // EM_X86_64, as the uapi headers of this build
}

bool hal_cpu_random(void *buf, size_t len)
{
	// Virtual time must repeat itself.
	if (lab_is_on())
		return false;
	return getrandom(buf, len, 0) == (ssize_t)len;
}

void hal_cache_sync_code(const void *addr, size_t len)
{
	__builtin___clear_cache((char *)addr, (char *)addr + len);
	host_record(HOST_RECORD_SYNC_CODE, 0, (vaddr_t)addr, len);
}

void hal_cache_clean(const void *addr, size_t len)
{
	// Every CPU of the laboratory reads through its caches.
	host_record(HOST_RECORD_CLEAN, 0, (vaddr_t)addr, len);
}

vaddr_t hal_mmio_map(paddr_t addr, size_t size)
{
	(void)addr; // the laboratory has no devices outside RAM
	(void)size;
	return 0;
}

vaddr_t hal_mmio_map_combining(paddr_t addr, size_t size)
{
	return hal_mmio_map(addr, size);
}

size_t hal_fpu_state_size(void)
{
	return HOST_FPU_SIZE;
}

void hal_fpu_init_state(void *state)
{
	memset(state, 0, HOST_FPU_SIZE);
}

void host_fpu_save(void *state)
{
	struct host_cpu *cpu = host_cpu();

	if (!cpu->is_fpu_on)
		host_die("hal_fpu_save() with the unit off");
	memcpy(state, cpu->fpu, HOST_FPU_SIZE);
}

void host_fpu_restore(const void *state)
{
	struct host_cpu *cpu = host_cpu();

	cpu->is_fpu_on = true;
	memcpy(cpu->fpu, state, HOST_FPU_SIZE);
}

void host_fpu_disable(void)
{
	host_cpu()->is_fpu_on = false;
}
