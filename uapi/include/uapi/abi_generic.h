// SPDX-License-Identifier: MIT
// Linux's asm-generic interface: AArch64 and RISC-V.
#pragma once

#include <stdint.h>

#define ABI_CLONE_TLS_ARG 3
#define ABI_SEMID_TIME_WORDS 1
#define ABI_CLONE_CHILD_TID_ARG 4

struct abi_epoll_event {
	uint32_t events, pad;
	uint64_t data;
};

struct linux_stat {
	uint64_t st_dev, st_ino;
	uint32_t st_mode, st_nlink, st_uid, st_gid;
	uint64_t st_rdev, pad1;
	int64_t st_size;
	int32_t st_blksize, pad2;
	int64_t st_blocks;
	int64_t st_atime_sec, st_atime_nsec, st_mtime_sec, st_mtime_nsec, st_ctime_sec, st_ctime_nsec;
	uint32_t unused[2];
};
_Static_assert(sizeof(struct linux_stat) == 128, "Linux's struct stat");
