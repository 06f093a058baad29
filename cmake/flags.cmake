# SPDX-License-Identifier: MIT
# How kernel code is compiled and linked, per architecture and compiler. Everything is linked
# statically at fixed high addresses: no relocation, no GOT.

# The size of a kernel stack: sanitizers put much on it, and the C library's functions do.
set(CONFIG_KSTACK_KIB 16)
if(CONFIG_HOST AND HALCYON_SANITIZE)
	set(CONFIG_KSTACK_KIB 128)
elseif(CONFIG_HOST OR HALCYON_SANITIZE)
	set(CONFIG_KSTACK_KIB 32)
endif()
# Images: the checkers of kernel/ubsan.c and mm/alloc/kasan.c.
set(CONFIG_UBSAN 0)
set(CONFIG_KASAN 0)
if(NOT CONFIG_HOST AND HALCYON_SANITIZE MATCHES "undefined")
	set(CONFIG_UBSAN 1)
endif()
if(NOT CONFIG_HOST AND HALCYON_SANITIZE MATCHES "kernel-address")
	set(CONFIG_KASAN 1)
endif()

add_library(kernel_flags INTERFACE)
target_compile_definitions(kernel_flags INTERFACE
	CONFIG_DEBUG=${CONFIG_DEBUG} CONFIG_TESTS=${CONFIG_TESTS} CONFIG_HOST=${CONFIG_HOST}
	CPUS_MAX=${CPUS_MAX} CONFIG_KSTACK_KIB=${CONFIG_KSTACK_KIB}
	CONFIG_KASAN=${CONFIG_KASAN} $<$<COMPILE_LANGUAGE:ASM>:__ASSEMBLY__=1>)
target_include_directories(kernel_flags INTERFACE ${PROJECT_BINARY_DIR}/generated)
target_compile_options(kernel_flags INTERFACE
	-g $<IF:$<BOOL:${CONFIG_HOST}>,-O2,-Os> -Wall -Wextra
	$<$<BOOL:${HALCYON_WERROR}>:-Werror>
	$<$<COMPILE_LANGUAGE:C>:-std=gnu17 -fno-strict-aliasing -fno-common>
	$<$<NOT:$<BOOL:$<TARGET_PROPERTY:HALCYON_HOSTED>>>:-ffreestanding>
	-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

if(CONFIG_DEBUG OR CONFIG_TESTS OR CONFIG_HOST)
	target_compile_options(kernel_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-fno-omit-frame-pointer>)
else()
	target_compile_options(kernel_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-fomit-frame-pointer>)
endif()

if(NOT CONFIG_HOST)
	# Padding in front of functions and loops is a tenth of the image, and is itself executed.
	target_compile_options(kernel_flags INTERFACE -falign-functions=4
		$<$<C_COMPILER_ID:GNU>:-falign-jumps=1 -falign-loops=1 -falign-labels=1>)
endif()

set(machine_flags "")
if(HALCYON_ARCH STREQUAL "x86_64")
	set(machine_flags -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fcf-protection=none)
	set(guard_flag -mstack-protector-guard=global)
elseif(HALCYON_ARCH STREQUAL "aarch64")
	set(machine_flags -mcmodel=small -mgeneral-regs-only -mno-outline-atomics
		$<$<NOT:$<BOOL:$<TARGET_PROPERTY:HALCYON_MMU_ON>>>:-mstrict-align>)
	set(guard_flag -mstack-protector-guard=global)
elseif(HALCYON_ARCH STREQUAL "riscv64")
	if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
		set(riscv_march rv64imac_zicsr_zifencei)
		# gcc's <limits.h> would go on to the C library's, which Debian has for lp64d only.
		target_compile_definitions(kernel_flags INTERFACE _LIBC_LIMITS_H_)
	else()
		set(riscv_march rv64imac)
	endif()
	set(machine_flags -mabi=lp64 -mcmodel=medany -march=${riscv_march} -mno-relax
		$<$<COMPILE_LANGUAGE:C>:-msmall-data-limit=0>)
	set(guard_flag "")
endif()

if(CONFIG_HOST)
	target_link_options(kernel_flags INTERFACE -no-pie)
	target_compile_options(kernel_flags INTERFACE -fno-pie)
	if(HALCYON_SANITIZE)
		target_compile_options(kernel_flags INTERFACE -fsanitize=${HALCYON_SANITIZE}
			-fno-sanitize-recover=all)
		target_link_options(kernel_flags INTERFACE -fsanitize=${HALCYON_SANITIZE})
		if(HALCYON_SANITIZE STREQUAL "thread" AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
			# It says that fences are unknown to this sanitizer; what depends on one alone would be
			# reported as a race, never missed.
			target_compile_options(kernel_flags INTERFACE -Wno-tsan)
		endif()
	endif()
else()
	if(HALCYON_SANITIZE)
		# Not in what runs before there is a stack, a map or a shadow. A call for each access; no
		# redzones on stacks and between variables, which would need a shadow of their own.
		target_compile_options(kernel_flags INTERFACE
			$<$<AND:$<COMPILE_LANGUAGE:C>,$<NOT:$<BOOL:$<TARGET_PROPERTY:HALCYON_UNSANITIZED>>>>:-fsanitize=${HALCYON_SANITIZE}
			--param=asan-stack=0 --param=asan-globals=0
			--param=asan-instrumentation-with-call-threshold=0 -Wno-maybe-uninitialized>)
	endif()
	# What nothing calls, on this machine or at all, is left out: KEEP in kernel.ld says what stays.
	target_compile_options(kernel_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-ffunction-sections>)
	target_link_options(kernel_flags INTERFACE -Wl,--gc-sections)
	target_compile_options(kernel_flags INTERFACE ${machine_flags}
		$<$<COMPILE_LANGUAGE:C>:${guard_flag}>
		$<$<COMPILE_LANGUAGE:C>:-fstack-protector-strong>
		-fno-asynchronous-unwind-tables -fno-pic -fno-pie)
	target_link_options(kernel_flags INTERFACE ${machine_flags} -nostdlib -static
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096)
	if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
		target_link_options(kernel_flags INTERFACE -fuse-ld=lld)
	else()
		target_link_options(kernel_flags INTERFACE -no-pie -Wl,--no-warn-rwx-segments)
		if(HALCYON_ARCH STREQUAL "aarch64")
			# Debian's gcc asks for "full", which takes one of two ways by the distance of data: the
			# symbol table would then move functions. "adr" changes an instruction, and does not
			# link where the target is more than 1 MiB away; "adrp" adds veneers of 4 KiB each.
			set(erratum_843419 adr)
			if(CONFIG_DEBUG OR CONFIG_TESTS)
				set(erratum_843419 adrp)
			endif()
			target_link_options(kernel_flags INTERFACE -mno-fix-cortex-a53-843419
				-Wl,--fix-cortex-a53-843419=${erratum_843419})
		endif()
	endif()
endif()

# halcyon_free_registers(file...): functions of these files keep no register for their callers, which must be
# entry code that has saved them all, or functions of such files. What they call keeps them as usual.
function(halcyon_free_registers)
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "GNU" OR CONFIG_DEBUG)
		return()
	endif()
	set(free_x86_64 rbx r12 r13 r14 r15)
	set(free_aarch64 x19 x20 x21 x22 x23 x24 x25 x26 x27 x28)
	set(free_riscv64 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11)
	set(options -fomit-frame-pointer)
	if(HALCYON_ARCH STREQUAL "x86_64")
		list(APPEND options -ffixed-rbp) # gcc cannot have it free: not used, it is not saved either
	endif()
	foreach(register ${free_${HALCYON_ARCH}})
		list(APPEND options -fcall-used-${register})
	endforeach()
	set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS ${options})
endfunction()
