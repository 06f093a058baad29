// SPDX-License-Identifier: MIT
// fs's part of a thread.
#pragma once

struct fs_context; // root, cwd, umask: shared by CLONE_FS

struct fs_part {
	struct fs_context *context; // NULL for kernel threads. Holds a reference.
};
