# SPDX-License-Identifier: MIT
# Programs that run on Halcyon: linked statically against glibc by the GNU cross compiler, for they
# are Linux programs like any other.
#
#   halcyon_user_program(NAME init SOURCES a.c … [FLAGS …] [DYNAMIC])
#
# DYNAMIC: with shared libraries; halcyon_user_libraries(OUT name …) tells where the compiler has them.

function(halcyon_user_program)
	cmake_parse_arguments(U "DYNAMIC" "NAME" "SOURCES;FLAGS" ${ARGN})
	add_executable(${U_NAME} ${U_SOURCES})
	target_compile_definitions(${U_NAME} PRIVATE _GNU_SOURCE)
	target_compile_options(${U_NAME} PRIVATE -std=gnu17 -O2 -g0 -Wall -Wextra
		$<$<BOOL:${HALCYON_WERROR}>:-Werror> ${U_FLAGS})
	target_include_directories(${U_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/uapi/include
		${PROJECT_SOURCE_DIR}/uapi/arch/${HALCYON_UAPI_ARCH})
	target_link_options(${U_NAME} PRIVATE $<$<NOT:$<BOOL:${U_DYNAMIC}>>:-static> -s ${U_FLAGS})
	target_link_libraries(${U_NAME} PRIVATE pthread)
endfunction()

function(halcyon_user_libraries out)
	set(found "")
	foreach(name IN LISTS ARGN)
		execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${name}
			OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
		file(REAL_PATH "${path}" path BASE_DIRECTORY /)
		if(NOT EXISTS "${path}" OR IS_DIRECTORY "${path}")
			message(FATAL_ERROR "the compiler has no ${name}")
		endif()
		list(APPEND found "${path}")
	endforeach()
	set(${out} ${found} PARENT_SCOPE)
endfunction()
