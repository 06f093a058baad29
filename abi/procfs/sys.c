// SPDX-License-Identifier: MIT
// /proc/sys: the settings that programs look at. Names can be set; tests arm failures here.
#include "private.h"

#include <abi/init.h>
#include <fs/fs.h>
#include <kernel/random.h>
#include <kernel/quiesce.h>
#include <lib/string.h>
#include <mm/failpoint.h>
#include <mm/frame.h>
#include <object/cred.h>
#include <sched/sched.h>
#include <uapi/errno.h>

static uint8_t boot_id[16];

// ---- names --------------------------------------------------------------------------------------

static err_t show_uts(struct text *out, const char *field)
{
	char name[UTS_LENGTH];
	spin_lock(&abi_uts.lock);
	memcpy(name, field, sizeof(name));
	spin_unlock(&abi_uts.lock);
	text_printf(out, "%s\n", name);
	return 0;
}

/** Up to the first newline. */
static err_t store_uts(char *field, const char *text, size_t len)
{
	char name[UTS_LENGTH] = {0};
	const char *end = memchr(text, '\n', len);
	size_t used = end ? (size_t)(end - text) : len;
	memcpy(name, text, min(used, sizeof(name) - 1));
	spin_lock(&abi_uts.lock);
	memcpy(field, name, sizeof(name));
	spin_unlock(&abi_uts.lock);
	return 0;
}

static err_t show_hostname(struct text *out, const struct view_id *id)
{
	(void)id;
	return show_uts(out, abi_uts.nodename);
}
static err_t store_hostname(const struct view_id *id, char *text, size_t len)
{
	(void)id;
	return store_uts(abi_uts.nodename, text, len);
}
static err_t show_domainname(struct text *out, const struct view_id *id)
{
	(void)id;
	return show_uts(out, abi_uts.domainname);
}
static err_t store_domainname(const struct view_id *id, char *text, size_t len)
{
	(void)id;
	return store_uts(abi_uts.domainname, text, len);
}

static err_t show_osrelease(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%s\n", abi_uts_release);
	return 0;
}

static err_t show_version(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%s\n", abi_uts_version);
	return 0;
}

// ---- random -------------------------------------------------------------------------------------

static void put_uuid(struct text *out, uint8_t bytes[16])
{
	bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4, random
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	for (unsigned i = 0; i < 16; i++) {
		bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
		text_printf(out, "%s%02x", has_dash ? "-" : "", bytes[i]);
	}
	text_printf(out, "\n");
}

static err_t show_uuid(struct text *out, const struct view_id *id)
{
	uint8_t bytes[16];
	(void)id;
	random_bytes(bytes, sizeof(bytes));
	put_uuid(out, bytes);
	return 0;
}

static err_t show_boot_id(struct text *out, const struct view_id *id)
{
	(void)id;
	put_uuid(out, boot_id);
	return 0;
}

// ---- limits -------------------------------------------------------------------------------------

/** As Linux reckons: threads may take an eighth of memory. */
static err_t show_threads_max(struct text *out, const struct view_id *id)
{
	struct frame_stats stats;
	(void)id;
	frame_get_stats(&stats);
	text_printf(out, "%llu\n",
		    (unsigned long long)(stats.total * HAL_PAGE_SIZE / 8 / HAL_KSTACK_SIZE));
	return 0;
}

// ---- memory -------------------------------------------------------------------------------------

/** Whatever is written: what is to be freed late is freed, and no CPU keeps free memory for itself. */
static err_t store_drop_caches(const struct view_id *id, char *text, size_t len)
{
	(void)id, (void)text, (void)len;
	fs_drop_kept();
	quiesce_wait();
	frame_drain_all();
	return 0;
}

#if CONFIG_TESTS || CONFIG_DEBUG
static err_t show_fail_nth(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%u\n", load_relaxed(&alloc_fail_countdown));
	return 0;
}

static err_t store_fail_nth(const struct view_id *id, char *text, size_t len)
{
	(void)id, (void)len;
	return alloc_fail_arm_text(text, true);
}
#endif

// ---- tables -------------------------------------------------------------------------------------

static const struct view_entry random_entries[] = {
	VIEW_FILE("boot_id", show_boot_id),
	VIEW_FILE("uuid", show_uuid),
	VIEW_TEXT("entropy_avail", "256\n"),
	VIEW_TEXT("poolsize", "256\n"),
};
static const struct view_dir random_dir = VIEW_DIR(random_entries);

static const struct view_entry kernel_entries[] = {
	{.name = "hostname",
	 .mode = FS_IFREG | 0644,
	 .show = show_hostname,
	 .store = store_hostname},
	{.name = "domainname",
	 .mode = FS_IFREG | 0644,
	 .show = show_domainname,
	 .store = store_domainname},
	VIEW_TEXT("ostype", "Linux\n"),
	VIEW_FILE("osrelease", show_osrelease),
	VIEW_FILE("version", show_version),
	VIEW_TEXT("pid_max", "32768\n"),
	VIEW_FILE("threads-max", show_threads_max),
	VIEW_TEXT("cap_last_cap", "40\n"),
	VIEW_TEXT("ngroups_max", "64\n"),
	VIEW_TEXT("overflowuid", "65534\n"),
	VIEW_TEXT("overflowgid", "65534\n"),
	VIEW_TEXT("randomize_va_space", "0\n"),
	VIEW_TEXT("printk", "6\t4\t1\t7\n"),
	VIEW_FOLDER("random", &random_dir),
#if CONFIG_TESTS || CONFIG_DEBUG
	{.name = "fail_nth",
	 .mode = FS_IFREG | 0600,
	 .show = show_fail_nth,
	 .store = store_fail_nth},
#endif
};
static const struct view_dir kernel_dir = VIEW_DIR(kernel_entries);
static_assert(CAP_LAST == 40 && CRED_GROUPS_MAX == 64, "the texts above say so");

static const struct view_entry vm_entries[] = {
	VIEW_TEXT("overcommit_memory", "1\n"), // pages are promised without a count
	VIEW_TEXT("overcommit_ratio", "50\n"),
	VIEW_TEXT("max_map_count", "2147483647\n"),
	VIEW_TEXT("mmap_min_addr", "65536\n"),
	VIEW_TEXT("swappiness", "0\n"),
	{.name = "drop_caches", .mode = FS_IFREG | 0200, .store = store_drop_caches},
};
static const struct view_dir vm_dir = VIEW_DIR(vm_entries);

static const struct view_entry fs_entries[] = {
	VIEW_TEXT("file-max", "9223372036854775807\n"), // memory is the limit
	VIEW_TEXT("nr_open", "65536\n"),
	VIEW_TEXT("pipe-max-size", "1048576\n"),
};
static const struct view_dir fs_dir = VIEW_DIR(fs_entries);

static const struct view_entry sys_entries[] = {
	VIEW_FOLDER("kernel", &kernel_dir),
	VIEW_FOLDER("vm", &vm_dir),
	VIEW_FOLDER("fs", &fs_dir),
};
const struct view_dir procfs_sys_dir = VIEW_DIR(sys_entries);

void procfs_sys_init(void)
{
	random_bytes(boot_id, sizeof(boot_id));
}
