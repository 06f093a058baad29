// SPDX-License-Identifier: MIT
// For assembly that touches user memory.
#pragma once

#ifdef __ASSEMBLER__

.macro	fixup first, end, target
	.pushsection .ex_table, "a"
	.balign	8
	.8byte	\first, \end, \target
	.popsection
.endm

.macro	open_user
	li	t6, SSTATUS_SUM
	csrs	sstatus, t6
.endm

.macro	close_user
	li	t6, SSTATUS_SUM
	csrc	sstatus, t6
.endm

#endif
