// SPDX-License-Identifier: MIT
// The vDSO as it was linked (user/vdso). The laboratory has none.
	.section .rodata
	.balign	8
	.globl vdso_image, vdso_image_end
vdso_image:
#if !CONFIG_HOST
	.incbin VDSO_IMAGE
#endif
vdso_image_end:
	.section .note.GNU-stack, "", %progbits
