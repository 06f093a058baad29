// SPDX-License-Identifier: MIT
// Registers the devices, makes their nodes and mounts them at /dev.
#include <dev/dev.h>
#include <fs/vnode.h>
#include <kernel/log.h>
#include <uapi/errno.h>

#include "pty.h"
#include "virtio.h"

static const struct {
	const char *name;
	uint32_t mode;
	uint64_t rdev;
} nodes[] = {
	{"null", 0666, FS_MKDEV(1, 3)},	   {"zero", 0666, FS_MKDEV(1, 5)},
	{"full", 0666, FS_MKDEV(1, 7)},	   {"random", 0666, FS_MKDEV(1, 8)},
	{"urandom", 0666, FS_MKDEV(1, 9)}, {"kmsg", 0644, FS_MKDEV(1, 11)},
	{"tty", 0666, FS_MKDEV(5, 0)},	   {"console", 0600, FS_MKDEV(5, 1)},
	{"ptmx", 0666, FS_MKDEV(5, 2)},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
};

static void make_node(const char *name, uint32_t mode, uint64_t rdev)
{
	err_t err = fs_devnode_create(name, mode, rdev);
	if (err)
		log_warn("dev: %s cannot be made: error %d", name, -err);
}

static void make_nodes(void)
{
	make_node("pts", FS_IFDIR | 0755, 0);
	make_node("shm", FS_IFDIR | 01777, 0);
	for (size_t i = 0; i < array_len(nodes); i++)
		make_node(nodes[i].name, FS_IFCHR | nodes[i].mode, nodes[i].rdev);
	console_for_each(make_node);
}

/** The root may bring a /dev with nodes of its own: they are covered. */
static void mount_nodes(void)
{
	struct fs_at dev = {.dirfd = FS_AT_CWD, .path = "/dev"};
	err_t err = fs_mkdir(&dev, 0755);
	if (!err || err == -EEXIST)
		err = fs_mount("devtmpfs", &dev, "devtmpfs", 0, "");
	if (err)
		log_error("dev: /dev cannot be mounted: error %d", -err);
	for (size_t i = 0; i < array_len(links) && !err; i++) {
		struct fs_at at = {.dirfd = FS_AT_CWD, .path = links[i].name};
		err = fs_symlink(links[i].target, &at);
		if (err)
			log_warn("dev: %s cannot be made: error %d", links[i].name, -err);
	}
}

void dev_init(void)
{
	mem_init();
	pty_init();
	console_init();
	make_nodes();
	mount_nodes();
	virtio_9p_init();
}
