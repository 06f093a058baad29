// SPDX-License-Identifier: MIT
// What the two files of socket calls share.
#pragma once

#include <fs/fs.h>
#include <fs/socket.h>
#include <object/file.h>

#include "syscall.h"

enum { AF_UNSPEC = 0, AF_UNIX = 1 };

struct linux_sockaddr_un {
	uint16_t family;
	char path[FS_SOCKET_NAME_MAX];
};

/** The socket behind @fd. -EBADF, -ENOTSOCK. */
must_check err_t abi_take_socket(uint32_t fd, struct file_ref *ref);
/** A Unix address, or one of no family. -EINVAL, -EFAULT. */
must_check err_t abi_get_socket_name(uaddr_t at, uint32_t len, struct fs_socket_name *name,
				     bool *is_unspecified);
/** The length of the whole address. */
uint32_t abi_make_sockaddr(const struct fs_socket_name *name, struct linux_sockaddr_un *out);
/** Write as much as the length at @len_at allows, and the whole length there. */
must_check err_t abi_put_socket_name(uaddr_t at, uaddr_t len_at, const struct fs_socket_name *name);
