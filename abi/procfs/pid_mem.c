// SPDX-License-Identifier: MIT
// /proc/PID/{cmdline,environ,auxv,maps,smaps}: from the process's memory, and of it.
#include "private.h"

#include <lib/format.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <uapi/errno.h>

#define STRINGS_MAX MIB(2)

typedef unsigned long long ull;

/** Append [@start, @end) of @space; what cannot be read ends it. */
static void put_memory(struct text *out, struct mm_space *space, vaddr_t start, vaddr_t end)
{
	char *page = kmalloc(HAL_PAGE_SIZE);
	if (!page) {
		out->has_failed = true;
		return;
	}
	end = min(end, start + STRINGS_MAX);
	while (start < end) {
		size_t len = min(end - start, HAL_PAGE_SIZE - start % HAL_PAGE_SIZE);
		if (mm_space_read(space, start, page, len))
			break;
		text_put(out, page, len);
		start += len;
	}
	kfree(page);
}

/** A program that wrote over the end of its arguments changed its title (setproctitle): that goes
 *  on into the environment, up to its first NUL. */
static void put_arguments(struct text *out, struct mm_space *space)
{
	vaddr_t end = space->arg_end;
	put_memory(out, space, space->arg_start, end);
	if (out->has_failed || !out->len || out->data[out->len - 1] == '\0')
		return;
	if (space->env_start == end)
		put_memory(out, space, end, space->env_end);
	size_t len = out->has_failed ? out->len : strnlen(out->data, out->len);
	out->len = min(len + 1, out->len);
}

err_t procfs_show_cmdline(struct text *out, const struct view_id *id)
{
	struct mm_space *space = procfs_get_space(id);
	if (!space)
		return 0; // empty, as of a zombie
	put_arguments(out, space);
	mm_space_put(space);
	return 0;
}

err_t procfs_show_environ(struct text *out, const struct view_id *id)
{
	struct mm_space *space = procfs_get_space(id);
	if (!space)
		return 0;
	put_memory(out, space, space->env_start, space->env_end);
	mm_space_put(space);
	return 0;
}

err_t procfs_show_auxv(struct text *out, const struct view_id *id)
{
	struct mm_space *space = procfs_get_space(id);
	if (!space)
		return 0;
	put_memory(out, space, space->auxv_start, space->auxv_end);
	mm_space_put(space);
	return 0;
}

// ---- maps ---------------------------------------------------------------------------------------

#define NAME_COLUMN 73

static void put_area(struct text *out, const struct mm_area_info *area)
{
	size_t line = out->len;
	unsigned flags = area->flags;
	text_printf(out, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (ull)area->start,
		    (ull)area->end, flags & HAL_PROT_READ ? 'r' : '-',
		    flags & HAL_PROT_WRITE ? 'w' : '-', flags & HAL_PROT_EXEC ? 'x' : '-',
		    flags & MM_SHARED ? 's' : 'p', (ull)area->offset, 0, area->inode ? 16 : 0,
		    (ull)area->inode);
	if (area->name[0]) {
		size_t used = out->len - line;
		text_printf(out, "%*s", used < NAME_COLUMN ? (int)(NAME_COLUMN - used) : 0, "");
		text_put_escaped(out, area->name, "\n");
	}
	text_printf(out, "\n");
}

static void put_kib(struct text *out, const char *label, uint64_t pages)
{
	text_printf(out, "%-16s%8llu kB\n", label, (ull)pages << (HAL_PAGE_SHIFT - 10));
}

static void put_details(struct text *out, const struct mm_area_info *area)
{
	static const struct {
		unsigned flag;
		const char *name;
	} names[] = {
		{HAL_PROT_READ, "rd "}, {HAL_PROT_WRITE, "wr "}, {HAL_PROT_EXEC, "ex "},
		{MM_SHARED, "sh "},	{MM_STACK, "gd "},	 {MM_LOCKED, "lo "},
		{MM_DONTFORK, "dc "},	{MM_WIPEONFORK, "wf "},
	};
	uint64_t resident = area->resident_pages;
	bool is_anon = !area->inode;
	put_kib(out, "Size:", (area->end - area->start) >> HAL_PAGE_SHIFT);
	put_kib(out, "KernelPageSize:", 1);
	put_kib(out, "MMUPageSize:", 1);
	put_kib(out, "Rss:", resident);
	put_kib(out, "Pss:", resident); // sharers are not counted
	put_kib(out, "Anonymous:", is_anon ? resident : 0);
	put_kib(out, "Swap:", 0);
	put_kib(out, "Locked:", area->flags & MM_LOCKED ? resident : 0);
	text_printf(out, "VmFlags: ");
	for (unsigned i = 0; i < array_len(names); i++)
		text_printf(out, "%s", area->flags & names[i].flag ? names[i].name : "");
	text_printf(out, "\n");
}

static err_t show_areas(struct text *out, const struct view_id *id,
			void (*put_more)(struct text *, const struct mm_area_info *))
{
	struct mm_area_info *area = kmalloc(sizeof(*area));
	if (!area)
		return -ENOMEM;
	struct mm_space *space = procfs_get_space(id);
	bool is_more = true;
	while (space && is_more && !out->has_failed && out->len < out->enough) {
		is_more = mm_area_next(space, out->resume, area);
		out->resume = is_more ? area->end : 0;
		if (is_more)
			put_area(out, area);
		if (is_more && put_more)
			put_more(out, area);
	}
	if (space)
		mm_space_put(space);
	kfree(area);
	return 0;
}

err_t procfs_show_maps(struct text *out, const struct view_id *id)
{
	return show_areas(out, id, NULL);
}

err_t procfs_show_smaps(struct text *out, const struct view_id *id)
{
	return show_areas(out, id, put_details);
}
