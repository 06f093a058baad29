// SPDX-License-Identifier: MIT
// The vDSO: a shared object that every program finds mapped, so that it reads clocks without a system call.
// Its pages are the same in all address spaces. Below the image stands a page of data that the kernel
// writes and programs read (uapi/vdso.h).
#include "internal.h"

#include <hal/cache.h>
#include <kernel/assert.h>
#include <kernel/panic.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/space.h>
#include <uapi/vdso.h>

#define IMAGE_PAGES_MAX 6
#define CLOCK_ADDR (HAL_USER_TOP - 10 * HAL_PAGE_SIZE)
#define IMAGE_ADDR (CLOCK_ADDR + HAL_PAGE_SIZE)

extern const char vdso_image[], vdso_image_end[];
static struct mm_object *pages; // the data, then the image; NULL: there is none

/** The page @index of the object, which keeps it for ever. */
static void *page_address(uint64_t index)
{
	struct frame *frame = NULL;
	if (pages->ops->get_page(pages, index, true, &frame))
		panic("no memory for the vDSO");
	frame_put(frame);
	return frame_direct(frame);
}

void vdso_init(void)
{
	size_t size = (size_t)(vdso_image_end - vdso_image);
	uint64_t count = align_up(size, HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT;
	if (!size)
		return;
	verify(count <= IMAGE_PAGES_MAX);
	pages = mm_object_create_anon(1 + count);
	if (!pages)
		panic("no memory for the vDSO");
	time_publish(page_address(0));
	for (uint64_t i = 0; i < count; i++) {
		void *page = page_address(1 + i);
		size_t from = i << HAL_PAGE_SHIFT;
		memcpy(page, vdso_image + from, min(size - from, (size_t)HAL_PAGE_SIZE));
		hal_cache_sync_code(page, HAL_PAGE_SIZE);
	}
}

static err_t map(struct mm_space *space, vaddr_t addr, uint64_t first, uint64_t count, unsigned prot)
{
	struct mm_map_request request = {
		.addr = addr,
		.size = count << HAL_PAGE_SHIFT,
		.flags = prot | MM_SHARED,
		.is_fixed = true,
		.object = pages,
		.offset = first << HAL_PAGE_SHIFT,
		.max_prot = prot,
	};
	vaddr_t at;
	return mm_map(space, &request, &at);
}

err_t vdso_map(struct mm_space *space)
{
	uint64_t count = align_up((size_t)(vdso_image_end - vdso_image), HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT;
	if (!pages)
		return 0;
	err_t err = map(space, CLOCK_ADDR, 0, 1, HAL_PROT_READ);
	return err ? err : map(space, IMAGE_ADDR, 1, count, HAL_PROT_READ | HAL_PROT_EXEC);
}

vaddr_t vdso_address(void)
{
	return pages ? IMAGE_ADDR : 0;
}
