// SPDX-License-Identifier: MIT
// Unix sockets. There is no other family. Errors are Linux's for the call of the same name; -EPIPE of a
// stream asks for SIGPIPE.
#pragma once

#include <object/file.h>

#define FS_SOCKET_NAME_MAX 108

enum fs_socket_type { FS_SOCKET_STREAM = 1, FS_SOCKET_DGRAM = 2, FS_SOCKET_SEQPACKET = 5 };

/** sun_path: nothing, a path (without a NUL), or a NUL and an abstract name. */
struct fs_socket_name {
	uint32_t len;
	char text[FS_SOCKET_NAME_MAX];
};

struct fs_socket_cred {
	uint32_t pid, uid, gid;
};

/** Descriptors that travel with a message: counted grants. */
struct fs_rights {
	struct list node; // unix_rights.c's, as the next two
	struct unix_socket *holder;
	struct unix_message *message;
	unsigned count;
	struct grant *grants[];
};
#define FS_RIGHTS_MAX 253 // in one message, as on Linux
must_check struct fs_rights *fs_rights_create(unsigned max); // count 0
void fs_rights_put(struct fs_rights *rights); // with its grants; NULL is harmless

/** Linux's MSG_*. */
enum fs_message_flags {
	FS_MSG_OOB = 1, FS_MSG_PEEK = 2, FS_MSG_CTRUNC = 8, FS_MSG_TRUNC = 0x20, FS_MSG_DONTWAIT = 0x40,
	FS_MSG_EOR = 0x80, FS_MSG_WAITALL = 0x100, FS_MSG_NOSIGNAL = 0x4000,
	FS_MSG_CMSG_CLOEXEC = 0x40000000
};

must_check err_t fs_socket_create(enum fs_socket_type type, uint32_t open_flags, struct file **file);
/** Two files connected both ways. */
must_check err_t fs_socketpair_create(enum fs_socket_type type, uint32_t open_flags, struct file *ends[2]);
bool fs_is_socket(struct file *file);

// The rest is only for files that are sockets.
must_check err_t fs_socket_bind(struct file *file, const struct fs_socket_name *name);
/** @name NULL: a datagram socket forgets its peer. */
must_check err_t fs_socket_connect(struct file *file, const struct fs_socket_name *name);
must_check err_t fs_socket_listen(struct file *file, int backlog);
must_check err_t fs_socket_accept(struct file *file, uint32_t open_flags, struct file **accepted);
must_check err_t fs_socket_get_name(struct file *file, bool is_peer, struct fs_socket_name *name);
/** @how SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2. */
must_check err_t fs_socket_shutdown(struct file *file, int how);

struct fs_message_out {
	const struct fs_socket_name *to; // NULL: the peer
	struct fs_rights *rights; // NULL = none; taken over if the call succeeds, and NULL then
	const struct fs_socket_cred *cred; // checked by the caller; NULL: its own
};
int64_t fs_socket_send(struct file *file, struct io_vec *io, struct fs_message_out *out, unsigned flags);

struct fs_message_in {
	unsigned flags; // FS_MSG_TRUNC
	bool has_cred;
	struct fs_socket_cred cred;
	struct fs_rights *rights; // the caller's; NULL = none
	struct fs_socket_name from; // len 0: it has none
};
int64_t fs_socket_receive(struct file *file, struct io_vec *io, struct fs_message_in *in, unsigned flags);

enum fs_socket_option { FS_SOCKET_PASSCRED, FS_SOCKET_SEND_LIMIT, FS_SOCKET_SEND_TIMEOUT,
			FS_SOCKET_RECEIVE_TIMEOUT };
/** Timeouts in ns, 0 = none. */
void fs_socket_set_option(struct file *file, enum fs_socket_option option, uint64_t value);
uint64_t fs_socket_get_option(struct file *file, enum fs_socket_option option);
enum fs_socket_type fs_socket_type(struct file *file);
bool fs_socket_is_listening(struct file *file);
/** The pending error, which is none afterwards: a positive errno. */
int fs_socket_take_error(struct file *file);
struct fs_socket_cred fs_socket_peer_cred(struct file *file);
