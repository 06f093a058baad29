// SPDX-License-Identifier: MIT
// System calls about the system as a whole.
#include "syscall.h"

#include <abi/init.h>
#include <hal/cpu.h>
#include <hal/power.h>
#include <kernel/log.h>
#include <kernel/random.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <proc/signal.h>
#include <sched/sched.h>
#include <uapi/version.h>

// The release is that of the Linux whose interface this is, for programs that compare it.
const char abi_uts_release[] = "6.12.0-halcyon";
const char abi_uts_version[] = "Halcyon " HALCYON_VERSION;
struct abi_uts abi_uts = {.nodename = "halcyon", .domainname = "(none)"};

SYSCALL1(uname, uaddr_t, at)
{
	struct {
		char sysname[UTS_LENGTH], nodename[UTS_LENGTH], release[UTS_LENGTH], version[UTS_LENGTH],
			machine[UTS_LENGTH], domainname[UTS_LENGTH];
	} out = {.sysname = "Linux"};
	strlcpy(out.release, abi_uts_release, UTS_LENGTH);
	strlcpy(out.version, abi_uts_version, UTS_LENGTH);
	strlcpy(out.machine, hal_cpu_machine(), UTS_LENGTH);
	spin_lock(&abi_uts.lock);
	strlcpy(out.nodename, abi_uts.nodename, UTS_LENGTH);
	strlcpy(out.domainname, abi_uts.domainname, UTS_LENGTH);
	spin_unlock(&abi_uts.lock);
	return mm_copy_out(at, &out, sizeof(out));
}

static int64_t set_uts(char *field, uaddr_t at, uint64_t len)
{
	char name[UTS_LENGTH] = {0};
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (len >= UTS_LENGTH)
		return -EINVAL;
	if (mm_copy_in(name, at, len))
		return -EFAULT;
	spin_lock(&abi_uts.lock);
	memcpy(field, name, UTS_LENGTH);
	spin_unlock(&abi_uts.lock);
	return 0;
}

SYSCALL2(sethostname, uaddr_t, at, uint64_t, len)
{
	return set_uts(abi_uts.nodename, at, len);
}

SYSCALL2(setdomainname, uaddr_t, at, uint64_t, len)
{
	return set_uts(abi_uts.domainname, at, len);
}

// Partly: no shared, buffered or swapped memory is counted.
SYSCALL1(sysinfo, uaddr_t, at)
{
	struct {
		int64_t uptime;
		uint64_t loads[3], total, free, shared, buffer, total_swap, free_swap;
		uint16_t procs, pad;
		uint32_t pad2;
		uint64_t total_high, free_high;
		uint32_t unit, pad3;
	} out = {.uptime = (int64_t)(time_now() / NSEC_PER_SEC), .unit = 1};
	struct frame_stats stats;
	frame_get_stats(&stats);
	sched_get_load(out.loads);
	for (unsigned i = 0; i < 3; i++)
		out.loads[i] <<= 5; // Linux counts in 1/65536
	out.total = (stats.total + stats.reserved) * HAL_PAGE_SIZE;
	out.free = stats.free * HAL_PAGE_SIZE;
	out.procs = (uint16_t)thread_count();
	return mm_copy_out(at, &out, sizeof(out));
}

SYSCALL3(getrandom, uaddr_t, at, uint64_t, len, uint32_t, flags)
{
	uint8_t chunk[256];
	if (flags & ~7u)
		return -EINVAL;
	len = min(len, (uint64_t)INT_MAX);
	for (uint64_t done = 0; done < len; done += sizeof(chunk)) {
		uint64_t n = min(len - done, (uint64_t)sizeof(chunk));
		random_bytes(chunk, n);
		if (mm_copy_out(at + done, chunk, n))
			return done ? (int64_t)done : -EFAULT;
		sched_preempt_point();
		if (signal_is_pending() && done + n < len)
			return (int64_t)(done + n);
	}
	return (int64_t)len;
}

enum { REBOOT_MAGIC1 = 0xfee1dead, REBOOT_RESTART = 0x01234567, REBOOT_HALT = 0xcdef0123,
       REBOOT_POWER_OFF = 0x4321fedc, REBOOT_CAD_ON = 0x89abcdef, REBOOT_CAD_OFF = 0 };

// Partly: power off, restart and halt; no kexec.
SYSCALL4(reboot, uint32_t, magic1, uint32_t, magic2, uint32_t, command, uaddr_t, arg)
{
	(void)arg;
	if (!cred_has_cap(cred_current(), CAP_SYS_BOOT))
		return -EPERM;
	if (magic1 != REBOOT_MAGIC1 || (magic2 != 672274793 && magic2 != 85072278 &&
					magic2 != 369367448 && magic2 != 537993216))
		return -EINVAL;
	switch (command) {
	case REBOOT_POWER_OFF:
	case REBOOT_HALT:
		log_info("power: off");
		hal_power_off();
	case REBOOT_RESTART:
		log_info("power: restart");
		hal_power_reboot();
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0;
	default:
		return -EINVAL;
	}
}

enum { SYSLOG_READ = 2, SYSLOG_READ_ALL = 3, SYSLOG_READ_CLEAR = 4, SYSLOG_CLEAR = 5,
       SYSLOG_CONSOLE_OFF = 6, SYSLOG_CONSOLE_ON = 7, SYSLOG_CONSOLE_LEVEL = 8,
       SYSLOG_SIZE_UNREAD = 9, SYSLOG_SIZE_BUFFER = 10 };
#define SYSLOG_MAX KIB(32)

/** The last @len bytes of the log. */
static int64_t read_log(uaddr_t at, uint64_t len)
{
	uint64_t pos, end;
	char *buf = kmalloc(SYSLOG_MAX);
	if (!buf)
		return -ENOMEM;
	log_extent(&pos, &end);
	len = min(len, (uint64_t)SYSLOG_MAX);
	if (end - pos > len)
		pos = end - len;
	size_t n = log_read(&pos, buf, len);
	int64_t result = mm_copy_out(at, buf, n) ? -EFAULT : (int64_t)n;
	kfree(buf);
	return result;
}

// Partly: reading, levels and size; reading once (2) returns nothing, and clearing keeps the text.
SYSCALL3(syslog, int, type, uaddr_t, at, int, len)
{
	if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER && !cred_has_cap(cred_current(), CAP_SYS_ADMIN) &&
	    !cred_has_cap(cred_current(), CAP_SYSLOG))
		return -EPERM;
	switch (type) {
	case SYSLOG_READ_ALL:
	case SYSLOG_READ_CLEAR:
		return len < 0 ? -EINVAL : read_log(at, (uint64_t)len);
	case SYSLOG_CONSOLE_OFF:
		log_set_console_level(LOG_ERROR);
		return 0;
	case SYSLOG_CONSOLE_ON:
		log_set_console_level(LOG_INFO);
		return 0;
	case SYSLOG_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		log_set_console_level((enum log_level)(len - 1));
		return 0;
	case SYSLOG_SIZE_BUFFER:
		return SYSLOG_MAX;
	case SYSLOG_CLEAR:
	case SYSLOG_SIZE_UNREAD:
	case 0:
	case 1:
		return 0;
	default:
		return -EINVAL;
	}
}

// Partly: Linux's own, in which addresses are never random; the rest: EINVAL.
SYSCALL1(personality, uint32_t, persona)
{
	enum { PER_LINUX = 0, ADDR_NO_RANDOMIZE = 0x40000, QUERY = -1 };
	bool is_own = persona == PER_LINUX || persona == ADDR_NO_RANDOMIZE || persona == (uint32_t)QUERY;
	return is_own ? PER_LINUX : -EINVAL;
}
