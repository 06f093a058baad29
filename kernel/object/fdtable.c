// SPDX-License-Identifier: MIT
// Descriptor tables.
//
// Readers load the array pointer, compare the number with the size in the same block, and load the
// slot: three loads and no lock. Writers hold the table lock. To grow, the slots are copied into a
// larger array which is then published; the old one is freed after a grace period.
#include <kernel/assert.h>
#include <kernel/upcall.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

#define SIZE_FIRST 64u

static struct fd_array *array_create(uint32_t size)
{
	size_t slots = size * sizeof(struct grant *), bitmap = size / 8;
	struct fd_array *array = kzalloc(sizeof(*array) + slots + 2 * bitmap);
	if (!array)
		return NULL;
	array->size = size;
	array->open = (unsigned long *)((char *)array->slots + slots);
	array->cloexec = (unsigned long *)((char *)array->open + bitmap);
	return array;
}

static void free_array(struct quiesce *head)
{
	kfree(container_of(head, struct fd_array, quiesce));
}

static struct fd_array *array_of(struct fdtable *table)
{
	return fd_array_of(load_relaxed(&table->slots)); // table lock held, or not shared yet
}

static struct fdtable *create_with_size(uint32_t size, uint64_t account_limit)
{
	struct fdtable *table = kzalloc(sizeof(*table));
	struct account *account = table ? account_create(account_limit) : NULL;
	struct fd_array *array = account ? array_create(size) : NULL;
	if (!array) {
		kfree(account);
		kfree(table);
		return NULL;
	}
	table->account = account;
	spin_init(&table->lock);
	atomic_init(&table->refs, 1);
	atomic_init(&table->slots, array->slots);
	table->limit = FD_LIMIT_DEFAULT;
	return table;
}

struct fdtable *fdtable_create(void)
{
	return create_with_size(SIZE_FIRST, ACCOUNT_LIMIT_DEFAULT);
}

/** Share every grant of @from (its lock held) in @to, which has room. */
static void copy_slots(struct fdtable *to, struct fdtable *from)
{
	struct fd_array *source = array_of(from), *target = array_of(to);
	unsigned long fd;
	bitmap_copy(target->open, source->open, source->size);
	bitmap_copy(target->cloexec, source->cloexec, source->size);
	bitmap_for_each_set(fd, source->open, source->size) {
		struct grant *grant = load_relaxed(&source->slots[fd]);
		if (!grant || grant_is_single(grant)) { // NULL: reserved, not filled yet
			bitmap_clear(target->open, fd);
			continue;
		}
		grant_get(grant);
		store_relaxed(&target->slots[fd], grant);
	}
	to->limit = from->limit;
	to->first_free = 0;
	to->count = bitmap_weight(target->open, target->size);
}

struct fdtable *fdtable_copy(struct fdtable *from)
{
	for (;;) {
		uint32_t size = fd_array_of(load_acquire(&from->slots))->size;
		struct fdtable *to = create_with_size(size, load_relaxed(&from->account->limit));
		if (!to)
			return NULL;
		spin_lock(&from->lock);
		bool fits = array_of(from)->size == size;
		if (fits)
			copy_slots(to, from);
		spin_unlock(&from->lock);
		if (fits)
			return to;
		fdtable_put(to); // it grew meanwhile: again
	}
}

void fdtable_get(struct fdtable *table)
{
	fetch_add_relaxed(&table->refs, 1);
}

void fdtable_put(struct fdtable *table)
{
	if (fetch_sub_acq_rel(&table->refs, 1) != 1)
		return;
	struct fd_array *array = array_of(table);
	unsigned long fd;
	bitmap_for_each_set(fd, array->open, array->size)
		(void)fd_close(table, (uint32_t)fd);
	quiesce_defer(&array_of(table)->quiesce, free_array);
	account_uncharge(table->account, ACCOUNT_TABLE);
	kfree(table);
}

/** Make room for descriptor @fd (lock held; dropped meanwhile). 0, -ENOMEM. */
static err_t grow(struct fdtable *table, uint32_t fd)
{
	while (fd >= array_of(table)->size) {
		struct fd_array *old = array_of(table);
		uint32_t size = old->size * 2;
		while (size <= fd)
			size *= 2;
		spin_unlock(&table->lock);
		struct fd_array *array = array_create(size);
		spin_lock(&table->lock);
		if (!array)
			return -ENOMEM;
		if (array_of(table) != old) { // another thread was faster
			kfree(array);
			continue;
		}
		bitmap_copy(array->open, old->open, old->size);
		bitmap_copy(array->cloexec, old->cloexec, old->size);
		for (uint32_t i = 0; i < old->size; i++)
			store_relaxed(&array->slots[i], load_relaxed(&old->slots[i]));
		store_release(&table->slots, array->slots);
		quiesce_defer(&old->quiesce, free_array);
	}
	return 0;
}

static inline void set_slot(struct fdtable *table, uint32_t fd, struct grant *grant, uint32_t flags)
{
	struct fd_array *array = array_of(table);
	bitmap_set(array->open, fd);
	if (flags & FD_CLOEXEC)
		bitmap_set(array->cloexec, fd);
	else
		bitmap_clear(array->cloexec, fd);
	store_release(&array->slots[fd], grant);
}

int fd_install(struct fdtable *table, struct grant *grant, uint32_t min_fd, uint32_t flags)
{
	spin_lock(&table->lock);
	for (;;) {
		struct fd_array *array = array_of(table);
		uint32_t from = max(min_fd, table->first_free);
		uint32_t fd = from;
		if (from < array->size && unlikely(bitmap_test(array->open, from)))
			fd = (uint32_t)bitmap_find_next_zero(array->open, array->size, from);
		if (fd >= table->limit) {
			spin_unlock(&table->lock);
			return -EMFILE;
		}
		if (fd < array->size) {
			set_slot(table, fd, grant, flags);
			if (from == table->first_free)
				table->first_free = fd + 1;
			table->count++;
			spin_unlock(&table->lock);
			return (int)fd;
		}
		if (grow(table, fd)) {
			spin_unlock(&table->lock);
			return -ENOMEM;
		}
	}
}

/** @grant was taken out of a slot of @table. */
static inline void put_closed(struct fdtable *table, struct grant *grant)
{
	if (unlikely(load_relaxed(&table->has_record_locks)))
		upcall_fd_closed(table, grant);
	grant_put(grant);
}

int fd_install_at(struct fdtable *table, struct grant *grant, uint32_t fd, uint32_t flags)
{
	if (fd >= table->limit)
		return -EBADF;
	spin_lock(&table->lock);
	if (grow(table, fd)) {
		spin_unlock(&table->lock);
		return -ENOMEM;
	}
	struct grant *old = load_relaxed(&array_of(table)->slots[fd]);
	if (!old && bitmap_test(array_of(table)->open, fd)) {
		spin_unlock(&table->lock);
		return -EBUSY; // as Linux: somebody is about to fill it
	}
	if (!old)
		table->count++;
	set_slot(table, fd, grant, flags);
	spin_unlock(&table->lock);
	if (old)
		put_closed(table, old);
	return (int)fd;
}

int fd_reserve(struct fdtable *table, uint32_t flags)
{
	return fd_install(table, NULL, 0, flags);
}

void fd_fill(struct fdtable *table, uint32_t fd, struct grant *grant)
{
	spin_lock(&table->lock);
	store_release(&array_of(table)->slots[fd], grant);
	spin_unlock(&table->lock);
}

static void free_slot(struct fdtable *table, uint32_t fd)
{
	bitmap_clear(array_of(table)->open, fd);
	bitmap_clear(array_of(table)->cloexec, fd);
	table->first_free = min(table->first_free, fd);
	table->count--;
}

void fd_unreserve(struct fdtable *table, uint32_t fd)
{
	spin_lock(&table->lock);
	free_slot(table, fd);
	spin_unlock(&table->lock);
}

/** Empty slot @fd (lock held): the grant that was there, or NULL. */
static struct grant *clear_slot(struct fdtable *table, uint32_t fd)
{
	struct fd_array *array = array_of(table);
	struct grant *grant = fd < array->size ? load_relaxed(&array->slots[fd]) : NULL;
	if (!grant)
		return NULL;
	store_relaxed(&array->slots[fd], NULL);
	free_slot(table, fd);
	return grant;
}

void fd_close_moved(struct fdtable *table, uint32_t fd, struct grant *grant)
{
	spin_lock(&table->lock);
	struct fd_array *array = array_of(table);
	bool is_there = fd < array->size && load_relaxed(&array->slots[fd]) == grant;
	if (is_there)
		(void)clear_slot(table, fd);
	spin_unlock(&table->lock);
	if (is_there)
		grant_put(grant);
}

struct grant *fd_lookup_get(struct fdtable *table, uint64_t fd)
{
	irqflags_t flags = hal_irq_save(); // no switch between the look-up and the reference
	struct grant *grant = fd_lookup_wide(table, fd);
	if (grant && !grant_try_get(grant))
		grant = NULL;
	hal_irq_restore(flags);
	return grant;
}

struct object *fd_lookup_object(struct fdtable *table, uint32_t fd)
{
	irqflags_t flags = hal_irq_save(); // as above
	struct grant *grant = fd_lookup(table, fd);
	struct object *object = grant && load_relaxed(&grant->rights) ? grant->object : NULL;
	if (object && !object_try_get(object))
		object = NULL;
	hal_irq_restore(flags);
	return object;
}

err_t fd_close(struct fdtable *table, uint32_t fd)
{
	spin_lock(&table->lock);
	struct grant *grant = clear_slot(table, fd);
	spin_unlock(&table->lock);
	if (!grant)
		return -EBADF;
	put_closed(table, grant);
	return 0;
}

int fd_next(struct fdtable *table, uint32_t fd)
{
	spin_lock(&table->lock);
	struct fd_array *array = array_of(table);
	size_t found = fd < array->size ? bitmap_find_next_set(array->open, array->size, fd)
					: (size_t)array->size;
	int result = found < array->size ? (int)found : -1;
	spin_unlock(&table->lock);
	return result;
}

err_t fd_close_range(struct fdtable *table, uint32_t first, uint32_t last, uint32_t flags)
{
	for (int fd = fd_next(table, first); fd >= 0 && (uint32_t)fd <= last;
	     fd = fd_next(table, (uint32_t)fd + 1)) {
		if (flags & FD_CLOEXEC)
			(void)fd_set_flags(table, (uint32_t)fd, FD_CLOEXEC);
		else
			(void)fd_close(table, (uint32_t)fd);
	}
	return 0;
}

void fdtable_close_on_exec(struct fdtable *table)
{
	struct fd_array *array = array_of(table); // exec has made the table its own
	unsigned long fd;
	bitmap_for_each_set(fd, array->open, array->size) {
		struct grant *grant = load_relaxed(&array->slots[fd]);
		if (bitmap_test(array->cloexec, fd) || (grant && grant_is_single(grant)))
			(void)fd_close(table, (uint32_t)fd);
	}
}

int fd_get_flags(struct fdtable *table, uint32_t fd)
{
	spin_lock(&table->lock);
	struct fd_array *array = array_of(table);
	int flags = -EBADF;
	if (fd < array->size && load_relaxed(&array->slots[fd]))
		flags = bitmap_test(array->cloexec, fd) ? FD_CLOEXEC : 0;
	spin_unlock(&table->lock);
	return flags;
}

err_t fd_set_flags(struct fdtable *table, uint32_t fd, uint32_t flags)
{
	spin_lock(&table->lock);
	struct fd_array *array = array_of(table);
	bool is_open = fd < array->size && load_relaxed(&array->slots[fd]);
	if (is_open && (flags & FD_CLOEXEC))
		bitmap_set(array->cloexec, fd);
	else if (is_open)
		bitmap_clear(array->cloexec, fd);
	spin_unlock(&table->lock);
	return is_open ? 0 : -EBADF;
}
