// SPDX-License-Identifier: MIT
// printf. A conversion is decoded into a struct spec, its digits are made in a small buffer, and
// every piece of text goes out through the caller's function; nothing is allocated.
#include <lib/format.h>

#include <lib/string.h>

#define WIDTH_MAX 65536 // a wild width must not keep the console busy for minutes
#define DIGITS_MAX 24 // 22 octal digits of 2^64-1

struct out {
	fmt_put_fn put;
	void *arg;
	size_t total;
};

enum { LEN_CHAR, LEN_SHORT, LEN_INT, LEN_LONG, LEN_LONG_LONG };

struct spec {
	bool left, zero, plus, space, alternate;
	int width;
	int precision; // negative: none given
	int length;
};

static void emit(struct out *o, const char *text, size_t len)
{
	if (!len)
		return;
	o->put(o->arg, text, len);
	o->total += len;
}

static void emit_fill(struct out *o, char c, size_t count)
{
	char run[16];

	for (size_t i = 0; i < sizeof(run); i++)
		run[i] = c;
	for (; count > sizeof(run); count -= sizeof(run))
		emit(o, run, sizeof(run));
	emit(o, run, count);
}

/** Emit sign or 0x, zeros and text as one field of the spec's width. */
static void emit_field(struct out *o, const struct spec *s, const char *prefix, size_t zeros,
		       const char *text, size_t len)
{
	size_t prefix_len = strlen(prefix);
	size_t used = prefix_len + zeros + len;
	size_t pad = (size_t)s->width > used ? s->width - used : 0;

	if (s->zero && !s->left) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		emit_fill(o, ' ', pad);
	emit(o, prefix, prefix_len);
	emit_fill(o, '0', zeros);
	emit(o, text, len);
	if (s->left)
		emit_fill(o, ' ', pad);
}

/** Write the digits of @value so that they end at @end; returns the first. Zero has none. */
static char *make_digits(char *end, uint64_t value, char conversion)
{
	const char *digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned shift = conversion == 'o' ? 3 : 4;

	if (conversion == 'u') {
		for (; value; value /= 10)
			*--end = digits[value % 10];
	} else {
		for (; value; value >>= shift)
			*--end = digits[value & ((1u << shift) - 1)];
	}
	return end;
}

static void emit_number(struct out *o, struct spec *s, const char *sign, uint64_t value,
			char conversion)
{
	char buf[DIGITS_MAX];
	char *first = make_digits(buf + sizeof(buf), value, conversion);
	size_t len = buf + sizeof(buf) - first;
	size_t least = s->precision < 0 ? 1 : s->precision;

	if (s->precision >= 0)
		s->zero = false;
	if (s->alternate && conversion == 'o' && least <= len)
		least = len + 1;
	if (s->alternate && value && conversion == 'x')
		sign = "0x";
	if (s->alternate && value && conversion == 'X')
		sign = "0X";
	emit_field(o, s, sign, least > len ? least - len : 0, first, len);
}

// va_list may be an array type, of which only a pointer to a struct member passes through calls.
struct args {
	va_list ap;
};

static uint64_t next_unsigned(struct args *a, int length)
{
	switch (length) {
	case LEN_CHAR:
		return (unsigned char)va_arg(a->ap, unsigned);
	case LEN_SHORT:
		return (unsigned short)va_arg(a->ap, unsigned);
	case LEN_LONG:
		return va_arg(a->ap, unsigned long);
	case LEN_LONG_LONG:
		return va_arg(a->ap, unsigned long long);
	default:
		return va_arg(a->ap, unsigned);
	}
}

static int64_t next_signed(struct args *a, int length)
{
	uint64_t value = next_unsigned(a, length);

	switch (length) {
	case LEN_CHAR:
		return (signed char)value;
	case LEN_SHORT:
		return (short)value;
	case LEN_INT:
		return (int)value;
	default:
		return (int64_t)value;
	}
}

static void emit_signed(struct out *o, struct spec *s, int64_t value)
{
	const char *sign = value < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	emit_number(o, s, sign, value < 0 ? -(uint64_t)value : (uint64_t)value, 'u');
}

static void emit_string(struct out *o, struct spec *s, const char *text)
{
	size_t max = s->precision < 0 ? SIZE_MAX : (size_t)s->precision;

	if (!text)
		text = "(null)";
	s->zero = false;
	emit_field(o, s, "", 0, text, strnlen(text, max));
}

static void emit_char(struct out *o, struct spec *s, char c)
{
	s->zero = false;
	emit_field(o, s, "", 0, &c, 1);
}

/** Emit the argument that @conversion asks for; false when there is no such conversion. */
static bool convert(struct out *o, struct spec *s, char conversion, struct args *a)
{
	switch (conversion) {
	case 'd':
	case 'i':
		emit_signed(o, s, next_signed(a, s->length));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		emit_number(o, s, "", next_unsigned(a, s->length), conversion);
		return true;
	case 'p':
		emit_number(o, s, "0x", (uintptr_t)va_arg(a->ap, void *), 'x');
		return true;
	case 'c':
		emit_char(o, s, va_arg(a->ap, int));
		return true;
	case 's':
		emit_string(o, s, va_arg(a->ap, const char *));
		return true;
	case '%':
		emit(o, "%", 1);
		return true;
	default:
		return false;
	}
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++) {
		switch (*p) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->alternate = true;
			break;
		default:
			return p;
		}
	}
}

/** A number or '*'; WIDTH_MAX at most. */
static const char *parse_count(const char *p, int *count, struct args *a)
{
	*count = 0;
	if (*p == '*') {
		*count = va_arg(a->ap, int);
		p++;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		*count = min(*count * 10 + (*p - '0'), WIDTH_MAX);
	*count = max(min(*count, WIDTH_MAX), -WIDTH_MAX);
	return p;
}

static const char *parse_length(const char *p, struct spec *s)
{
	s->length = LEN_INT;
	switch (*p) {
	case 'h':
		s->length = p[1] == 'h' ? LEN_CHAR : LEN_SHORT;
		return p + (p[1] == 'h' ? 2 : 1);
	case 'l':
		s->length = p[1] == 'l' ? LEN_LONG_LONG : LEN_LONG;
		return p + (p[1] == 'l' ? 2 : 1);
	case 'z':
	case 't':
		s->length = LEN_LONG;
		return p + 1;
	case 'j':
		s->length = LEN_LONG_LONG;
		return p + 1;
	default:
		return p;
	}
}

/** Decode what stands between '%' and the conversion character; returns the latter's place. */
static const char *parse_spec(const char *p, struct spec *s, struct args *a)
{
	*s = (struct spec){.precision = -1};
	p = parse_flags(p, s);
	p = parse_count(p, &s->width, a);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*p == '.')
		p = parse_count(p + 1, &s->precision, a);
	return parse_length(p, s);
}

size_t fmt_print(fmt_put_fn put, void *arg, const char *fmt, va_list ap)
{
	struct out o = {.put = put, .arg = arg};
	struct args a;

	va_copy(a.ap, ap);
	while (*fmt) {
		const char *p = fmt;
		struct spec s;

		while (*p && *p != '%')
			p++;
		emit(&o, fmt, p - fmt);
		if (!*p)
			break;
		fmt = parse_spec(p + 1, &s, &a);
		// An unknown conversion is shown as it stands: better than dropping it.
		if (!convert(&o, &s, *fmt, &a))
			emit(&o, p, fmt - p + (*fmt != '\0'));
		if (*fmt)
			fmt++;
	}
	va_end(a.ap);
	return o.total;
}

struct buffer {
	char *text;
	size_t size;
	size_t used; // including what did not fit
};

static void put_buffer(void *arg, const char *text, size_t len)
{
	struct buffer *b = arg;

	if (b->used < b->size)
		memcpy(b->text + b->used, text, min(len, b->size - b->used));
	b->used += len;
}

size_t fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct buffer b = {.text = buf, .size = size};

	fmt_print(put_buffer, &b, fmt, ap);
	if (size)
		buf[min(b.used, size - 1)] = '\0';
	return b.used;
}

size_t fmt_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	size_t len = fmt_vsnprintf(buf, size, fmt, ap);

	va_end(ap);
	return len;
}
