// SPDX-License-Identifier: MIT
// Names of error codes.
#include <lib/error.h>

#include <uapi/errno.h>

// Internal codes begin at 512: in one switch with the others the compiler makes a table of 517 pointers.
static const char *internal_name(unsigned code)
{
	switch (code) {
#define INTERNAL_ERROR(name, number, text)                                                         \
	case number:                                                                               \
		return #name;
#include <uapi/errors.def>
	default:
		return "E?";
	}
}

// A table, which a compiler that is to save space does not make of a switch.
static const char *const names[] = {
	[0] = "OK",
#define ERROR(name, number, text) [number] = #name,
#include <uapi/errors.def>
};

const char *err_name(err_t err)
{
	unsigned code = err < 0 ? -(unsigned)err : (unsigned)err;
	return code < array_len(names) && names[code] ? names[code] : internal_name(code);
}
