// SPDX-License-Identifier: MIT
// System calls of sockets: pairs of connected Unix stream sockets. There is no network.
#include "syscall.h"

#include <fs/fs.h>
#include <mm/io_vec.h>
#include <object/file.h>
#include <proc/signal.h>

enum { AF_UNIX = 1, SOCK_STREAM = 1, SOCK_TYPE_MASK = 15, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000 };

SYSCALL4(socketpair, uint32_t, domain, uint32_t, type, uint32_t, protocol, uaddr_t, at)
{
	struct file *ends[2];
	if (domain != AF_UNIX)
		return -EAFNOSUPPORT;
	if ((type & SOCK_TYPE_MASK) != SOCK_STREAM || protocol > 1)
		return -EPROTONOSUPPORT;
	if (type & ~(uint32_t)(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err_t err = fs_socketpair_create(type & O_NONBLOCK, ends);
	return err ? err : abi_install_pair(ends, type & O_CLOEXEC ? FD_CLOEXEC : 0, at);
}

SYSCALL3(socket, uint32_t, domain, uint32_t, type, uint32_t, protocol)
{
	(void)domain, (void)type, (void)protocol;
	return -EAFNOSUPPORT;
}

SYSCALL2(shutdown, uint32_t, fd, int, how)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	err = fs_is_socket(ref.file) ? fs_socket_shutdown(ref.file, how) : -ENOTSOCK;
	file_ref_drop(&ref);
	return err;
}
