# SPDX-License-Identifier: MIT
# Headers made while building: <arch/offsets.h>, from arch/ARCH/offsets.c compiled to assembly.

set(generated ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${generated}/arch)
add_custom_target(generated_headers)

# Called once all rooms are known, for offsets.c is compiled with what arch/ may see.
function(halcyon_offsets)
	set(source ${PROJECT_SOURCE_DIR}/arch/${HALCYON_ARCH}/offsets.c)
	if(NOT EXISTS ${source})
		return()
	endif()
	add_library(arch_offsets OBJECT ${source})
	target_link_libraries(arch_offsets PRIVATE arch_headers kernel_flags)
	target_compile_options(arch_offsets PRIVATE -S -g0
		$<$<C_COMPILER_ID:Clang>:-fno-integrated-as>)
	add_custom_command(OUTPUT ${generated}/arch/offsets.stamp
		BYPRODUCTS ${generated}/arch/offsets.h
		COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/offsets.py
			$<TARGET_OBJECTS:arch_offsets> ${generated}/arch/offsets.h
		COMMAND ${CMAKE_COMMAND} -E touch ${generated}/arch/offsets.stamp
		DEPENDS $<TARGET_OBJECTS:arch_offsets> ${PROJECT_SOURCE_DIR}/cmake/offsets.py VERBATIM)
	add_custom_target(arch_offsets_header DEPENDS ${generated}/arch/offsets.stamp)
	add_dependencies(generated_headers arch_offsets_header)
endfunction()
