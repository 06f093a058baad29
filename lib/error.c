// SPDX-License-Identifier: MIT
// Names of error codes.
#include <lib/error.h>

#include <uapi/errno.h>

const char *err_name(err_t err)
{
	switch (err < 0 ? -(unsigned)err : (unsigned)err) {
	case 0:
		return "OK";
#define ERROR(name, number, text)                                                                  \
	case number:                                                                               \
		return #name;
#define INTERNAL_ERROR ERROR
#include <uapi/errors.def>
	default:
		return "E?";
	}
}
