// SPDX-License-Identifier: MIT
// PID 1: mounts what is there to mount, then plays its role. Nothing here is fatal: a root
// without /proc, or a kernel without sysfs, still gives a shell.
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <halcyon.h>
#include <mntent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *path, *type;
	const char *has; // there already if this is
} mounts[] = {
	{"/proc", "proc", "/proc/self"},
	{"/sys", "sysfs", "/sys/devices"},
	{"/dev", "devtmpfs", "/dev/null"},
};

static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		if (access(mounts[i].has, F_OK) == 0)
			continue;
		mkdir(mounts[i].path, 0755);
		mount(mounts[i].type, mounts[i].path, mounts[i].type, 0, NULL);
	}
	// In memory already, as the root is.
	mkdir("/tmp", 01777);
	mkdir("/run", 0755);
}

static void make_folders(const char *path)
{
	char part[4096];
	for (const char *end = strchr(path + 1, '/'); end; end = strchr(end + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(end - path), path);
		mkdir(part, 0755);
	}
	mkdir(path, 0755);
}

/** What /etc/fstab names besides: the folders that `./halcyon run --share` shares. */
static void mount_table(void)
{
	FILE *table = setmntent("/etc/fstab", "re");
	struct mntent *entry;
	while (table && (entry = getmntent(table))) {
		if (hasmntopt(entry, "noauto"))
			continue;
		make_folders(entry->mnt_dir);
		if (mount(entry->mnt_fsname, entry->mnt_dir, entry->mnt_type,
			  hasmntopt(entry, "ro") ? MS_RDONLY : 0, NULL) != 0)
			fprintf(stderr, "init: %s cannot be mounted at %s: %s\n", entry->mnt_fsname,
				entry->mnt_dir, strerror(errno));
	}
	if (table)
		endmntent(table);
}

/** Who may write to the file opens devices. */
static void publish_devices(void)
{
	unlink("/run/devices");
	hc_publish(IPC_DEVICE_ROOT_FD, IPC_RIGHT_RECV | IPC_RIGHT_GRANT, "/run/devices", 0600);
}

static void set_host_name(void)
{
	char name[65] = "halcyon";
	int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (n > 0) {
		name[n] = 0;
		name[strcspn(name, "\r\n")] = 0;
	}
	if (fd >= 0)
		close(fd);
	sethostname(name, strlen(name));
}

/** Descriptors 0 to 2 are the console: the kernel's, or opened here. */
static void open_console(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (open("/dev/console", O_RDWR | O_NOCTTY) < 0)
			open("/dev/null", O_RDWR);
	}
}

/** `./halcyon run --strace`: the command's system calls go to the log. */
static void trace_if_asked(void)
{
	char line[2048];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = 0;
	bool is_asked = false;
	for (char *word = strtok(line, " \n"); word && strcmp(word, "--") != 0; word = strtok(NULL, " \n"))
		is_asked |= strcmp(word, "trace") == 0;
	fd = is_asked ? open("/proc/self/trace", O_WRONLY | O_CLOEXEC) : -1;
	if (fd >= 0 && write(fd, "1", 1) != 1)
		perror("init: /proc/self/trace");
	if (fd >= 0)
		close(fd);
}

void init_prepare_child(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
	setenv("HOME", access("/root", F_OK) == 0 ? "/root" : "/", 0);
	setenv("TERM", "linux", 0);
	trace_if_asked();
}

void init_power_off(const char *line)
{
	if (line)
		dprintf(STDOUT_FILENO, "%s\n", line);
	sync();
	reboot(RB_POWER_OFF);
	// Only PID 1 of a machine that cannot switch itself off comes here.
	for (;;)
		pause();
}

int main(void)
{
	mount_all();
	open_console();
	mount_table();
	set_host_name();
	publish_devices();
	if (chdir("/") != 0)
		perror("init: /");
	if (access(EXEC_FILE, F_OK) == 0)
		init_run_command();
	init_run_shell();
}
