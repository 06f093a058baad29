# SPDX-License-Identifier: MIT
# Rooms: one object library per folder that sees the headers below it and no others, so that an
# upward include does not compile.
#
#   halcyon_room(NAME sched [DEPS kernel mm_alloc] [PART_DIRS ipc/part …] [SUBDIRS a b]
#                [EXCLUDE file.c …] [SOURCES file …] [HOT regex])
#
# Makes, from the current source folder:
#   NAME_headers   interface: include/ of this room and, through DEPS, of every room below
#   NAME           object library of *.c and *.S (and tests/*.c in a build with tests);
#                  an interface without sources while the folder has none
# PART_DIRS are folders, from the top of the tree, of the `part.h` files that struct thread embeds.
# SUBDIRS are folders whose sources belong to this room too. SOURCES adds, EXCLUDE takes away. Images
# are compiled to be small; HOT matches the names, without .c, of files on the paths that `./halcyon bench` counts,
# which are compiled to be fast.

set_property(GLOBAL PROPERTY HALCYON_ROOMS "")
set_property(GLOBAL PROPERTY HALCYON_TEST_FILES "")

function(halcyon_room)
	cmake_parse_arguments(R "" "NAME;HOT" "DEPS;PART_DIRS;SUBDIRS;EXCLUDE;SOURCES" ${ARGN})
	set(dir ${CMAKE_CURRENT_SOURCE_DIR})

	add_library(${R_NAME}_headers INTERFACE)
	target_include_directories(${R_NAME}_headers INTERFACE ${dir}/include)
	foreach(part IN LISTS R_PART_DIRS)
		target_include_directories(${R_NAME}_headers INTERFACE ${PROJECT_SOURCE_DIR}/${part})
	endforeach()
	foreach(dep IN LISTS R_DEPS)
		target_link_libraries(${R_NAME}_headers INTERFACE ${dep}_headers)
	endforeach()

	set(sources "")
	foreach(sub . ${R_SUBDIRS})
		file(GLOB found CONFIGURE_DEPENDS ${dir}/${sub}/*.c ${dir}/${sub}/*.S)
		list(APPEND sources ${found})
		file(GLOB tests CONFIGURE_DEPENDS ${dir}/${sub}/tests/*.c)
		if(CONFIG_TESTS)
			list(APPEND sources ${tests})
			set_property(GLOBAL APPEND PROPERTY HALCYON_TEST_FILES ${tests})
		endif()
	endforeach()
	list(TRANSFORM sources REPLACE "/\\./" "/")
	foreach(file IN LISTS R_EXCLUDE)
		list(REMOVE_ITEM sources ${dir}/${file})
	endforeach()
	list(APPEND sources ${R_SOURCES})
	list(FILTER sources EXCLUDE REGEX "/offsets\\.c$")

	if(NOT sources)
		add_library(${R_NAME} INTERFACE)
		return()
	endif()
	add_library(${R_NAME} OBJECT ${sources})
	foreach(file IN LISTS sources)
		if(NOT CONFIG_HOST AND R_HOT AND file MATCHES "/(${R_HOT})\\.c$")
			set_property(SOURCE ${file} APPEND PROPERTY COMPILE_OPTIONS -O2)
		endif()
	endforeach()
	target_link_libraries(${R_NAME} PRIVATE ${R_NAME}_headers kernel_flags)
	if(NOT R_NAME MATCHES "^(lib|arch|hal|hal_drivers|hal_platform|kernel)$")
		# Runs with the MMU on only, and touches no device: memory may be accessed at any address.
		set_target_properties(${R_NAME} PROPERTIES HALCYON_MMU_ON 1)
	endif()
	add_dependencies(${R_NAME} generated_headers)
	set_property(GLOBAL APPEND PROPERTY HALCYON_ROOMS ${R_NAME})
endfunction()
