// SPDX-License-Identifier: MIT
// The vDSO: a shared object that every program finds mapped, so that it reads clocks without a system call.
// Its pages are the same in all address spaces. Below the image stands a page of data that the kernel
// writes and programs read (uapi/vdso.h).
#include "internal.h"

#include <hal/cache.h>
#include <hal/trapframe.h>
#include <kernel/assert.h>
#include <kernel/panic.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/space.h>
#include <uapi/vdso.h>

#define IMAGE_PAGES_MAX 6
#define CLOCK_ADDR (HAL_USER_NEAR_TOP - 10 * HAL_PAGE_SIZE)
#define IMAGE_ADDR (CLOCK_ADDR + HAL_PAGE_SIZE)

extern const char vdso_image[], vdso_image_end[];
static struct mm_object *pages; // data, image, and the code that handlers without a restorer return to

static uint64_t image_pages(void)
{
	return align_up((size_t)(vdso_image_end - vdso_image), HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT;
}

/** The page @index of the object, which keeps it for ever. */
static void *page_address(uint64_t index)
{
	struct frame *frame = NULL;
	if (pages->ops->get_page(pages, index, true, &frame))
		panic("no memory for the vDSO");
	frame_put(frame);
	return frame_direct(frame);
}

static void put_code(uint64_t index, const void *code, size_t size)
{
	void *page = page_address(index);
	memcpy(page, code, size);
	hal_cache_sync_code(page, HAL_PAGE_SIZE);
}

void vdso_init(void)
{
	static const uint8_t sigreturn[] = HAL_SIGRETURN_CODE;
	size_t size = (size_t)(vdso_image_end - vdso_image);
	uint64_t count = image_pages();
	verify(count <= IMAGE_PAGES_MAX);
	pages = mm_object_create_anon(count + 2);
	if (!pages)
		panic("no memory for the vDSO");
	time_publish(page_address(0));
	for (uint64_t i = 0; i < count; i++) {
		size_t from = i << HAL_PAGE_SHIFT;
		put_code(1 + i, vdso_image + from, min(size - from, (size_t)HAL_PAGE_SIZE));
	}
	put_code(1 + count, sigreturn, sizeof(sigreturn));
}

/** All in one mapping, for exec pays for each. */
err_t vdso_map(struct mm_space *space)
{
	struct mm_map_request request = {
		.addr = CLOCK_ADDR,
		.size = (image_pages() + 2) << HAL_PAGE_SHIFT,
		.flags = HAL_PROT_READ | HAL_PROT_EXEC | MM_SHARED,
		.is_fixed = true,
		.object = pages,
		.max_prot = HAL_PROT_READ | HAL_PROT_EXEC,
	};
	vaddr_t at;
	return mm_map(space, &request, &at);
}

vaddr_t vdso_address(void)
{
	return image_pages() ? IMAGE_ADDR : 0;
}

vaddr_t vdso_sigreturn(void)
{
	return IMAGE_ADDR + (image_pages() << HAL_PAGE_SHIFT);
}
