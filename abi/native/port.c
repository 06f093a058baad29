// SPDX-License-Identifier: MIT
// Native calls that make ports and channels.
#include "native.h"

#include <ipc/port.h>
#include <uapi/errno.h>

void native_port(struct trapframe *tf)
{
	struct grant *grant;
	err_t err = ipc_port_create(hal_tf_ipc_tag(tf), &grant);
	hal_tf_set_result(tf, err ? err : native_install(grant));
}

/** Both ends, or none. */
static int64_t make_channel(uint64_t capacity, int64_t fds[2])
{
	struct grant *grants[2];
	err_t err = ipc_channel_create(capacity, grants);
	if (err)
		return err;
	fds[0] = native_install(grants[0]);
	if (fds[0] < 0) {
		grant_put(grants[1]);
		return fds[0];
	}
	fds[1] = native_install(grants[1]);
	if (fds[1] < 0)
		(void)fd_close(current_thread()->object.fds, (uint32_t)fds[0]);
	return min(fds[1], (int64_t)0);
}

void native_channel(struct trapframe *tf)
{
	int64_t fds[2], err = make_channel(hal_tf_ipc_tag(tf), fds);
	hal_tf_set_result(tf, err);
	for (unsigned i = 0; i < 2 && !err; i++)
		hal_tf_set_ipc_word(tf, i, (uint64_t)fds[i]);
}
