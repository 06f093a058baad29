// SPDX-License-Identifier: MIT
// Registers the devices and makes their nodes in /dev, where the root does not bring them.
#include <dev/dev.h>
#include <fs/vnode.h>
#include <kernel/log.h>
#include <lib/format.h>
#include <uapi/errno.h>

#include "nodes.h"
#include "tty.h"

static const struct dev_node fixed_nodes[] = {
	{"null", 0666, FS_MKDEV(1, 3)},	      {"zero", 0666, FS_MKDEV(1, 5)},
	{"full", 0666, FS_MKDEV(1, 7)},	      {"random", 0666, FS_MKDEV(1, 8)},
	{"urandom", 0666, FS_MKDEV(1, 9)},    {"kmsg", 0644, FS_MKDEV(1, 11)},
	{"tty", 0666, FS_MKDEV(5, 0)},	      {"console", 0600, FS_MKDEV(5, 1)},
};

void dev_for_each_node(void (*visit)(void *arg, const struct dev_node *node), void *arg)
{
	for (size_t i = 0; i < array_len(fixed_nodes); i++)
		visit(arg, &fixed_nodes[i]);
	struct dev_node own = {console_tty_name, 0600, console_tty.rdev};
	visit(arg, &own);
}

static void make_node(void *arg, const struct dev_node *node)
{
	char path[32];
	struct fs_at at = {FS_AT_CWD, path};
	(void)arg;
	fmt_snprintf(path, sizeof(path), "/dev/%s", node->name);
	err_t err = fs_mknod(&at, FS_IFCHR | node->mode, node->rdev);
	if (err && err != -EEXIST)
		log_warn("dev: %s cannot be made: error %d", path, -err);
}

static void make_nodes(void)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{"/dev/fd", "/proc/self/fd"},
		{"/dev/stdin", "/proc/self/fd/0"},
		{"/dev/stdout", "/proc/self/fd/1"},
		{"/dev/stderr", "/proc/self/fd/2"},
	};
	struct fs_at dir = {FS_AT_CWD, "/dev"};
	err_t err = fs_mkdir(&dir, 0755);
	if (err && err != -EEXIST) {
		log_error("dev: /dev cannot be made: error %d", -err);
		return;
	}
	dev_for_each_node(make_node, NULL);
	for (size_t i = 0; i < array_len(links); i++) {
		struct fs_at at = {FS_AT_CWD, links[i].name};
		err = fs_symlink(links[i].target, &at);
		if (err && err != -EEXIST)
			log_warn("dev: %s cannot be made: error %d", links[i].name, -err);
	}
}

void dev_init(void)
{
	mem_init();
	console_init();
	make_nodes();
}
