// SPDX-License-Identifier: MIT
// Scan codes, set 1: a key's number, with bit 7 when it is let go; 0xe0 before the keys that the
// first PC did not have. Pause is 0xe1 and two more bytes.
#include <lib/scancode.h>

#include <lib/string.h>

#define RELEASED 0x80
#define EXTENDED 0xe0
#define PAUSE 0xe1
#define PAUSE_REST 2 // of the press; the release comes by itself in the same form

enum { KEY_CONTROL = 0x1d, KEY_SHIFT = 0x2a, KEY_SHIFT_RIGHT = 0x36, KEY_ALT = 0x38, KEY_CAPS = 0x3a };

// From 0x00; \0 = makes no character.
static const char plain[] = "\0\033"
			    "1234567890-=\177\t"
			    "qwertyuiop[]\r\0"
			    "asdfghjkl;'`\0\\"
			    "zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
			      "!@#$%^&*()_+\177\t"
			      "QWERTYUIOP{}\r\0"
			      "ASDFGHJKL:\"~\0|"
			      "ZXCVBNM<>?\0*\0 ";
#define KEYPAD_FIRST 0x47
static const char keypad[] = "789-456+1230.";
#define KEY_102ND 0x56 // beside the left shift of keyboards with 102 keys

static const struct {
	uint8_t code;
	bool is_extended;
	const char *text;
} sequences[] = {
	{0x48, true, "\033[A"},	 {0x50, true, "\033[B"},   {0x4d, true, "\033[C"},
	{0x4b, true, "\033[D"},	 {0x47, true, "\033[1~"},  {0x52, true, "\033[2~"},
	{0x53, true, "\033[3~"}, {0x4f, true, "\033[4~"},  {0x49, true, "\033[5~"},
	{0x51, true, "\033[6~"}, {0x35, true, "/"},	   {0x1c, true, "\r"},
	{0x3b, false, "\033[[A"}, {0x3c, false, "\033[[B"}, {0x3d, false, "\033[[C"},
	{0x3e, false, "\033[[D"}, {0x3f, false, "\033[[E"}, {0x40, false, "\033[17~"},
	{0x41, false, "\033[18~"}, {0x42, false, "\033[19~"}, {0x43, false, "\033[20~"},
	{0x44, false, "\033[21~"}, {0x57, false, "\033[23~"}, {0x58, false, "\033[24~"},
};

/** True: @key is one that only changes the others. */
static bool take_modifier(struct scancode *s, uint8_t key, bool is_extended, bool is_pressed)
{
	switch (key) {
	case KEY_CONTROL: s->control[is_extended] = is_pressed; return true;
	case KEY_ALT: s->alt[is_extended] = is_pressed; return true;
	case KEY_SHIFT:
	case KEY_SHIFT_RIGHT:
		// 0xe0 before a shift is the keyboard's own doing, around keys of the middle block.
		if (!is_extended)
			s->shift[key == KEY_SHIFT_RIGHT] = is_pressed;
		return true;
	case KEY_CAPS:
		s->caps_lock ^= is_pressed;
		return true;
	}
	return false;
}

static char character(const struct scancode *s, uint8_t key)
{
	bool is_shifted = s->shift[0] || s->shift[1];
	char c = 0;
	if (key < sizeof(plain) - 1) {
		c = plain[key];
		if (c >= 'a' && c <= 'z')
			is_shifted ^= s->caps_lock;
		c = is_shifted ? shifted[key] : c;
	} else if (key >= KEYPAD_FIRST && key < KEYPAD_FIRST + sizeof(keypad) - 1) {
		c = keypad[key - KEYPAD_FIRST];
	} else if (key == KEY_102ND) {
		c = is_shifted ? '>' : '<';
	}
	if ((s->control[0] || s->control[1]) && c) {
		if (c == ' ' || c == '2')
			return 0; // NUL, which is not "nothing"
		if (c == '?' || c == '/')
			return c == '?' ? 0x7f : 0x1f;
		if ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z'))
			return c & 0x1f;
	}
	return c;
}

static bool makes_nul(const struct scancode *s, uint8_t key)
{
	return (s->control[0] || s->control[1]) && (key == 0x39 || key == 0x03);
}

static size_t press(const struct scancode *s, uint8_t key, bool is_extended, char *text)
{
	for (size_t i = 0; i < array_len(sequences); i++) {
		if (sequences[i].code == key && sequences[i].is_extended == is_extended) {
			size_t len = strlen(sequences[i].text);
			memcpy(text, sequences[i].text, len);
			return len;
		}
	}
	if (is_extended)
		return 0;
	char c = character(s, key);
	if (c == 0 && !makes_nul(s, key))
		return 0;
	size_t len = 0;
	if (s->alt[0] || s->alt[1])
		text[len++] = '\033';
	text[len++] = c;
	return len;
}

size_t scancode_feed(struct scancode *s, uint8_t code, char text[SCANCODE_TEXT_MAX])
{
	if (s->skip > 0) {
		s->skip--;
		return 0;
	}
	if (code == PAUSE) {
		s->skip = PAUSE_REST;
		return 0;
	}
	if (code == EXTENDED) {
		s->is_extended = true;
		return 0;
	}
	bool is_extended = s->is_extended, is_pressed = !(code & RELEASED);
	uint8_t key = code & (uint8_t)~RELEASED;
	s->is_extended = false;
	if (take_modifier(s, key, is_extended, is_pressed) || !is_pressed)
		return 0;
	return press(s, key, is_extended, text);
}
