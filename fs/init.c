// SPDX-License-Identifier: MIT
// Bringing up the room.
#include "private.h"

void fs_init(void)
{
	dentry_init();
	tmpfs_init();
	memfd_init();
	inotify_init();
	pipe_init();
	flock_init();
	record_init();
	epoll_init();
	unix_init();
	mount_init();
	devtmpfs_init();
	ninep_init();
}
