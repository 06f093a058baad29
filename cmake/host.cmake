# SPDX-License-Identifier: MIT
# The laboratory: the portable rooms as an ordinary process. halcyon-host boots them, runs the unit
# tests and tries the schedules of tests/explore.

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

if(EXISTS ${PROJECT_SOURCE_DIR}/arch/host/main.c)
	file(GLOB scenarios CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/explore/*.c
		${PROJECT_SOURCE_DIR}/tests/sim/*.c)
	if(CONFIG_TESTS)
		file(GLOB host_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/host/*.c)
		list(APPEND scenarios ${host_tests})
		set_property(GLOBAL APPEND PROPERTY HALCYON_TEST_FILES ${host_tests})
	endif()
	add_executable(halcyon-host ${PROJECT_SOURCE_DIR}/arch/host/main.c ${scenarios} ${objects}
		$<TARGET_OBJECTS:host_objects>)
	target_link_libraries(halcyon-host PRIVATE kernel_flags ${HALCYON_TOP_ROOM}_headers
		Threads::Threads m)
	target_include_directories(halcyon-host PRIVATE ${PROJECT_SOURCE_DIR}/arch/host)
	# A scenario on a booted kernel takes the place of the first user program (main.c).
	target_link_options(halcyon-host PRIVATE -Wl,--wrap=upcall_start_user)
	set_target_properties(halcyon-host PROPERTIES HALCYON_HOSTED 1)
	add_dependencies(halcyon-host generated_headers)
endif()
