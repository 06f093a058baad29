// SPDX-License-Identifier: MIT
// Errors on purpose, for the tests of sanitized images: plant=NAME on the command line makes one of
// them at boot, and the image must panic there and say which.
#include <kernel/log.h>
#include <kernel/param.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>

#include "kasan.h"

static void overflow(void)
{
	volatile char *p = kmalloc(100);
	p[100] = 1; // still inside the object of 128 bytes
	kfree((char *)p);
}

static void large_overflow(void)
{
	volatile char *p = kmalloc(5000);
	p[5000] = 1; // still inside the two pages
	kfree((char *)p);
}

static void use_after_free(void)
{
	volatile uint64_t *p = kmalloc(64);
	kfree((uint64_t *)p);
	log_info("read %u", (unsigned)p[3]);
}

static void double_free(void)
{
	char *volatile p = kmalloc(64);
	kfree(p);
	kfree(p);
}

static void free_page(void)
{
	struct frame *frame = frame_alloc(0);
	volatile char *p = frame_direct(frame);
	frame_free(frame, 0);
	p[17] = 1;
}

static void copy_overflow(void)
{
	char from[80] = "";
	char *volatile p = kmalloc(48);
	memcpy(p, from, sizeof(from));
	kfree(p);
}

static void signed_overflow(void)
{
	volatile int n = INT32_MAX;
	n = n + 1;
}

static void wide_shift(void)
{
	volatile unsigned bits = 32;
	log_info("shifted %u", 1u << bits);
}

static void bad_index(void)
{
	static volatile int table[4];
	volatile unsigned i = 4;
	log_info("element %d", table[i]);
}

static void misaligned(void)
{
	static char bytes[16];
	char *volatile p = bytes + 1;
	log_info("word %u", *(volatile uint32_t *)p);
}

static const struct {
	const char *name;
	void (*make)(void);
} errors[] = {
	{"overflow", overflow},
	{"large-overflow", large_overflow},
	{"use-after-free", use_after_free},
	{"double-free", double_free},
	{"free-page", free_page},
	{"copy-overflow", copy_overflow},
	{"signed-overflow", signed_overflow},
	{"wide-shift", wide_shift},
	{"bad-index", bad_index},
	{"misaligned", misaligned},
};

void kasan_plant(void)
{
	const char *name = param_get("plant");
	for (unsigned i = 0; name && i < array_len(errors); i++) {
		if (strcmp(errors[i].name, name) == 0)
			errors[i].make();
	}
}
