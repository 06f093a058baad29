# SPDX-License-Identifier: MIT
# The vDSO (user/vdso), which the kernel image carries: a shared object for programs, so it is compiled by the
# rules of user space, by whatever compiler compiles the kernel.
set(VDSO_IMAGE ${PROJECT_BINARY_DIR}/vdso.so)
set(vdso ${PROJECT_SOURCE_DIR}/user/vdso)
set(vdso_flags "")
if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
	list(APPEND vdso_flags --target=${CMAKE_C_COMPILER_TARGET} -fuse-ld=lld)
endif()
if(HALCYON_ARCH STREQUAL "riscv64")
	list(APPEND vdso_flags -march=rv64gc -mabi=lp64d)
	if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
		list(APPEND vdso_flags -mno-relax)
	endif()
endif()
add_custom_command(OUTPUT ${VDSO_IMAGE}
	COMMAND ${CMAKE_C_COMPILER} ${vdso_flags} -std=gnu17 -O2 -Wall -Wextra -Werror -fPIC -ffreestanding
		-fno-stack-protector -fno-asynchronous-unwind-tables -fvisibility=default
		-I${vdso}/${HALCYON_ARCH} -I${PROJECT_SOURCE_DIR}/uapi/include
		-shared -nostdlib -s -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,--build-id=none
		-Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,-T,${vdso}/vdso.ld
		-Wl,--version-script=${vdso}/${HALCYON_ARCH}/names.map ${vdso}/vdso.c -o ${VDSO_IMAGE}
	DEPENDS ${vdso}/vdso.c ${vdso}/vdso.ld ${vdso}/${HALCYON_ARCH}/machine.h
		${vdso}/${HALCYON_ARCH}/names.map ${PROJECT_SOURCE_DIR}/uapi/include/uapi/vdso.h
	VERBATIM)
set_source_files_properties(vdso_image.S PROPERTIES OBJECT_DEPENDS ${VDSO_IMAGE}
	COMPILE_DEFINITIONS VDSO_IMAGE="${VDSO_IMAGE}")
