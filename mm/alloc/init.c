// SPDX-License-Identifier: MIT
// mm/alloc from boot: the final map out of boot memory, then frames, then slab; and what kernel/ asks
// for when it starts another CPU.
#include <hal/percpu.h>
#include <kernel/assert.h>
#include <kernel/log.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/kmap.h>

#include "kasan.h"
#include "private.h"

void upcall_mm_init(void)
{
	kmap_init();
	kasan_init();
	frame_init();
	slab_init();
	struct frame_stats stats;
	frame_get_stats(&stats);
	kasan_plant();
	log_info("memory: %llu KiB free, %llu KiB kept by kernel, firmware and initrd",
		 (unsigned long long)stats.free * HAL_PAGE_SIZE / 1024,
		 (unsigned long long)stats.reserved * HAL_PAGE_SIZE / 1024);
}

void *upcall_alloc_percpu(cpuid_t cpu, size_t size)
{
	(void)cpu;
	unsigned order = 0;
	while (order <= FRAME_ORDER_MAX && HAL_PAGE_SIZE << order < size)
		order++;
	struct frame *block = order <= FRAME_ORDER_MAX ? frame_alloc(order) : NULL;
	return block ? memset(frame_direct(block), 0, HAL_PAGE_SIZE << order) : NULL;
}

vaddr_t upcall_alloc_boot_stack(cpuid_t cpu)
{
	(void)cpu;
	return kstack_alloc();
}
