// SPDX-License-Identifier: MIT
// The error codes of errors.def as constants. A hosted source that already has the C library's
// <errno.h> keeps that one's macros: they are the same numbers.
#pragma once

#ifndef EPERM
enum {
#define ERROR(name, number, text) name = number,
#include <uapi/errors.def>
};
#define EWOULDBLOCK EAGAIN
#define EDEADLOCK EDEADLK
#define ENOTSUP EOPNOTSUPP
#endif

enum {
#define INTERNAL_ERROR(name, number, text) name = number,
#include <uapi/errors.def>
};
