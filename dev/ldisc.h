// SPDX-License-Identifier: MIT
// The line discipline (Linux's N_TTY): what happens to bytes between a terminal and the programs
// that read and write it. Pure: no locks, no sleeping, no devices; the tty calls it under its
// lock.
#pragma once

#include "termios.h"

#define LDISC_INPUT 4096 // a line can have 4095 bytes and its end

struct ldisc;

/** What the owner does for it. */
struct ldisc_ops {
	/** Bytes for the terminal, ready to go out: echo. */
	void (*echo)(struct ldisc *ldisc, const char *text, size_t len);
	/** VINTR, VQUIT or VSUSP was typed. The input is flushed already. */
	void (*signal)(struct ldisc *ldisc, int signo);
	/** Flush output that has not reached the terminal yet. */
	void (*flush_output)(struct ldisc *ldisc);
	/** Output is stopped (VSTOP) or goes on. */
	void (*set_stopped)(struct ldisc *ldisc, bool is_stopped);
};

/** Input is a ring of bytes: [tail, committed) can be read in canonical mode, [committed, head)
 *  is the line being edited; otherwise all can be read. Positions only grow. */
struct ldisc {
	const struct ldisc_ops *ops;
	struct termios2 termios;
	uint32_t tail, committed, head;
	uint8_t bytes[LDISC_INPUT];
	uint8_t ends[LDISC_INPUT]; // the byte ends a line: LINE_END, LINE_EOF (is itself not read)
	uint32_t column; // of the terminal
	uint32_t line_column; // ... where the line being edited began
	bool is_stopped;
	bool is_literal; // VLNEXT was typed
	bool is_erasing; // inside \.../ of ECHOPRT
};

void ldisc_init(struct ldisc *ldisc, const struct ldisc_ops *ops);
/** New settings: what becomes of bytes already there. */
void ldisc_set_termios(struct ldisc *ldisc, const struct termios2 *termios);
/** @len bytes typed at the terminal; returns how many were consumed: fewer when the buffer is
 *  full of what nobody read yet. */
size_t ldisc_receive(struct ldisc *ldisc, const uint8_t *bytes, size_t len);
/** Take up to @len bytes: in canonical mode of one line, *@is_end when its end was reached (0
 *  bytes and the end: end of file). */
size_t ldisc_read(struct ldisc *ldisc, uint8_t *to, size_t len, bool *is_end);
/** A read would find at least @amount bytes, or a line in canonical mode. */
bool ldisc_has_input(const struct ldisc *ldisc, unsigned amount);
/** What FIONREAD gives. */
uint32_t ldisc_input_count(const struct ldisc *ldisc);
void ldisc_flush_input(struct ldisc *ldisc);
/** Stop output or let it go on, as VSTOP and VSTART do. */
void ldisc_set_stopped(struct ldisc *ldisc, bool is_stopped);
/** Process program output by the o-flags: bytes made in @to (@size at least 8); *@used of @len
 *  consumed, as many as fit. */
size_t ldisc_output(struct ldisc *ldisc, const uint8_t *from, size_t len, size_t *used, char *to,
		    size_t size);

static inline bool ldisc_is_canonical(const struct ldisc *ldisc)
{
	return ldisc->termios.lflag & ICANON;
}
