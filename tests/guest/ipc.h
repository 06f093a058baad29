// SPDX-License-Identifier: MIT
// The native calls for guest programs: one function, all registers of the agreement in uapi/ipc.h.
#pragma once

#include <uapi/ipc.h>

#include "check.h"

struct message {
	uint64_t tag, words[8]; // in and out
	uint64_t badge, sender; // out, of a receive
};

/** Native call @number with @fd and @m; returns the status. */
static inline long ipc(long number, long fd, struct message *m)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = m->words[1], r8 __asm__("r8") = m->words[2];
	register uint64_t r9 __asm__("r9") = m->words[3], r12 __asm__("r12") = m->words[4];
	register uint64_t r13 __asm__("r13") = m->words[5], r14 __asm__("r14") = m->words[6];
	register uint64_t r15 __asm__("r15") = m->words[7];
	uint64_t badge = (uint64_t)fd, word0 = m->words[0], tag = m->tag, sender = 0;
	__asm__ volatile("syscall"
			 : "+a"(number), "+D"(badge), "+S"(tag), "+d"(word0), "+b"(sender), "+r"(r10),
			   "+r"(r8), "+r"(r9), "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15)
			 :
			 : "rcx", "r11", "memory");
	*m = (struct message){ tag, { word0, r10, r8, r9, r12, r13, r14, r15 }, badge, sender };
	return number;
#elif defined(__aarch64__)
	register uint64_t x8 __asm__("x8") = (uint64_t)number, x0 __asm__("x0") = (uint64_t)fd;
	register uint64_t x1 __asm__("x1") = m->tag, x2 __asm__("x2") = m->words[0];
	register uint64_t x3 __asm__("x3") = m->words[1], x4 __asm__("x4") = m->words[2];
	register uint64_t x5 __asm__("x5") = m->words[3], x6 __asm__("x6") = m->words[4];
	register uint64_t x7 __asm__("x7") = m->words[5], x9 __asm__("x9") = m->words[6];
	register uint64_t x10 __asm__("x10") = m->words[7];
	register uint64_t x11 __asm__("x11") = 0, x12 __asm__("x12") = 0;
	__asm__ volatile("svc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7),
			   "+r"(x9), "+r"(x10), "+r"(x11), "+r"(x12)
			 : "r"(x8)
			 : "memory");
	*m = (struct message){ x1, { x2, x3, x4, x5, x6, x7, x9, x10 }, x11, x12 };
	return (long)x0;
#else
	register uint64_t a7 __asm__("a7") = (uint64_t)number, a0 __asm__("a0") = (uint64_t)fd;
	register uint64_t a1 __asm__("a1") = m->tag, a2 __asm__("a2") = m->words[0];
	register uint64_t a3 __asm__("a3") = m->words[1], a4 __asm__("a4") = m->words[2];
	register uint64_t a5 __asm__("a5") = m->words[3], a6 __asm__("a6") = m->words[4];
	register uint64_t t0 __asm__("t0") = m->words[5], t1 __asm__("t1") = m->words[6];
	register uint64_t t2 __asm__("t2") = m->words[7];
	register uint64_t t3 __asm__("t3") = 0, t4 __asm__("t4") = 0;
	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5), "+r"(a6), "+r"(t0),
			   "+r"(t1), "+r"(t2), "+r"(t3), "+r"(t4)
			 : "r"(a7)
			 : "memory");
	*m = (struct message){ a1, { a2, a3, a4, a5, a6, t0, t1, t2 }, t3, t4 };
	return (long)a0;
#endif
}

/** A call whose arguments behind the descriptor are @a, @b and @c. */
static inline long ipc3(long number, long fd, uint64_t a, uint64_t b, uint64_t c)
{
	struct message m = { .tag = a, .words = { b, c } };
	return ipc(number, fd, &m);
}

static inline long ipc_endpoint(void)
{
	struct message m = { 0 };
	return ipc(IPC_ENDPOINT, 0, &m);
}

static inline long ipc_restrict(long fd, uint64_t rights)
{
	struct message m = { .tag = rights };
	return ipc(IPC_RESTRICT, fd, &m);
}

static inline long ipc_mint(long fd, uint64_t rights, uint64_t badge)
{
	struct message m = { .tag = rights, .words = { badge } };
	return ipc(IPC_MINT, fd, &m);
}

static inline long ipc_revoke(long fd)
{
	struct message m = { 0 };
	return ipc(IPC_REVOKE, fd, &m);
}

/** Call with one word: the status; the answer's word in @word, the tag's high half in @taken. */
static inline long ipc_call1(long fd, uint64_t *word, uint64_t *taken)
{
	struct message m = { .tag = IPC_TAG(7, 1), .words = { *word } };
	long status = ipc(IPC_CALL, fd, &m);
	*word = m.words[0];
	if (taken)
		*taken = m.tag & IPC_TAG_TAKEN;
	return status;
}

/** Native call with an argument block; the words of @m are those of the message, word 0 too. */
static inline long ipc_with(long number, long fd, struct message *m, struct ipc_block *block)
{
	block->word0 = m->words[0];
	m->words[0] = (uintptr_t)block;
	m->tag |= IPC_TAG_BLOCK;
	return ipc(number, fd, m);
}

/** Wait until thread @tid of process @pid sleeps. */
static inline void until_blocked(pid_t pid, pid_t tid)
{
	char path[64], text[256];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	for (;;) {
		int fd = open(path, O_RDONLY);
		CHECK(fd >= 0);
		ssize_t size = read(fd, text, sizeof(text) - 1);
		CHECK(size > 0 && close(fd) == 0);
		text[size] = '\0';
		char *end = strrchr(text, ')');
		CHECK(end);
		if (end[2] == 'S')
			return;
		sched_yield();
	}
}
