// SPDX-License-Identifier: MIT
// Linux's terminal settings and ioctls: the same on the three architectures (asm-generic).
#pragma once

#include <lib/types.h>

#define TERMIOS_CC 19

struct termios2 {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[TERMIOS_CC];
	uint32_t ispeed, ospeed;
};
#define TERMIOS_SIZE 36 // struct termios: without the speeds
static_assert(sizeof(struct termios2) == 44, "layout of termios2");
static_assert(offsetof(struct termios2, ispeed) == TERMIOS_SIZE, "layout of termios");

/** The settings of System V: TCGETA and TCSETA. */
struct termio {
	uint16_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[8];
};
static_assert(sizeof(struct termio) == 18, "layout of termio");

struct winsize {
	uint16_t rows, columns, x_pixels, y_pixels;
};

enum { // indices of cc
	VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL, VREPRINT,
	VDISCARD, VWERASE, VLNEXT, VEOL2
};
enum { // iflag
	IGNBRK = 01, BRKINT = 02, IGNPAR = 04, PARMRK = 010, INPCK = 020, ISTRIP = 040,
	INLCR = 0100, IGNCR = 0200, ICRNL = 0400, IUCLC = 01000, IXON = 02000, IXANY = 04000,
	IXOFF = 010000, IMAXBEL = 020000, IUTF8 = 040000
};
enum { // oflag
	OPOST = 01, OLCUC = 02, ONLCR = 04, OCRNL = 010, ONOCR = 020, ONLRET = 040, TABDLY = 014000,
	XTABS = 014000
};
enum { // cflag
	CBAUD = 010017, B38400 = 017, B115200 = 010002, CS8 = 060, CREAD = 0200, HUPCL = 02000,
	CLOCAL = 04000
};
enum { // lflag
	ISIG = 01, ICANON = 02, ECHO = 010, ECHOE = 020, ECHOK = 040, ECHONL = 0100, NOFLSH = 0200,
	TOSTOP = 0400, ECHOCTL = 01000, ECHOPRT = 02000, ECHOKE = 04000, FLUSHO = 010000,
	PENDIN = 040000, IEXTEN = 0100000, EXTPROC = 0200000
};

#define TCGETS 0x5401u
#define TCSETS 0x5402u
#define TCSETSW 0x5403u
#define TCSETSF 0x5404u
#define TCGETA 0x5405u
#define TCSETA 0x5406u
#define TCSETAW 0x5407u
#define TCSETAF 0x5408u
#define TCSBRK 0x5409u
#define TCXONC 0x540au
#define TCFLSH 0x540bu
#define TIOCEXCL 0x540cu
#define TIOCNXCL 0x540du
#define TIOCSCTTY 0x540eu
#define TIOCGPGRP 0x540fu
#define TIOCSPGRP 0x5410u
#define TIOCOUTQ 0x5411u
#define TIOCSTI 0x5412u
#define TIOCGWINSZ 0x5413u
#define TIOCSWINSZ 0x5414u
#define TIOCINQ 0x541bu // FIONREAD
#define TIOCNOTTY 0x5422u
#define TIOCSETD 0x5423u
#define TIOCGETD 0x5424u
#define TCSBRKP 0x5425u
#define TIOCSBRK 0x5427u
#define TIOCCBRK 0x5428u
#define TIOCGSID 0x5429u
#define TIOCVHANGUP 0x5437u
#define TCGETS2 0x802c542au
#define TCSETS2 0x402c542bu
#define TCSETSW2 0x402c542cu
#define TCSETSF2 0x402c542du
#define TIOCGPTN 0x80045430u
#define TIOCSPTLCK 0x40045431u
#define TIOCGPTLCK 0x80045439u
#define TIOCGPTPEER 0x5441u

enum { TCOOFF, TCOON, TCIOFF, TCION }; // TCXONC
enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH }; // TCFLSH
