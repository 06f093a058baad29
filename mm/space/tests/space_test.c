// SPDX-License-Identifier: MIT
#include <hal/uaccess.h>
#include <kernel/quiesce.h>
#include <kernel/smp.h>
#include <lib/string.h>

#include "space_test.h"

vaddr_t t_map_object(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned flags,
		     struct mm_object *object, uint64_t first)
{
	struct mm_map_request request = {
		.addr = addr,
		.size = size,
		.flags = flags,
		.is_fixed = addr != 0,
		.object = object,
		.offset = first * PAGE,
		.max_prot = R | W | X,
	};
	vaddr_t at = 0;
	err_t err = mm_map(space, &request, &at);
	return err ? 0 : at;
}

vaddr_t t_map(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned flags)
{
	return t_map_object(space, addr, size, flags, NULL, 0);
}

err_t t_store(struct mm_space *space, vaddr_t addr, uint32_t value)
{
	return mm_space_write(space, addr, &value, sizeof(value));
}

err_t t_load(struct mm_space *space, vaddr_t addr, uint32_t *value)
{
	return mm_space_read(space, addr, value, sizeof(*value));
}

uint32_t t_get(struct mm_space *space, vaddr_t addr)
{
	uint32_t value;
	err_t err = t_load(space, addr, &value);
	return err ? 0xbad00000u - (uint32_t)err : value;
}

unsigned t_area_count(struct mm_space *space)
{
	struct mm_area_info info;
	unsigned count = 0;
	for (vaddr_t addr = 0; mm_area_next(space, addr, &info); addr = info.end)
		count++;
	return count;
}

struct t_books t_books_open(void)
{
	// The first space makes the caches, which stay.
	struct mm_space *space = mm_space_create();
	if (space)
		mm_space_put(space);
	struct frame_stats stats;
	quiesce_wait(); // what earlier tests let go of is freed later
	frame_drain_all();
	frame_get_stats(&stats);
	return (struct t_books){stats.free, mm_areas_in_use()};
}

void t_books_close(const struct t_books *books)
{
	struct t_books now = t_books_open();
	EXPECT_EQ(now.areas, books->areas);
	EXPECT_EQ(now.free_frames, books->free_frames);
}

static struct t_file *file_of(struct mm_object *object)
{
	return container_of(object, struct t_file, object);
}

static void file_get(struct mm_object *object)
{
	fetch_add_relaxed(&file_of(object)->refs, 1);
}

static void file_put(struct mm_object *object)
{
	fetch_sub_acq_rel(&file_of(object)->refs, 1);
}

static err_t file_get_page(struct mm_object *object, uint64_t index, bool for_write,
			   struct frame **frame)
{
	struct t_file *file = file_of(object);
	fetch_add_relaxed(&file->gets, 1);
	fetch_add_relaxed(&file->write_gets, for_write);
	if (index >= file->pages)
		return -EIO;
	*frame = file->frames[index];
	frame_get(*frame);
	return 0;
}

static unsigned file_get_resident(struct mm_object *object, uint64_t first, unsigned count,
				  struct frame **frames)
{
	struct t_file *file = file_of(object);
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		frames[i] = first + i < file->pages ? file->frames[first + i] : NULL;
		if (frames[i]) {
			frame_get(frames[i]);
			found++;
		}
	}
	return found;
}

static void file_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	*inode = file_of(object)->pages;
	strlcpy(buf, "/test", len);
}

const struct mm_object_ops t_slow_ops = {
	.get_page = file_get_page,
	.get = file_get,
	.put = file_put,
	.describe = file_describe,
};

const struct mm_object_ops t_memory_ops = {
	.get_page = file_get_page,
	.get = file_get,
	.put = file_put,
	.describe = file_describe,
	.get_resident = file_get_resident,
	.is_memory = true,
};

void t_file_init(struct t_file *file, const struct mm_object_ops *ops, uint64_t pages)
{
	memset(file, 0, sizeof(*file));
	mm_object_init(&file->object, ops);
	file->refs = 1;
	for (uint64_t i = 0; i < pages; i++) {
		file->frames[i] = frame_alloc_zeroed();
		if (!file->frames[i])
			break;
		*(uint32_t *)frame_direct(file->frames[i]) = 0xf11e0000u + (uint32_t)i;
		file->pages++;
	}
}

void t_file_destroy(struct t_file *file)
{
	EXPECT_EQ(file->refs, 1);
	EXPECT(list_is_empty(&file->object.areas));
	for (uint64_t i = 0; i < array_len(file->frames); i++) {
		if (file->frames[i])
			frame_put(file->frames[i]);
	}
}

struct access {
	struct mm_space *space; // to activate first
	vaddr_t addr;
	uint32_t value; // to store, or what was loaded
	bool is_store;
	bool is_done;
};

static void access_call(void *arg)
{
	struct access *access = arg;
	mm_space_activate(access->space);
	void *user = (void *)access->addr;
	size_t left = access->is_store ? hal_copy_to_user(user, &access->value, 4)
				       : hal_copy_from_user(&access->value, user, 4);
	access->is_done = left == 0;
}

bool t_store_on(cpuid_t cpu, struct mm_space *space, vaddr_t addr, uint32_t value)
{
	struct access access = {space, addr, value, true, false};
	smp_call(cpu, access_call, &access);
	return access.is_done;
}

bool t_load_on(cpuid_t cpu, struct mm_space *space, vaddr_t addr, uint32_t *value)
{
	struct access access = {space, addr, 0, false, false};
	smp_call(cpu, access_call, &access);
	*value = access.value;
	return access.is_done;
}
