# SPDX-License-Identifier: MIT
# The laboratory: the portable rooms as an ordinary process. halcyon-host runs the unit tests; each
# tests/explore/NAME.c becomes explore-NAME, linked with the same objects but its own main.

get_property(rooms GLOBAL PROPERTY HALCYON_ROOMS)
set(objects "")
foreach(room IN LISTS rooms)
	list(APPEND objects $<TARGET_OBJECTS:${room}>)
endforeach()

add_custom_command(OUTPUT ${PROJECT_BINARY_DIR}/ksyms-none.S
	COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/ksyms.py nm -
		${PROJECT_BINARY_DIR}/ksyms-none.S
	DEPENDS ${PROJECT_SOURCE_DIR}/cmake/ksyms.py VERBATIM)
add_library(host_objects OBJECT ${PROJECT_BINARY_DIR}/ksyms-none.S)
find_package(Threads REQUIRED)

function(halcyon_host_program name)
	add_executable(${name} ${ARGN} ${objects} $<TARGET_OBJECTS:host_objects>)
	target_link_libraries(${name} PRIVATE kernel_flags ${HALCYON_TOP_ROOM}_headers Threads::Threads)
	set_target_properties(${name} PROPERTIES HALCYON_HOSTED 1)
	add_dependencies(${name} generated_headers)
endfunction()

if(EXISTS ${PROJECT_SOURCE_DIR}/arch/host/main.c)
	halcyon_host_program(halcyon-host ${PROJECT_SOURCE_DIR}/arch/host/main.c)
endif()
file(GLOB explorers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/explore/*.c)
foreach(source IN LISTS explorers)
	get_filename_component(stem ${source} NAME_WE)
	halcyon_host_program(explore-${stem} ${source})
endforeach()
