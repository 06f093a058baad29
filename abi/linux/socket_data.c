// SPDX-License-Identifier: MIT
// System calls that move data through sockets: buffers, addresses, and descriptors and credentials as
// control messages.
#include "socket.h"

#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/cred.h>

enum { SOL_SOCKET = 1, SCM_RIGHTS = 1, SCM_CREDENTIALS = 2, MSG_WAITFORONE = 0x10000 };
#define CONTROL_MAX 20480 // Linux's optmem_max
#define MESSAGES_MAX 1024 // UIO_MAXIOV

struct linux_msghdr {
	uint64_t name;
	uint32_t name_len, pad;
	uint64_t pieces, piece_count, control, control_len;
	uint32_t flags, pad2;
};
struct linux_mmsghdr {
	struct linux_msghdr msg;
	uint32_t len, pad;
};
struct linux_cmsghdr {
	uint64_t len; // with this header
	int32_t level, type;
};

static struct fdtable *fds(void)
{
	return current_thread()->object.fds;
}

// ---- control messages to send ---------------------------------------------------------------------

static err_t add_rights(const int32_t *fd, uint64_t count, struct fs_message_out *out)
{
	if (!out->rights)
		out->rights = fs_rights_create(FS_RIGHTS_MAX);
	struct fs_rights *rights = out->rights;
	if (!rights)
		return -ENOMEM;
	if (count > FS_RIGHTS_MAX - rights->count)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		struct grant *grant = fd[i] >= 0 ? fd_lookup_get(fds(), (uint32_t)fd[i]) : NULL;
		if (!grant)
			return -EBADF;
		err_t err = grant_check_passing(grant);
		if (err) {
			grant_put(grant);
			return err;
		}
		rights->grants[rights->count++] = grant;
	}
	return 0;
}

/** May the caller say that it is @claimed? */
static err_t check_cred(const struct fs_socket_cred *claimed)
{
	const struct cred *cred = cred_current();
	if (claimed->pid != current_thread()->proc.pid && !cred_has_cap(cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (claimed->uid != cred->uid && claimed->uid != cred->euid && claimed->uid != cred->suid &&
	    !cred_has_cap(cred, CAP_SETUID))
		return -EPERM;
	if (claimed->gid != cred->gid && claimed->gid != cred->egid && claimed->gid != cred->sgid &&
	    !cred_has_cap(cred, CAP_SETGID))
		return -EPERM;
	return 0;
}

/** One control message of @size bytes at @data. */
static err_t take_control(const struct linux_cmsghdr *head, const void *data, uint64_t size,
			  struct fs_message_out *out, struct fs_socket_cred *cred)
{
	if (head->level != SOL_SOCKET)
		return 0; // another layer's
	if (head->type == SCM_RIGHTS)
		return add_rights(data, size / sizeof(int32_t), out);
	if (head->type != SCM_CREDENTIALS || size != sizeof(*cred))
		return -EINVAL;
	memcpy(cred, data, sizeof(*cred));
	out->cred = cred;
	return check_cred(cred);
}

static err_t parse_control(const char *control, uint64_t len, struct fs_message_out *out,
			   struct fs_socket_cred *cred)
{
	struct linux_cmsghdr head;
	uint64_t at = 0;
	while (len - at >= sizeof(head)) {
		memcpy(&head, control + at, sizeof(head));
		if (head.len < sizeof(head) || head.len > len - at)
			return -EINVAL;
		err_t err = take_control(&head, control + at + sizeof(head), head.len - sizeof(head), out,
					 cred);
		if (err)
			return err;
		at = min(align_up(at + head.len, 8ul), len);
	}
	return 0;
}

static err_t get_control(uaddr_t at, uint64_t len, struct fs_message_out *out, struct fs_socket_cred *cred)
{
	if (len > CONTROL_MAX)
		return -ENOBUFS;
	if (!at || !len)
		return 0;
	char *control = kmalloc(len);
	if (!control)
		return -ENOMEM;
	err_t err = mm_copy_in(control, at, len);
	if (!err)
		err = parse_control(control, len, out, cred);
	kfree(control);
	return err;
}

// ---- sending --------------------------------------------------------------------------------------

static int64_t send(struct file *file, struct io_vec *io, struct fs_message_out *out, unsigned flags)
{
	int64_t n = fs_socket_send(file, io, out, flags);
	if (n == -EPIPE && !(flags & FS_MSG_NOSIGNAL) && fs_socket_type(file) != FS_SOCKET_DGRAM)
		return abi_broken_pipe();
	return n;
}

static int64_t sendto_file(struct file *file, struct io_vec *io, unsigned flags, uaddr_t to_at,
			   uint32_t to_len)
{
	struct fs_socket_name name;
	struct fs_message_out out = {0};
	bool is_unspecified;
	if (to_at) {
		err_t err = abi_get_socket_name(to_at, to_len, &name, &is_unspecified);
		if (err)
			return err;
		out.to = &name;
	}
	return send(file, io, &out, flags);
}

SYSCALL6(sendto, uint32_t, fd, uaddr_t, buf, uint64_t, len, uint32_t, flags, uaddr_t, to_at, uint32_t, to_len)
{
	struct file_ref ref;
	struct io_vec io;
	err_t err = abi_take_socket(fd, &ref);
	if (err)
		return err;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	int64_t n = sendto_file(ref.file, &io, flags, to_at, to_len);
	file_ref_drop(&ref);
	return n;
}

static int64_t send_message(struct file *file, const struct linux_msghdr *msg, struct io_vec *io,
			    unsigned flags)
{
	struct fs_message_out out = {0};
	struct fs_socket_name name;
	struct fs_socket_cred cred;
	bool is_unspecified;
	err_t err = 0;
	if (msg->name && msg->name_len) {
		err = abi_get_socket_name(msg->name, msg->name_len, &name, &is_unspecified);
		out.to = &name;
	}
	if (!err)
		err = get_control(msg->control, msg->control_len, &out, &cred);
	int64_t n = err ? err : send(file, io, &out, flags);
	fs_rights_put(out.rights); // those that were not taken over
	return n;
}

/** Call @act with the buffers of @msg. */
static int64_t with_pieces(struct file *file, struct linux_msghdr *msg, unsigned flags,
			   int64_t (*act)(struct file *file, struct linux_msghdr *msg, struct io_vec *io,
					  unsigned flags))
{
	struct io_piece *pieces;
	struct io_vec io;
	uint64_t total;
	if (msg->piece_count > MESSAGES_MAX)
		return -EMSGSIZE;
	err_t err = abi_get_pieces(msg->pieces, (uint32_t)msg->piece_count, &pieces, &total);
	if (err)
		return err;
	io_vec_init_user_pieces(&io, pieces, (unsigned)msg->piece_count, total);
	int64_t n = act(file, msg, &io, flags);
	kfree(pieces);
	return n;
}

static int64_t send_pieces(struct file *file, struct linux_msghdr *msg, struct io_vec *io, unsigned flags)
{
	return send_message(file, msg, io, flags);
}

static int64_t sendmsg_file(struct file *file, uaddr_t at, unsigned flags)
{
	struct linux_msghdr msg;
	if (mm_copy_in(&msg, at, sizeof(msg)))
		return -EFAULT;
	return with_pieces(file, &msg, flags, send_pieces);
}

// Partly: no MSG_OOB.
SYSCALL3(sendmsg, uint32_t, fd, uaddr_t, at, uint32_t, flags)
{
	struct file_ref ref;
	err_t err = abi_take_socket(fd, &ref);
	if (err)
		return err;
	int64_t n = sendmsg_file(ref.file, at, flags);
	file_ref_drop(&ref);
	return n;
}

SYSCALL4(sendmmsg, uint32_t, fd, uaddr_t, at, uint32_t, count, uint32_t, flags)
{
	struct file_ref ref;
	err_t err = abi_take_socket(fd, &ref);
	int64_t n = err;
	uint32_t done = 0;
	if (err)
		return err;
	count = min(count, (uint32_t)MESSAGES_MAX);
	for (; done < count && n >= 0; done += n >= 0) {
		uaddr_t one = at + done * sizeof(struct linux_mmsghdr);
		n = sendmsg_file(ref.file, one, flags);
		if (n >= 0 && abi_put32(one + offsetof(struct linux_mmsghdr, len), (uint32_t)n))
			n = -EFAULT;
	}
	file_ref_drop(&ref);
	return done ? (int64_t)done : n;
}

// ---- control messages received --------------------------------------------------------------------

/** User memory for control messages, filled from the front. */
struct control_out {
	uaddr_t at;
	uint64_t left, used;
	uint32_t flags; // FS_MSG_CTRUNC
};

/** Write one control message, or as much of it as there is room for. Bytes of @data written. */
static uint64_t put_control(struct control_out *out, int type, const void *data, uint64_t size)
{
	struct linux_cmsghdr head = {sizeof(head) + size, SOL_SOCKET, type};
	if (out->left < head.len) {
		out->flags |= FS_MSG_CTRUNC;
		if (out->left < sizeof(head))
			return 0;
		head.len = out->left;
	}
	if (mm_copy_out(out->at, &head, sizeof(head)) ||
	    mm_copy_out(out->at + sizeof(head), data, head.len - sizeof(head)))
		return 0;
	uint64_t step = min(align_up(head.len, 8ul), out->left);
	out->at += step;
	out->left -= step;
	out->used += step;
	return head.len - sizeof(head);
}

/** Give the descriptors that fit numbers. The others are dropped, which is told by MSG_CTRUNC. */
static void put_rights(struct control_out *out, struct fs_rights *rights, uint32_t fd_flags)
{
	int32_t fd[FS_RIGHTS_MAX];
	unsigned room = 0, n = 0;
	if (out->left > sizeof(struct linux_cmsghdr))
		room = (unsigned)min((out->left - sizeof(struct linux_cmsghdr)) / sizeof(fd[0]),
				     (uint64_t)FS_RIGHTS_MAX);
	for (; n < min(room, rights->count); n++) {
		fd[n] = fd_install(fds(), rights->grants[n], 0, fd_flags);
		if (fd[n] < 0)
			break;
		grant_get(rights->grants[n]);
	}
	if (n < rights->count)
		out->flags |= FS_MSG_CTRUNC;
	if (n)
		(void)put_control(out, SCM_RIGHTS, fd, n * sizeof(fd[0]));
}

static void put_controls(struct control_out *out, struct fs_message_in *in, unsigned flags)
{
	if (in->has_cred)
		(void)put_control(out, SCM_CREDENTIALS, &in->cred, sizeof(in->cred));
	if (in->rights)
		put_rights(out, in->rights, flags & FS_MSG_CMSG_CLOEXEC ? FD_CLOEXEC : 0);
}

// ---- receiving ------------------------------------------------------------------------------------

SYSCALL6(recvfrom, uint32_t, fd, uaddr_t, buf, uint64_t, len, uint32_t, flags, uaddr_t, from_at, uaddr_t,
	 from_len_at)
{
	struct file_ref ref;
	struct io_vec io;
	struct fs_message_in in;
	err_t err = abi_take_socket(fd, &ref);
	if (err)
		return err;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	int64_t n = fs_socket_receive(ref.file, &io, &in, flags);
	file_ref_drop(&ref);
	if (n < 0)
		return n;
	fs_rights_put(in.rights);
	if (from_at && in.from.len)
		err = abi_put_socket_name(from_at, from_len_at, &in.from);
	else if (from_at)
		err = abi_put32(from_len_at, 0);
	return err ? err : n;
}

static int64_t receive_pieces(struct file *file, struct linux_msghdr *msg, struct io_vec *io, unsigned flags)
{
	struct fs_message_in in;
	struct linux_sockaddr_un name;
	int64_t n = fs_socket_receive(file, io, &in, flags);
	if (n < 0)
		return n;
	uint32_t name_len = in.from.len ? abi_make_sockaddr(&in.from, &name) : 0;
	if (msg->name && mm_copy_out(msg->name, &name, min(name_len, msg->name_len)))
		n = -EFAULT;
	msg->name_len = name_len;
	struct control_out control = {.at = msg->control, .left = msg->control ? msg->control_len : 0};
	if (n >= 0)
		put_controls(&control, &in, flags);
	msg->control_len = control.used;
	msg->flags = in.flags | control.flags | (flags & FS_MSG_CMSG_CLOEXEC);
	fs_rights_put(in.rights);
	return n;
}

static int64_t recvmsg_file(struct file *file, uaddr_t at, unsigned flags)
{
	struct linux_msghdr msg;
	if (mm_copy_in(&msg, at, sizeof(msg)))
		return -EFAULT;
	int64_t n = with_pieces(file, &msg, flags, receive_pieces);
	if (n >= 0 && mm_copy_out(at, &msg, offsetof(struct linux_msghdr, pad2)))
		return -EFAULT;
	return n;
}

SYSCALL3(recvmsg, uint32_t, fd, uaddr_t, at, uint32_t, flags)
{
	struct file_ref ref;
	err_t err = abi_take_socket(fd, &ref);
	if (err)
		return err;
	int64_t n = recvmsg_file(ref.file, at, flags);
	file_ref_drop(&ref);
	return n;
}

SYSCALL5(recvmmsg, uint32_t, fd, uaddr_t, at, uint32_t, count, uint32_t, flags, uaddr_t, timeout_at)
{
	struct file_ref ref;
	nsec_t deadline;
	uint32_t done = 0;
	err_t err = abi_get_timeout(timeout_at, &deadline);
	if (!err)
		err = abi_take_socket(fd, &ref);
	int64_t n = err;
	if (err)
		return err;
	count = min(count, (uint32_t)MESSAGES_MAX);
	for (; done < count && n >= 0 && time_now() < deadline; done += n >= 0) {
		uaddr_t one = at + done * sizeof(struct linux_mmsghdr);
		bool waits = !done || !(flags & MSG_WAITFORONE);
		n = recvmsg_file(ref.file, one, waits ? flags : flags | FS_MSG_DONTWAIT);
		if (n >= 0 && abi_put32(one + offsetof(struct linux_mmsghdr, len), (uint32_t)n))
			n = -EFAULT;
	}
	file_ref_drop(&ref);
	return done ? (int64_t)done : n;
}
