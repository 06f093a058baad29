// SPDX-License-Identifier: MIT
// One line in the kernel log for each system call of a traced process, with its arguments decoded, for
// when a program does not run:
//
//   [    0.412345] trace: 12 openat(AT_FDCWD, "/etc/motd", 0x8000, 0) = -1 ENOENT
//
// Tracing is a second table of calls, all of them the same function, which finds the real one by the number
// in the frame. Nobody pays for it until a process is traced for the first time (/proc/PID/trace); then
// every call is looked at, until the next boot. A process inherits it from its parent.
//
// How arguments look is a letter each, kept with the names in trace_formats.def:
//   d number   u unsigned   x hexadecimal   o octal   p address   f directory descriptor   s path or text
//   w bytes to be written, as many as the next argument says   r bytes that were read, as many as the result
//   g signal   v vector of texts   t seconds and nanoseconds
// What the call fills in (r) is shown after it, everything else as it was before.
#include "syscall.h"

#include <abi/init.h>
#include <fs/fs.h>
#include <kernel/log.h>
#include <kernel/syscall.h>
#include <kernel/upcall.h>
#include <lib/error.h>
#include <lib/format.h>
#include <lib/string.h>
#include <proc/signal.h>

#define LINE_SIZE 232 // of the log's 256, with what it puts in front
#define TEXT_SHOWN 48
#define VECTOR_SHOWN 6
#define ARGS 6

struct line {
	size_t len;
	char text[LINE_SIZE];
};

struct format {
	const char *name;
	const char *args; // a letter for each; '=' and the result's at the end, if it is not a number
};

static const struct format formats[] = {
#define FORMAT(name, args) {#name, args},
#include "trace_formats.def"
#undef FORMAT
};

static void put(struct line *line, const char *fmt, ...) printf_like(2, 3);
static void put(struct line *line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line->len += fmt_vsnprintf(line->text + line->len, LINE_SIZE - line->len, fmt, ap);
	va_end(ap);
	line->len = min(line->len, (size_t)LINE_SIZE - 1);
}

static void put_bytes(struct line *line, const char *bytes, size_t len, bool is_whole)
{
	put(line, "\"");
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)bytes[i];
		if (c == '\n')
			put(line, "\\n");
		else if (c == '"' || c == '\\')
			put(line, "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			put(line, "\\x%02x", c);
		else
			put(line, "%c", c);
	}
	put(line, is_whole ? "\"" : "\"...");
}

static void put_text(struct line *line, uaddr_t at)
{
	char text[TEXT_SHOWN + 1];
	err_t len = at ? mm_copy_in_string(text, at, sizeof(text)) : 0;
	if (!at)
		put(line, "NULL");
	else if (len == -EFAULT)
		put(line, "0x%llx", (unsigned long long)at);
	else
		put_bytes(line, text, len < 0 ? TEXT_SHOWN : (size_t)len, len >= 0);
}

static void put_buffer(struct line *line, uaddr_t at, int64_t len)
{
	char bytes[TEXT_SHOWN];
	size_t shown = len > 0 ? min((uint64_t)len, (uint64_t)TEXT_SHOWN) : 0;
	if (len < 0 || mm_copy_in(bytes, at, shown))
		put(line, "0x%llx", (unsigned long long)at);
	else
		put_bytes(line, bytes, shown, (size_t)len == shown);
}

static void put_vector(struct line *line, uaddr_t at)
{
	uint64_t text;
	put(line, "[");
	for (unsigned i = 0; at && i < VECTOR_SHOWN; i++, at += sizeof(text)) {
		if (mm_copy_in(&text, at, sizeof(text)) || !text)
			break;
		put(line, "%s", i ? ", " : "");
		put_text(line, text);
	}
	put(line, "]");
}

static void put_time(struct line *line, uaddr_t at)
{
	struct linux_timespec time;
	if (!at)
		put(line, "NULL");
	else if (mm_copy_in(&time, at, sizeof(time)))
		put(line, "0x%llx", (unsigned long long)at);
	else
		put(line, "{%lld, %lld}", (long long)time.sec, (long long)time.nsec);
}

static void put_arg(struct line *line, char kind, uint64_t value, uint64_t next)
{
	switch (kind) {
	case 'd':
		put(line, "%d", (int)value);
		break;
	case 'u':
		put(line, "%llu", (unsigned long long)value);
		break;
	case 'o':
		put(line, "0%llo", (unsigned long long)value);
		break;
	case 'f':
		if ((int)value == FS_AT_CWD)
			put(line, "AT_FDCWD");
		else
			put(line, "%d", (int)value);
		break;
	case 's':
		put_text(line, value);
		break;
	case 'w':
		put_buffer(line, value, (int64_t)next);
		break;
	case 'g':
		put(line, "SIG%d", (int)value);
		break;
	case 'v':
		put_vector(line, value);
		break;
	case 't':
		put_time(line, value);
		break;
	case 'p':
		if (!value)
			put(line, "NULL");
		else
			put(line, "0x%llx", (unsigned long long)value);
		break;
	default:
		put(line, "0x%llx", (unsigned long long)value);
	}
}

/** Arguments from @from on, up to what only the result tells; returns where that is. */
static unsigned put_args(struct line *line, const char *kinds, unsigned from, const uint64_t args[ARGS])
{
	unsigned i = from;
	for (; i < ARGS && kinds[i] && kinds[i] != '=' && (kinds[i] != 'r' || i < from); i++) {
		put(line, "%s", i ? ", " : "");
		put_arg(line, kinds[i], args[i], i + 1 < ARGS ? args[i + 1] : 0);
	}
	return i;
}

static void put_result(struct line *line, const char *kinds, int64_t result)
{
	const char *kind = strchr(kinds, '=');
	if (result < 0 && result >= -4095)
		put(line, ") = -1 %s", result <= -ERESTARTSYS ? "(begun again)" : err_name((err_t)result));
	else if (kind)
		put(line, ") = 0x%llx", (unsigned long long)result);
	else
		put(line, ") = %lld", (long long)result);
}

static void say(const struct line *line)
{
	log_info("trace: %u %s", current_thread()->proc.tid, line->text);
}

static const char *kinds_of(const char *name)
{
	for (size_t i = 0; i < array_len(formats); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].args;
	}
	return "xxxxxx";
}

/** Calls that do not come back here, or change what their arguments point at. */
static bool is_last_word(const char *name)
{
	return strcmp(name, "exit") == 0 || strcmp(name, "exit_group") == 0 ||
	       strcmp(name, "rt_sigreturn") == 0;
}

static int64_t trace_call(linux_syscall_fn fn, uint64_t nr, const uint64_t args[ARGS])
{
	const char *name = linux_syscall_name(nr), *kinds = fn ? kinds_of(name) : "xxxxxx";
	struct line line = {0};
	if (fn)
		put(&line, "%s(", name);
	else
		put(&line, "call_%llu(", (unsigned long long)nr);
	unsigned done = put_args(&line, kinds, 0, args);
	if (is_last_word(name)) {
		put(&line, ") = ?");
		say(&line);
	}
	int64_t result = fn ? fn(args[0], args[1], args[2], args[3], args[4], args[5]) : -ENOSYS;
	if (is_last_word(name))
		return result;
	if (done < ARGS && kinds[done] == 'r') {
		put(&line, "%s", done ? ", " : "");
		put_buffer(&line, args[done], result);
		(void)put_args(&line, kinds, done + 1, args);
	}
	put_result(&line, kinds, result == SYSCALL_FRAME_WRITTEN ? 0 : result);
	say(&line);
	return result;
}

static int64_t traced(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	const uint64_t args[ARGS] = {a, b, c, d, e, f};
	uint64_t nr = hal_tf_syscall_nr(abi_frame());
	linux_syscall_fn fn = linux_syscalls[nr];
	if (load_relaxed(&current_process()->is_traced))
		return trace_call(fn, nr, args);
	if (fn)
		return fn(a, b, c, d, e, f);
	upcall_unknown_syscall(abi_frame(), nr);
	return hal_tf_result(abi_frame());
}

/** Filled when it is needed first, so that images do not carry it; all who fill it write the same. */
static linux_syscall_fn traced_syscalls[LINUX_SYSCALLS];

void abi_trace(struct process *process, bool is_traced)
{
	store_relaxed(&process->is_traced, is_traced);
	if (!is_traced)
		return;
	for (size_t i = 0; i < LINUX_SYSCALLS; i++)
		traced_syscalls[i] = traced;
	store_release(&linux_syscall_table, traced_syscalls);
}
