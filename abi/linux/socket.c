// SPDX-License-Identifier: MIT
// System calls of sockets but those that move data. There is one family, AF_UNIX: there is no network.
#include "socket.h"
#include "with_file.h"

#include <lib/string.h>
#include <object/cred.h>

enum { SOL_SOCKET = 1, SO_DEBUG = 1, SO_REUSEADDR = 2, SO_TYPE = 3, SO_ERROR = 4, SO_DONTROUTE = 5,
       SO_BROADCAST = 6, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_KEEPALIVE = 9, SO_OOBINLINE = 10, SO_PRIORITY = 12,
       SO_LINGER = 13, SO_REUSEPORT = 15, SO_PASSCRED = 16, SO_PEERCRED = 17, SO_RCVLOWAT = 18,
       SO_RCVTIMEO = 20, SO_SNDTIMEO = 21, SO_ACCEPTCONN = 30, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33,
       SO_PROTOCOL = 38, SO_DOMAIN = 39 };
#define SOCK_TYPE_MASK 15u
#define SOCK_RAW 3
#define MAX_FAMILY 45 // above: no family at all

err_t abi_take_socket(uint32_t fd, struct file_ref *ref)
{
	err_t err = file_ref_take(fd, FILE_RIGHT_READ, ref);
	if (err)
		return err;
	if (fs_is_socket(ref->file))
		return 0;
	file_ref_drop(ref);
	return -ENOTSOCK;
}

/** Run @body with `file`, the socket behind @fd. */
#define WITH_SOCKET(fd, body) WITH_REF(abi_take_socket((fd), &ref_), body)

// ---- addresses ------------------------------------------------------------------------------------

err_t abi_get_socket_name(uaddr_t at, uint32_t len, struct fs_socket_name *name, bool *is_unspecified)
{
	struct linux_sockaddr_un in = {0};
	if (len > sizeof(in) || len < sizeof(in.family))
		return -EINVAL;
	if (mm_copy_in(&in, at, len))
		return -EFAULT;
	*is_unspecified = in.family == AF_UNSPEC;
	if (in.family != AF_UNIX && !*is_unspecified)
		return -EINVAL;
	name->len = len - (uint32_t)sizeof(in.family);
	if (name->len && in.path[0])
		name->len = (uint32_t)strnlen(in.path, name->len);
	memcpy(name->text, in.path, sizeof(name->text));
	return 0;
}

uint32_t abi_make_sockaddr(const struct fs_socket_name *name, struct linux_sockaddr_un *out)
{
	memset(out, 0, sizeof(*out));
	out->family = AF_UNIX;
	memcpy(out->path, name->text, name->len);
	bool is_path = name->len && name->text[0];
	return (uint32_t)sizeof(out->family) + name->len + is_path;
}

err_t abi_put_socket_name(uaddr_t at, uaddr_t len_at, const struct fs_socket_name *name)
{
	struct linux_sockaddr_un out;
	int32_t room;
	uint32_t len = abi_make_sockaddr(name, &out);
	if (mm_copy_in(&room, len_at, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	if (mm_copy_out(at, &out, min(len, (uint32_t)room)))
		return -EFAULT;
	return abi_put32(len_at, len);
}

// ---- making them ----------------------------------------------------------------------------------

/** What socket(2) and socketpair(2) check alike. */
static err_t get_type(uint32_t domain, uint32_t type, uint32_t protocol, enum fs_socket_type *out)
{
	if (type & ~(SOCK_TYPE_MASK | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (domain != AF_UNIX || domain >= MAX_FAMILY)
		return -EAFNOSUPPORT;
	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	type &= SOCK_TYPE_MASK;
	if (type == SOCK_RAW)
		type = FS_SOCKET_DGRAM; // as Linux has it
	if (type != FS_SOCKET_STREAM && type != FS_SOCKET_DGRAM && type != FS_SOCKET_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	*out = (enum fs_socket_type)type;
	return 0;
}

static uint32_t fd_flags_of(uint32_t type)
{
	return type & O_CLOEXEC ? FD_CLOEXEC : 0;
}

// Partly: AF_UNIX; other families: EAFNOSUPPORT.
SYSCALL3(socket, uint32_t, domain, uint32_t, type, uint32_t, protocol)
{
	enum fs_socket_type kind;
	struct file *file;
	err_t err = get_type(domain, type, protocol, &kind);
	if (!err)
		err = fs_socket_create(kind, type & O_NONBLOCK, &file);
	return err ? err : file_install(file, fd_flags_of(type));
}

SYSCALL4(socketpair, uint32_t, domain, uint32_t, type, uint32_t, protocol, uaddr_t, at)
{
	enum fs_socket_type kind;
	struct file *ends[2];
	err_t err = get_type(domain, type, protocol, &kind);
	if (!err)
		err = fs_socketpair_create(kind, type & O_NONBLOCK, ends);
	return err ? err : abi_install_pair(ends, fd_flags_of(type), at);
}

// ---- connecting -----------------------------------------------------------------------------------

static int64_t bind_file(struct file *file, uaddr_t at, uint32_t len)
{
	struct fs_socket_name name;
	bool is_unspecified;
	err_t err = abi_get_socket_name(at, len, &name, &is_unspecified);
	return err ? err : is_unspecified ? -EINVAL : fs_socket_bind(file, &name);
}

SYSCALL3(bind, uint32_t, fd, uaddr_t, at, uint32_t, len)
{
	return WITH_SOCKET(fd, bind_file(file, at, len));
}

static int64_t connect_file(struct file *file, uaddr_t at, uint32_t len)
{
	struct fs_socket_name name;
	bool is_unspecified;
	err_t err = abi_get_socket_name(at, len, &name, &is_unspecified);
	return err ? err : fs_socket_connect(file, is_unspecified ? NULL : &name);
}

SYSCALL3(connect, uint32_t, fd, uaddr_t, at, uint32_t, len)
{
	return WITH_SOCKET(fd, connect_file(file, at, len));
}

SYSCALL2(listen, uint32_t, fd, int, backlog)
{
	return WITH_SOCKET(fd, fs_socket_listen(file, backlog));
}

static int64_t accept_file(struct file *file, uaddr_t at, uaddr_t len_at, uint32_t flags)
{
	struct fs_socket_name name;
	struct file *accepted;
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	err_t err = fs_socket_accept(file, flags & O_NONBLOCK, &accepted);
	if (err)
		return err;
	err = at ? fs_socket_get_name(accepted, true, &name) : 0;
	if (at && !err)
		err = abi_put_socket_name(at, len_at, &name);
	if (err) {
		grant_put(&accepted->grant);
		return err;
	}
	return file_install(accepted, fd_flags_of(flags));
}

SYSCALL4(accept4, uint32_t, fd, uaddr_t, at, uaddr_t, len_at, uint32_t, flags)
{
	return WITH_SOCKET(fd, accept_file(file, at, len_at, flags));
}

SYSCALL3(accept, uint32_t, fd, uaddr_t, at, uaddr_t, len_at)
{
	return WITH_SOCKET(fd, accept_file(file, at, len_at, 0));
}

static int64_t get_name(struct file *file, bool is_peer, uaddr_t at, uaddr_t len_at)
{
	struct fs_socket_name name;
	err_t err = fs_socket_get_name(file, is_peer, &name);
	return err ? err : abi_put_socket_name(at, len_at, &name);
}

SYSCALL3(getsockname, uint32_t, fd, uaddr_t, at, uaddr_t, len_at)
{
	return WITH_SOCKET(fd, get_name(file, false, at, len_at));
}

SYSCALL3(getpeername, uint32_t, fd, uaddr_t, at, uaddr_t, len_at)
{
	return WITH_SOCKET(fd, get_name(file, true, at, len_at));
}

SYSCALL2(shutdown, uint32_t, fd, int, how)
{
	return WITH_SOCKET(fd, fs_socket_shutdown(file, how));
}

// ---- options --------------------------------------------------------------------------------------

static err_t set_timeout(struct file *file, enum fs_socket_option option, uaddr_t at, uint32_t len)
{
	struct linux_timeval tv;
	if (len < sizeof(tv))
		return -EINVAL;
	if (mm_copy_in(&tv, at, sizeof(tv)))
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	uint64_t seconds = (uint64_t)max(min(tv.sec, (int64_t)INT32_MAX), (int64_t)0);
	uint64_t ns = seconds * NSEC_PER_SEC + (uint64_t)tv.usec * NSEC_PER_USEC;
	fs_socket_set_option(file, option, tv.sec < 0 ? 1 : ns);
	return 0;
}

static int64_t set_option(struct file *file, int name, uaddr_t at, uint32_t len)
{
	uint32_t value;
	if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
		return set_timeout(file, name == SO_RCVTIMEO ? FS_SOCKET_RECEIVE_TIMEOUT
							     : FS_SOCKET_SEND_TIMEOUT, at, len);
	if (len < sizeof(value))
		return -EINVAL;
	if (abi_get32(at, &value))
		return -EFAULT;
	switch (name) {
	case SO_PASSCRED:
		fs_socket_set_option(file, FS_SOCKET_PASSCRED, value);
		return 0;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		fs_socket_set_option(file, FS_SOCKET_SEND_LIMIT, value);
		return 0;
	case SO_RCVBUF: // a queue is bounded by its senders
	case SO_RCVBUFFORCE:
	case SO_DEBUG:
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_DONTROUTE:
	case SO_BROADCAST:
	case SO_KEEPALIVE:
	case SO_OOBINLINE:
	case SO_PRIORITY:
	case SO_LINGER:
		return 0; // nothing here depends on them
	case SO_TYPE:
	case SO_ERROR:
	case SO_ACCEPTCONN:
	case SO_PEERCRED:
	case SO_PROTOCOL:
	case SO_DOMAIN:
	default:
		return -ENOPROTOOPT;
	}
}

// Partly: level SOL_SOCKET of Unix sockets.
SYSCALL5(setsockopt, uint32_t, fd, int, level, int, name, uaddr_t, at, uint32_t, len)
{
	return WITH_SOCKET(fd, level == SOL_SOCKET ? set_option(file, name, at, len) : -EOPNOTSUPP);
}

union option_value {
	uint32_t number;
	struct fs_socket_cred cred;
	struct linux_timeval time;
	uint32_t linger[2];
};

/** The size of the value, or an error. */
static int64_t get_value(struct file *file, int name, union option_value *value)
{
	nsec_t ns;
	switch (name) {
	case SO_TYPE:
		value->number = fs_socket_type(file);
		break;
	case SO_ERROR:
		value->number = (uint32_t)fs_socket_take_error(file);
		break;
	case SO_SNDBUF:
	case SO_RCVBUF:
		value->number = (uint32_t)fs_socket_get_option(file, FS_SOCKET_SEND_LIMIT);
		break;
	case SO_PASSCRED:
		value->number = (uint32_t)fs_socket_get_option(file, FS_SOCKET_PASSCRED);
		break;
	case SO_ACCEPTCONN:
		value->number = fs_socket_is_listening(file);
		break;
	case SO_DOMAIN:
		value->number = AF_UNIX;
		break;
	case SO_RCVLOWAT:
		value->number = 1;
		break;
	case SO_PROTOCOL:
	case SO_DEBUG:
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_DONTROUTE:
	case SO_BROADCAST:
	case SO_KEEPALIVE:
	case SO_OOBINLINE:
	case SO_PRIORITY:
		value->number = 0;
		break;
	case SO_LINGER:
		value->linger[0] = value->linger[1] = 0;
		return sizeof(value->linger);
	case SO_PEERCRED:
		value->cred = fs_socket_peer_cred(file);
		return sizeof(value->cred);
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		ns = fs_socket_get_option(file, name == SO_RCVTIMEO ? FS_SOCKET_RECEIVE_TIMEOUT
								    : FS_SOCKET_SEND_TIMEOUT);
		value->time = (struct linux_timeval){(int64_t)(ns / NSEC_PER_SEC),
						     (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC)};
		return sizeof(value->time);
	default:
		return -ENOPROTOOPT;
	}
	return sizeof(value->number);
}

static int64_t get_option(struct file *file, int name, uaddr_t at, uaddr_t len_at)
{
	union option_value value;
	int32_t room;
	if (mm_copy_in(&room, len_at, sizeof(room)))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	int64_t size = get_value(file, name, &value);
	if (size < 0)
		return size;
	uint32_t len = (uint32_t)min(size, (int64_t)room);
	return mm_copy_out(at, &value, len) || abi_put32(len_at, len) ? -EFAULT : 0;
}

// Partly: level SOL_SOCKET of Unix sockets.
SYSCALL5(getsockopt, uint32_t, fd, int, level, int, name, uaddr_t, at, uaddr_t, len_at)
{
	return WITH_SOCKET(fd, level == SOL_SOCKET ? get_option(file, name, at, len_at) : -EOPNOTSUPP);
}
