// SPDX-License-Identifier: MIT
// The native system calls: numbers, registers, message tag. Shared by kernel and user programs.
//
//            number  fd    tag   words 0..7                          out: status tag  badge sender
//   x86_64   rax     rdi   rsi   rdx r10 r8 r9 r12 r13 r14 r15            rax    rsi  rdi   rbx
//   AArch64  x8      x0    x1    x2 x3 x4 x5 x6 x7 x9 x10                 x0     x1   x11   x12
//   RISC-V   a7      a0    a1    a2 a3 a4 a5 a6 t0 t1 t2                  a0     a1   t3    t4
//
// Words come back in the registers in which they were sent. Only as many words as the tag says are
// written; every other register is preserved (x86_64: but rcx and r11, which the instruction takes).
// status is 0 or a negative error. sender is pid << 32 | tid, stamped by the kernel.
#pragma once

#define IPC_CALL 0x1000
#define IPC_REPLY_RECV 0x1001
#define IPC_RECV 0x1002
#define IPC_REPLY 0x1003
#define IPC_SEND 0x1004
#define IPC_NULL 0x1005 // does nothing: the cost of a native call
#define IPC_ENDPOINT 0x1006 // new endpoint → descriptor with all rights
#define IPC_RESTRICT 0x1007 // (fd, rights) → child descriptor
#define IPC_MINT 0x1008 // (fd, rights | IPC_MINT_*, badge, …) → child descriptor for clients
#define IPC_REVOKE 0x1009 // (fd, 0): kill fd's descendants; (fd, IPC_REVOKE_BADGE, badge)
#define IPC_REPLY_SAVE 0x100a // reply right of the last receive → descriptor: a send to it answers
#define IPC_TRY_CALL 0x100b
#define IPC_TRY_RECV 0x100c
#define IPC_TRY_SEND 0x100d
#define IPC_NOTIFICATION 0x100e // new notification → descriptor with all rights
#define IPC_SIGNAL 0x100f // (fd, bits): set them
#define IPC_WAIT 0x1010 // (fd, mask, deadline): take those bits of mask that are set → tag
#define IPC_TRY_WAIT 0x1011 // (fd, mask)
#define IPC_BIND 0x1012 // (fd, bits, target fd, events): set them when target is ready; bits 0: unbind
#define IPC_PORT 0x1013 // (-, capacity): new port → descriptor with all rights
#define IPC_CHANNEL 0x1014 // (-, capacity): new channel → a descriptor of each end, in words 0 and 1
#define IPC_PORT_SEND 0x1015 // on ports and channels
#define IPC_PORT_TRY_SEND 0x1016
#define IPC_PORT_RECV 0x1017
#define IPC_PORT_TRY_RECV 0x1018
#define IPC_REGION 0x1019 // (-, bytes): new region of zero pages → descriptor; mmap(2) maps it
#define IPC_REGION_SIZE 0x101a // (fd) → bytes, in the tag
#define IPC_REGION_MOVE 0x101b // (fd): its pages become those of a new region → descriptor
#define IPC_PUBLISH 0x101c // (fd, rights, path, mode): open(2) of path gives a descriptor with rights
#define IPC_ATTACH 0x101d // (fd, notification fd): receives on fd also get the notification's bits
#define IPC_DEVICE 0x101e // (fd, what, …): a device of the root descriptor, or what a device has
#define IPC_IRQ_ACK 0x101f // (fd): the device may interrupt again
#define IPC_NR_FIRST 0x1000
#define IPC_NR_LAST 0x101f

// What IPC_DEVICE gives, in the tag.
#define IPC_DEVICE_OPEN 0 // of the root: (id, n): the n-th PCI function with this id → descriptor
#define IPC_DEVICE_BAR 1 // of a device: (n): its memory BAR n → region descriptor
#define IPC_DEVICE_DMA 2 // (bytes): contiguous memory → region descriptor; its bus address in the tag
#define IPC_DEVICE_IRQ 3 // (notification, bits): its interrupt sets bits
#define IPC_DEVICE_ID(vendor, device) ((unsigned long)(device) << 16 | (vendor))
#define IPC_DEVICE_ROOT_FD 3 // the first process's

#define IPC_PORT_CAPACITY 16 // messages, when none is given
#define IPC_PORT_CAPACITY_MAX 1024

// The tag: bits 0-3 number of words (more than 8 count as 8), bits 4-31 free for the programs (label),
// bit 32 an argument block is given (word 0 points to it), bits 33-63 must be 0 on the way in.
#define IPC_TAG_WORDS(tag) (((tag)&0xfu) < 8 ? (unsigned)((tag)&0xfu) : 8u)
#define IPC_TAG_WORDS_MAX 8
#define IPC_TAG_LABEL_SHIFT 4
#define IPC_TAG(label, words) ((unsigned long)(label) << IPC_TAG_LABEL_SHIFT | (words))
#define IPC_TAG_BLOCK (1ul << 32)
// In, to a port: overtakes the messages that are not urgent.
#define IPC_TAG_URGENT (1ul << 63)
// Out, with an error status: the request had been taken by a server and may have been executed.
#define IPC_TAG_TAKEN (1ul << 33)
// Out, of a receive: no message but bits of the attached notification, in the badge.
#define IPC_TAG_NOTIFIED (1ul << 34)
// Out, with a message: how many descriptors and how many bytes came with it.
#define IPC_TAG_FDS(tag) ((unsigned)((tag) >> 36) & 7u)
#define IPC_TAG_BYTES(tag) ((unsigned)((tag) >> 40) & 0x1ffffu)
#define IPC_TAG_FDS_SHIFT 36
#define IPC_TAG_BYTES_SHIFT 40

#define IPC_BYTES_MAX 65536u
#define IPC_FDS_MAX 4
#define IPC_FD_MOVE (1u << 31) // in send_fds: the sender's own descriptor is closed by the delivery
#define IPC_NEVER (~0ul)

#ifndef __ASSEMBLER__
/** The argument block: what does not fit into registers. For a call, send_* is the request and recv_*
 *  the room for the answer; for reply_recv, send_* is the answer and recv_* the room for the next
 *  request; a send uses only send_*, a receive only recv_*. recv_fds is written with a message. */
struct ipc_block {
	unsigned long deadline; // CLOCK_MONOTONIC, ns; IPC_NEVER = none; else -ETIMEDOUT
	unsigned long word0; // sent in place of word 0, whose register points here
	unsigned long send_at, recv_at; // long message, room for one
	unsigned int send_bytes, recv_bytes; // at most IPC_BYTES_MAX
	unsigned int send_fd_count, recv_fd_count; // at most IPC_FDS_MAX
	unsigned int send_fds[IPC_FDS_MAX]; // descriptors, each perhaps with IPC_FD_MOVE
	int recv_fds[IPC_FDS_MAX]; // close-on-exec is set
};
#endif

// Arguments behind the descriptor stand in tag, word 0, word 1 …: (fd, rights, badge) is fd, tag, word 0.

// Deadlines are absolute, in nanoseconds of CLOCK_MONOTONIC, or IPC_NEVER; one that has passed still takes
// what is there already.

// Flags of a mint, beside the rights. Both hold for the child and all that is derived from it together.
#define IPC_MINT_TELL (1u << 8) // word 1: a notification that gets the bits of word 2 at the last one's end
#define IPC_MINT_LIMIT (1u << 9) // word 3: messages a second, word 4: at once; beyond it they get -EAGAIN
// Flag of a revoke: all with that badge but fd itself, by who can receive.
#define IPC_REVOKE_BADGE (1u << 0)

// Rights of a descriptor.
#define IPC_RIGHT_SEND (1u << 0) // call, send, signal
#define IPC_RIGHT_RECV (1u << 1) // receive, wait, bind
#define IPC_RIGHT_GRANT (1u << 2) // restrict, mint and revoke; may be passed on
#define IPC_RIGHT_WRITE IPC_RIGHT_SEND // of a region
#define IPC_RIGHT_READ IPC_RIGHT_RECV
