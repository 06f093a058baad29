// SPDX-License-Identifier: MIT
// What code compiled with -fsanitize=undefined calls when it is about to do something undefined: a
// panic that says what and where. Only in sanitized images; the layout of what is passed is the
// compilers' own (gcc's libsanitizer, ubsan_handlers.h).
#include <kernel/panic.h>
#include <lib/types.h>

struct source_location {
	const char *file;
	uint32_t line, column;
};

struct type_descriptor {
	uint16_t kind, info;
	char name[];
};

struct type_mismatch {
	struct source_location location;
	const struct type_descriptor *type;
	uint8_t log_alignment, kind;
};

static const char *const access_kinds[] = {
	"load of", "store to", "reference to", "member access within", "member call on",
	"constructor call on", "downcast of", "downcast of", "upcast of", "cast to virtual base of",
};

static void report(const struct source_location *at, const char *what)
{
	if (!panic_is_active())
		panic("undefined behaviour: %s:%u:%u: %s", at->file, at->line, at->column, what);
}

#define UNUSED(name) uintptr_t name __attribute__((unused))
/** One that knows only where it is: every descriptor begins with the place. */
#define HANDLER(name, what, ...)                                                                   \
	void __ubsan_handle_##name(const struct source_location *at, ##__VA_ARGS__);               \
	void __ubsan_handle_##name(const struct source_location *at, ##__VA_ARGS__)                \
	{                                                                                          \
		report(at, what);                                                                  \
	}

HANDLER(add_overflow, "signed addition overflows", UNUSED(a), UNUSED(b))
HANDLER(sub_overflow, "signed subtraction overflows", UNUSED(a), UNUSED(b))
HANDLER(mul_overflow, "signed multiplication overflows", UNUSED(a), UNUSED(b))
HANDLER(negate_overflow, "signed negation overflows", UNUSED(a))
HANDLER(divrem_overflow, "division by zero or overflow", UNUSED(a), UNUSED(b))
HANDLER(shift_out_of_bounds, "shift by more than the type has, or of a negative number",
	UNUSED(a), UNUSED(b))
HANDLER(out_of_bounds, "array index out of bounds", UNUSED(index))
HANDLER(load_invalid_value, "a value that the type (bool, enum) does not have", UNUSED(value))
HANDLER(builtin_unreachable, "unreachable code is reached")
HANDLER(missing_return, "the end of a function that returns a value")
HANDLER(vla_bound_not_positive, "array of variable length below 1", UNUSED(bound))
HANDLER(nonnull_arg, "NULL for an argument that must not be")
HANDLER(nonnull_return_v1, "NULL returned where it must not be",
	UNUSED(where))
HANDLER(pointer_overflow, "pointer arithmetic overflows", UNUSED(a), UNUSED(b))
HANDLER(invalid_builtin, "zero for a builtin that forbids it")
HANDLER(float_cast_overflow, "floating-point number out of the range of the type",
	UNUSED(a))

void __ubsan_handle_type_mismatch_v1(const struct type_mismatch *data, uintptr_t pointer);
void __ubsan_handle_type_mismatch_v1(const struct type_mismatch *data, uintptr_t pointer)
{
	const char *kind = data->kind < array_len(access_kinds) ? access_kinds[data->kind] : "access to";
	uintptr_t alignment = 1ul << data->log_alignment;
	const char *why = !pointer ? "a null pointer"
			  : pointer & (alignment - 1) ? "a misaligned address"
						      : "an object too small";
	if (!panic_is_active())
		panic("undefined behaviour: %s:%u:%u: %s %s (0x%lx) of type %s", data->location.file,
		      data->location.line, data->location.column, kind, why, (unsigned long)pointer,
		      data->type->name);
}
