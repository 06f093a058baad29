// SPDX-License-Identifier: MIT
// What Linux's interface on x86_64 has of its own.
#pragma once

#include <stdint.h>

#define ABI_CLONE_CHILD_TID_ARG 3
#define ABI_CLONE_TLS_ARG 4
#define ABI_SIGACTION_HAS_RESTORER 1
#define ABI_SEMID_TIME_WORDS 2 // in struct semid64_ds

enum { ABI_O_DIRECT = 040000, ABI_O_LARGEFILE = 0100000, ABI_O_DIRECTORY = 0200000, ABI_O_NOFOLLOW = 0400000 };

struct abi_epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));

struct linux_stat {
	uint64_t st_dev, st_ino, st_nlink;
	uint32_t st_mode, st_uid, st_gid, pad0;
	uint64_t st_rdev;
	int64_t st_size, st_blksize, st_blocks;
	int64_t st_atime_sec, st_atime_nsec, st_mtime_sec, st_mtime_nsec, st_ctime_sec, st_ctime_nsec;
	int64_t unused[3];
};
_Static_assert(sizeof(struct linux_stat) == 144, "Linux's struct stat");
