# SPDX-License-Identifier: MIT
# From the rooms to the image: halcyon.elf (with symbols), and beside it `halcyon` (x86_64, ELF
# without debug information) or `Image` (AArch64, RISC-V, raw with the Linux header).
# Two links: the second carries the symbol table made from the first.

if(NOT EXISTS ${PROJECT_SOURCE_DIR}/arch/${HALCYON_ARCH}/kernel.ld
		OR NOT EXISTS ${PROJECT_SOURCE_DIR}/kernel/main.c)
	return()
endif()
get_property(rooms GLOBAL PROPERTY HALCYON_ROOMS)
set(objects "")
foreach(room IN LISTS rooms)
	list(APPEND objects $<TARGET_OBJECTS:${room}>)
endforeach()

set(script ${PROJECT_BINARY_DIR}/kernel.ld)
set(includes $<TARGET_PROPERTY:arch_headers,INTERFACE_INCLUDE_DIRECTORIES>)
add_custom_command(OUTPUT ${script}
	COMMAND ${CMAKE_C_COMPILER} -E -P -x c -D__ASSEMBLY__=1 -D__LINKER__=1
		-DCONFIG_DEBUG=${CONFIG_DEBUG} -DCONFIG_TESTS=${CONFIG_TESTS} -DCPUS_MAX=${CPUS_MAX}
		-DCONFIG_KSTACK_KIB=${CONFIG_KSTACK_KIB}
		"$<$<BOOL:${includes}>:-I$<JOIN:${includes},;-I>>" -I${PROJECT_BINARY_DIR}/generated
		-MD -MF ${script}.d -MT ${script}
		${PROJECT_SOURCE_DIR}/arch/${HALCYON_ARCH}/kernel.ld -o ${script}
	DEPENDS ${PROJECT_SOURCE_DIR}/arch/${HALCYON_ARCH}/kernel.ld generated_headers
	DEPFILE ${script}.d COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(linker_script DEPENDS ${script})

set(ksyms ${PROJECT_SOURCE_DIR}/cmake/ksyms.py)

function(halcyon_link name file table)
	add_executable(${name} ${objects} ${table})
	set_target_properties(${name} PROPERTIES OUTPUT_NAME ${file} SUFFIX ".elf"
		LINK_DEPENDS ${script})
	add_dependencies(${name} linker_script)
	target_link_libraries(${name} PRIVATE kernel_flags)
	target_link_options(${name} PRIVATE -Wl,-T,${script} -Wl,-Map,${PROJECT_BINARY_DIR}/${file}.map)
endfunction()

add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/ksyms-none.S
	COMMAND ${Python3_EXECUTABLE} ${ksyms} ${CMAKE_NM} - ${PROJECT_BINARY_DIR}/ksyms-none.S
	DEPENDS ${ksyms} VERBATIM)
halcyon_link(first_link halcyon-first ${PROJECT_BINARY_DIR}/ksyms-none.S)

add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/ksyms.S
	COMMAND ${Python3_EXECUTABLE} ${ksyms} ${CMAKE_NM} $<TARGET_FILE:first_link>
		${PROJECT_BINARY_DIR}/ksyms.S
	DEPENDS ${ksyms} first_link VERBATIM)
halcyon_link(final_link halcyon ${PROJECT_BINARY_DIR}/ksyms.S)
add_dependencies(final_link first_link)

if(HALCYON_ARCH STREQUAL "x86_64")
	set(HALCYON_IMAGE ${PROJECT_BINARY_DIR}/halcyon)
	set(copy --strip-all)
else()
	set(HALCYON_IMAGE ${PROJECT_BINARY_DIR}/Image)
	set(copy -O binary)
endif()
add_custom_command(OUTPUT ${HALCYON_IMAGE}
	COMMAND ${Python3_EXECUTABLE} ${ksyms} --check ${CMAKE_NM} $<TARGET_FILE:first_link>
		$<TARGET_FILE:final_link>
	COMMAND ${CMAKE_OBJCOPY} ${copy} $<TARGET_FILE:final_link> ${HALCYON_IMAGE}
	DEPENDS final_link ${ksyms} VERBATIM)
add_custom_target(image ALL DEPENDS ${HALCYON_IMAGE})
