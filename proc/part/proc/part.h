// SPDX-License-Identifier: MIT
// proc's part of a thread.
#pragma once

#include <lib/list.h>
#include <lib/types.h>
#include <uapi/signal.h>

struct process;
struct sched_completion;

struct proc_part {
	struct process *process; // NULL for kernel threads
	union { // hot: stamped on messages as pid << 32 | tid (little-endian, as all ports are)
		struct {
			uint32_t tid, pid;
		};
		uint64_t ids;
	};
	struct list node; // in process->threads (process lock)
	uint32_t charged_uid; // user.c; 0: none (own thread only)
	uint64_t sigmask; // signals blocked; own thread only, or process lock
	uint64_t awaited; // process lock; blocked ones that sigtimedwait waits for: not to be ignored
	uint64_t saved_sigmask; // put back after sigsuspend, ppoll, pselect
	bool has_saved_sigmask;
	bool is_stopping; // counted in process->stopping (process lock)
	struct list sigqueue; // siginfo of signals sent to this thread (process lock)
	uint64_t sigpending; // bits of sigqueue (process lock)
	uint64_t altstack_base, altstack_size; // own thread only
	uint32_t altstack_flags;
	uint64_t clear_child_tid; // user address, 0 = none
	uint64_t robust_list, robust_list_len; // user address
	uint64_t set_child_tid;
	uint64_t restart_deadline; // of a sleep that a stop has interrupted, 0 = none
	struct sched_completion *vfork_done; // the parent waits on it until exec or exit
};
