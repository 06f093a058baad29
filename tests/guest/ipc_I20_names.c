// SPDX-License-Identifier: MIT
// Names: a server publishes at a path, clients open it; who may write to the file may; an unlinked name
// is gone, a dead server is seen, a revoked name opens nothing; names hold no receive right.
// guest: CPUS 4
#include "ipc.h"

static long publish(long fd, uint64_t rights, const char *path, unsigned mode)
{
	return ipc3(IPC_PUBLISH, fd, rights, (uintptr_t)path, mode);
}

static void serve(long endpoint)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	for (;;) {
		m.words[0] *= 2;
		m.tag = IPC_TAG(0, 1);
		CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0);
	}
}

static void check_server_lives_and_dies(void)
{
	long endpoint = ipc_endpoint();
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "service", 0666), 0);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "service", 0666), -EEXIST);
	pid_t server = check_fork();
	if (server == 0)
		serve(endpoint);
	CHECK_IS(close((int)endpoint), 0);
	int client = open("service", O_RDWR | O_CLOEXEC);
	CHECK(client >= 0);
	CHECK_IS(fcntl(client, F_GETFD), FD_CLOEXEC);
	uint64_t word = 21;
	CHECK_IS(ipc_call1(client, &word, NULL), 0);
	CHECK_IS(word, 42);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_TRY_RECV, client, &m), -EPERM); // no more than was published
	CHECK_IS(ipc_restrict(client, IPC_RIGHT_SEND), -EPERM);
	CHECK_IS(kill(server, SIGKILL), 0);
	CHECK_IS(wait_status(server), SIGKILL);
	CHECK_IS(ipc_call1(client, &word, NULL), -EPIPE);
	int late = open("service", O_WRONLY);
	CHECK(late >= 0);
	CHECK_IS(ipc_call1(late, &word, NULL), -EPIPE); // the name did not keep it
	CHECK_IS(close(client) | close(late), 0);
	CHECK_IS(unlink("service"), 0);
	CHECK_ERRNO(open("service", O_RDWR), ENOENT);
}

static void check_permissions(void)
{
	long endpoint = ipc_endpoint();
	struct stat st;
	mode_t old = umask(022);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "a", 0666), 0);
	CHECK_IS(stat("a", &st), 0);
	CHECK_IS(st.st_mode, S_IFSOCK | 0644);
	umask(old);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setuid(1000), 0);
		CHECK_ERRNO(open("a", O_RDWR), EACCES);
		CHECK_ERRNO(open("a", O_RDONLY), EACCES); // to call is to write
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(chmod("a", 0622), 0);
	child = check_fork();
	if (child == 0) {
		CHECK_IS(setuid(1000), 0);
		CHECK(open("a", O_RDONLY) >= 0);
		CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "/no", 0666), -EACCES); // the folder is root's
		_exit(0);
	}
	CHECK_CHILD(child);
	int fd = open("a", O_RDWR);
	CHECK_IS(ipc_revoke(endpoint), 0);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_TRY_SEND, fd, &m), -EBADF);
	CHECK_ERRNO(open("a", O_RDWR), ENXIO);
	CHECK_IS(close(fd) | close((int)endpoint), 0);
	CHECK_IS(unlink("a"), 0);
}

/** Who has opened it keeps it after unlink; a new server takes the name. */
static void check_replacement(void)
{
	long old = ipc3(IPC_PORT, 0, 0, 0, 0), fresh = ipc3(IPC_PORT, 0, 0, 0, 0);
	struct message m = { .tag = IPC_TAG(7, 0) }, got = { 0 };
	CHECK_IS(publish(old, IPC_RIGHT_SEND, "log", 0600), 0);
	int first = open("log", O_WRONLY);
	CHECK_IS(publish(fresh, IPC_RIGHT_SEND, "log.new", 0600), 0);
	CHECK_IS(rename("log.new", "log"), 0);
	int second = open("log", O_WRONLY);
	CHECK_IS(ipc(IPC_PORT_SEND, first, &m), 0);
	CHECK_IS(ipc(IPC_PORT_TRY_RECV, fresh, &got), -EAGAIN);
	CHECK_IS(ipc(IPC_PORT_TRY_RECV, old, &got), 0);
	CHECK_IS(ipc(IPC_PORT_SEND, second, &m), 0);
	CHECK_IS(ipc(IPC_PORT_TRY_RECV, fresh, &got), 0);
	CHECK_IS(close(first) | close(second) | close((int)old) | close((int)fresh), 0);
	CHECK_IS(unlink("log"), 0);
}

static void check_arguments(void)
{
	long endpoint = ipc_endpoint(), sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	int file = open("/dev/null", O_RDWR);
	CHECK_IS(publish(endpoint, 0, "x", 0600), -EINVAL);
	CHECK_IS(publish(endpoint, 8, "x", 0600), -EINVAL);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "x", 01000), -EINVAL);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, address(1), 0600), -EFAULT);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "", 0600), -ENOENT);
	CHECK_IS(publish(endpoint, IPC_RIGHT_SEND, "none/x", 0600), -ENOENT);
	CHECK_IS(publish(sender, IPC_RIGHT_SEND, "x", 0600), -EPERM);
	CHECK_IS(publish(file, IPC_RIGHT_SEND, "x", 0600), -EBADF);
	CHECK_IS(publish(999, IPC_RIGHT_SEND, "x", 0600), -EBADF);
	CHECK_ERRNO(open("x", O_RDWR), ENOENT);
	CHECK_IS(mknod("plain", S_IFSOCK | 0666, 0), 0);
	CHECK_ERRNO(open("plain", O_RDWR), ENXIO); // a socket that nobody published
	CHECK_IS(unlink("plain"), 0);
	CHECK_IS(close((int)endpoint) | close((int)sender) | close(file), 0);
}

int main(void)
{
	enter_scratch_folder();
	check_server_lives_and_dies();
	check_permissions();
	check_replacement();
	check_arguments();
	return 0;
}
