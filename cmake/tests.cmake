# SPDX-License-Identifier: MIT
# Registration of tests.
#
#   halcyon_unit_tests()
#       One ctest per room for the TEST()s of this build, and one of its own per TEST whose name
#       begins with a row of the requirements: TEST(sched, S7_affinity) is sched.S7.affinity. On the
#       host each runs the program; in a guest one boot with `tests=all` runs all and the others read
#       its log.
#   halcyon_guest_test(NAME boot.cpus8 [EXEC command] [EXPECT regex] [LOG regex] [STATUS n]
#                      [CPUS n] [MEM size] [MACHINE row] [APPEND words] [INITRD file] [NO_INITRD]
#                      [ADD host:guest …] [DEVICE qemu-device …] [INPUT file] [STDOUT file] [ICOUNT] [TAP] [TIMEOUT s]
#                      [LONG] [HASH] [PRESETS regex])
#       Boots this build's image. EXPECT is for what EXEC prints (the whole of it), LOG for the
#       kernel's log, STDOUT a file that must equal what EXEC prints; TAP: the log must hold a whole run
#       of the unit tests. PRESETS: which builds have the test, `.*-test` unless said. LONG: only in
#       the long size, ten times the TIMEOUT. HASH: keep the hash of the kernel that booted, NAME.sha256.
#   halcyon_script_test(NAME x SCRIPT tests/harness/x.py [ARGS …] [TIMEOUT s])
# A guest's console is kept in build/logs/PRESET/NAME.log.

get_filename_component(HALCYON_PRESET ${PROJECT_BINARY_DIR} NAME)
set(HALCYON_LOGS ${PROJECT_SOURCE_DIR}/build/logs/${HALCYON_PRESET})
set(HALCYON_HARNESS ${PROJECT_SOURCE_DIR}/tests/harness)

function(halcyon_script_test)
	cmake_parse_arguments(T "" "NAME;SCRIPT;TIMEOUT" "ARGS" ${ARGN})
	add_test(NAME ${T_NAME} COMMAND ${Python3_EXECUTABLE} -B
		${PROJECT_SOURCE_DIR}/${T_SCRIPT} ${T_ARGS})
	if(NOT T_TIMEOUT)
		set(T_TIMEOUT 120)
	endif()
	set_tests_properties(${T_NAME} PROPERTIES TIMEOUT ${T_TIMEOUT})
endfunction()

# The arguments go through a file, one per line: a command of a shell may hold semicolons.
function(halcyon_guest_test)
	set(single NAME EXEC EXPECT LOG STATUS CPUS MEM MACHINE APPEND INITRD INPUT STDOUT TIMEOUT PRESETS)
	cmake_parse_arguments(PARSE_ARGV 0 T "NO_INITRD;ICOUNT;LONG;TAP;HASH" "${single}" "ADD;DEVICE")
	if(NOT T_PRESETS)
		set(T_PRESETS ".*-test")
	endif()
	if(NOT TARGET image OR NOT HALCYON_PRESET MATCHES "^(${T_PRESETS})$")
		return()
	endif()
	if(NOT T_TIMEOUT)
		set(T_TIMEOUT 120)
	endif()
	if(NOT T_MACHINE)
		set(T_MACHINE ${HALCYON_ARCH})
	endif()
	set(args "--build=${PROJECT_BINARY_DIR}\n--log-dir=${HALCYON_LOGS}\n")
	foreach(key NAME MACHINE TIMEOUT EXEC EXPECT LOG STATUS CPUS MEM APPEND INITRD INPUT STDOUT)
		if(DEFINED T_${key})
			string(TOLOWER ${key} option)
			string(APPEND args "--${option}=${T_${key}}\n")
		endif()
	endforeach()
	foreach(flag NO_INITRD ICOUNT LONG TAP HASH)
		if(T_${flag})
			string(TOLOWER ${flag} option)
			string(REPLACE _ - option ${option})
			string(APPEND args "--${option}\n")
		endif()
	endforeach()
	foreach(pair IN LISTS T_ADD)
		string(APPEND args "--add=${pair}\n")
	endforeach()
	foreach(device IN LISTS T_DEVICE)
		string(APPEND args "--device=${device}\n")
	endforeach()
	file(WRITE ${PROJECT_BINARY_DIR}/tests/${T_NAME}.args "${args}")
	# The script keeps the guest's time, which is longer where others need the host, too; this limit is for
	# the script itself.
	math(EXPR limit "${T_TIMEOUT} * 40 + 60")
	halcyon_script_test(NAME ${T_NAME} SCRIPT tests/harness/guest_test.py
		ARGS @${PROJECT_BINARY_DIR}/tests/${T_NAME}.args TIMEOUT ${limit})
	set_tests_properties(${T_NAME} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

# The TEST()s of this build, as "room.name".
function(halcyon_find_tests out)
	get_property(files GLOBAL PROPERTY HALCYON_TEST_FILES)
	set(found "")
	foreach(file IN LISTS files)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
		file(STRINGS ${file} lines REGEX "^TEST\\([a-z0-9_]+, *[A-Za-z0-9_]+\\)")
		foreach(line IN LISTS lines)
			if(line MATCHES "^TEST\\(([a-z0-9_]+), *([A-Za-z0-9_]+)\\)")
				list(APPEND found ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
			endif()
		endforeach()
	endforeach()
	set(${out} ${found} PARENT_SCOPE)
endfunction()

function(halcyon_unit_tests)
	halcyon_find_tests(cases)
	if(NOT cases)
		return()
	endif()
	if(TARGET halcyon-host)
		set(runner ${HALCYON_HARNESS}/sanitized ${PROJECT_BINARY_DIR}/halcyon-host)
	elseif(TARGET image AND CONFIG_TESTS)
		set(log ${HALCYON_LOGS}/unit.boot.log)
		halcyon_guest_test(NAME unit.boot APPEND tests=all TAP NO_INITRD TIMEOUT 300
			PRESETS ".*-(test|sanitize)")
		set_tests_properties(unit.boot PROPERTIES FIXTURES_SETUP unit_log)
		set(runner ${Python3_EXECUTABLE} -B ${HALCYON_HARNESS}/tap_read.py ${log})
	else()
		return()
	endif()
	set(rooms "")
	foreach(case IN LISTS cases)
		string(REGEX REPLACE "\\..*" "" room ${case})
		list(APPEND rooms ${room})
		if(case MATCHES "^[a-z0-9_]+\\.([A-Z][0-9]+)_(.+)$")
			halcyon_unit_test(${room}.${CMAKE_MATCH_1}.${CMAKE_MATCH_2} ${case})
		endif()
	endforeach()
	list(REMOVE_DUPLICATES rooms)
	foreach(room IN LISTS rooms)
		halcyon_unit_test(${room}.unit ${room}.)
	endforeach()
endfunction()

# Uses ${runner} of the caller.
function(halcyon_unit_test name filter)
	add_test(NAME ${name} COMMAND ${runner} ${filter})
	set_tests_properties(${name} PROPERTIES TIMEOUT 300)
	if(TARGET image)
		set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED unit_log)
	endif()
endfunction()
