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

const char *err_name(err_t err)
{
	unsigned code = err < 0 ? -(unsigned)err : (unsigned)err;
	switch (code) {
	case 0:
		return "OK";
#define ERROR(name, number, text)                                                                  \
	case number:                                                                               \
		return #name;
#include <uapi/errors.def>
	default:
		return internal_name(code);
	}
}
