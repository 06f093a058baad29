// SPDX-License-Identifier: MIT
// For assembly that touches user memory.
#pragma once

#ifdef __ASSEMBLER__

// A NOP until arch_cpu_init_early() has found PAN.
.macro pan_patched instruction
	.pushsection .pan_patches, "a"
	.quad	7771f
	.long	\instruction, 0
	.popsection
7771:	nop
.endm

.macro user_open
	pan_patched 0xd500409f		// msr pan, #0
.endm

.macro user_close
	pan_patched 0xd500419f		// msr pan, #1
.endm

.macro on_fault first, last, fixup
	.pushsection .extable, "a"
	.quad	\first, \last, \fixup
	.popsection
.endm

#endif
