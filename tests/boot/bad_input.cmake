# SPDX-License-Identifier: MIT
# What people and firmware get wrong: each gets a clear line and the nearest sane behaviour, and a panic
# ends with a failing status. A program that needs nothing of the root is the only file of some.
set(bad ${PROJECT_BINARY_DIR}/tests/bad-initrds)
execute_process(COMMAND ${Python3_EXECUTABLE} -B ${HALCYON_HARNESS}/bad_initrds.py ${bad}
	COMMAND_ERROR_IS_FATAL ANY)
# QEMU's own status of a panic: isa-debug-exit doubles and adds one.
set(failed 3)
if(HALCYON_ARCH STREQUAL "x86_64")
	set(failed 7)
endif()
set(no_init "KERNEL PANIC: init: /init cannot be started")

halcyon_guest_test(NAME boot.bad.no_initrd NO_INITRD STATUS ${failed}
	LOG "no initrd was given.*\\n[^~]*${no_init}: ENOENT")
halcyon_guest_test(NAME boot.bad.noise INITRD ${bad}/noise.cpio STATUS ${failed}
	LOG "initrd: is not a cpio archive[^~]*${no_init}: ENOENT")
foreach(kind cut huge_size no_digits)
	halcyon_guest_test(NAME boot.bad.${kind} INITRD ${bad}/${kind}.cpio STATUS ${failed}
		LOG "initrd is damaged[^~]*${no_init}: ENOENT")
endforeach()
halcyon_guest_test(NAME boot.bad.no_init INITRD ${bad}/no_init.cpio STATUS ${failed}
	LOG "${no_init}: ENOENT")
halcyon_guest_test(NAME boot.bad.no_interpreter INITRD ${bad}/no_interpreter.cpio STATUS ${failed}
	LOG "${no_init}: ENOENT")
foreach(kind lying_elf text)
	halcyon_guest_test(NAME boot.bad.${kind} INITRD ${bad}/${kind}.cpio STATUS ${failed}
		LOG "${no_init}: ENOEXEC")
endforeach()
halcyon_guest_test(NAME boot.bad.init_word APPEND init=/absent STATUS ${failed}
	LOG "KERNEL PANIC: init: /absent cannot be started: ENOENT")
halcyon_guest_test(NAME boot.bad.words APPEND "frobnicate=7 slice=abc quirk cpus=0 loglevel=x"
	EXEC "echo alive" EXPECT "alive"
	LOG "unknown word .frobnicate=7., ignored\\n[^~]*unknown word .quirk., ignored")
# x86_64's kernel is linked at 16 MiB, where QEMU puts it without looking; with tests it needs 2 MiB and more.
set(least 16M)
if(HALCYON_ARCH STREQUAL "x86_64")
	set(least 20M)
endif()
halcyon_guest_test(NAME boot.bad.little_memory MEM ${least} NO_INITRD STATUS ${failed}
	LOG "KERNEL PANIC: .*(memory|ENOENT)")

if(HALCYON_ARCH STREQUAL "x86_64")
	halcyon_guest_test(NAME boot.bad.no_memory_for_image MEM 16M NO_INITRD STATUS ${failed}
		LOG "^Halcyon: no memory where the image is loaded, at 16 MiB")
endif()

# H4: who panics stops all CPUs, busy ones too, and tells of each; --exec ends with 125.
halcyon_guest_test(NAME hal.H4.panic CPUS 4 NO_INITRD APPEND panic=test STATUS ${failed}
	LOG "KERNEL PANIC: asked for by panic=test\\nCPU [0-3]: panicked\\n  stack:\\n    upcall_start_user\\+0x[^~]*(CPU [0-3]: stopped\\n[^~]*){3}halted after")
halcyon_guest_test(NAME hal.H4.panic_exec CPUS 2 APPEND panic=test EXEC "echo no" EXPECT "" STATUS 125
	LOG "KERNEL PANIC: asked for by panic=test[^~]*halted after")
halcyon_guest_test(NAME hal.H4.panic_busy CPUS 4 STATUS ${failed}
	ADD ${PROJECT_BINARY_DIR}/tests/guest/guest-test:/test APPEND "init=/test -- --busy-end"
	LOG "KERNEL PANIC: init ended, status 3\\nCPU [0-3]: panicked\\n  stack:\\n    proc_exit[^~]*(CPU [0-3]: stopped\\n  user mode[^~]*){3}halted after")

# maxcpus= that makes no sense: a number is moved to the nearest that does, a word is not one.
foreach(case "0:1:using 1" "3:2:using 2" "99999999999:2:using 2" "-1:2:is not a number" "many:2:is not a number")
	string(REPLACE ":" ";" case "${case}")
	list(GET case 0 value)
	list(GET case 1 count)
	list(GET case 2 line)
	halcyon_guest_test(NAME boot.bad.maxcpus=${value} CPUS 2 APPEND maxcpus=${value}
		EXEC "nproc" EXPECT "${count}" LOG "command line: [^\\n]*${line}")
endforeach()

# As deep page tables as the harts have and the command line says; the program finds out what fits them.
if(HALCYON_ARCH STREQUAL "riscv64")
	foreach(case riscv64::sv57 riscv64-sv48::sv48 riscv64-rva22::sv39 riscv64:sv39:sv39 riscv64:sv48:sv48 riscv64:sv57:sv57)
		string(REGEX MATCH "^(.*):(.*):(.*)$" case ${case})
		set(words "")
		if(CMAKE_MATCH_2)
			set(words "paging=${CMAKE_MATCH_2}")
		endif()
		halcyon_guest_test(NAME hal.H1.paging.${CMAKE_MATCH_1}.${CMAKE_MATCH_2}${CMAKE_MATCH_3} CPUS 4
			MACHINE ${CMAKE_MATCH_1} APPEND "${words} quiet"
			ADD ${PROJECT_BINARY_DIR}/tests/guest/guest-test:/test
			EXEC "grep -c '^mmu.*: ${CMAKE_MATCH_3}$' /proc/cpuinfo; /test mm_M1_terabytes && echo mapped"
			EXPECT "4\\nmapped")
	endforeach()
	halcyon_guest_test(NAME boot.bad.paging=sv40 APPEND "paging=sv40 quirk" EXEC "grep -c 'mmu.*sv57' /proc/cpuinfo"
		CPUS 2 EXPECT "2" LOG "command line: paging=sv40 is not sv39, sv48 or sv57: ignored")
	halcyon_guest_test(NAME boot.bad.paging=sv57 MACHINE riscv64-sv48 APPEND paging=sv57 CPUS 2
		EXEC "grep -c 'mmu.*sv48' /proc/cpuinfo" EXPECT "2"
		LOG "command line: paging=sv57, but the harts have sv48 at most")
	# A hart that does not take the others' mode when it starts (the word makes it so, once).
	halcyon_guest_test(NAME hal.H2.refused_hart CPUS 4 APPEND smp.refused=2
		EXEC "nproc; echo 1 >/sys/devices/system/cpu/cpu2/online; nproc; taskset 4 echo there"
		EXPECT "3\\n4\\nthere" LOG "CPU 2 .* has no page tables as deep as those in use, left off")
endif()

# A console that is not there is said, and what there is taken.
halcyon_guest_test(NAME boot.bad.console APPEND "console=ttyX9,9600 quirk" EXEC "echo here" EXPECT "here"
	LOG "console=ttyX9,9600 is not here: using tty")

# H1, H2: ids that are neither dense nor in one cluster become 0, 1, 2 …; who does not arrive in time is
# left off, and if it comes later all the same, it parks.
set(cpus 8)
if(HALCYON_ARCH STREQUAL "x86_64")
	set(cpus "6,sockets=2,cores=3") # APIC ids 0 1 2 4 5 6
elseif(HALCYON_ARCH STREQUAL "aarch64")
	set(cpus 18) # the last two in a cluster of their own
endif()
string(REGEX REPLACE ",.*" "" count ${cpus})
math(EXPR last "${count} - 1")
halcyon_guest_test(NAME hal.H1.sparse_ids CPUS ${cpus}
	EXEC "nproc; awk '/^processor/ { print $3 }' /proc/cpuinfo | tail -n 1; echo ok"
	EXPECT "${count}\\n${last}\\nok" LOG "cpus: ${count} of ${count} online")
halcyon_guest_test(NAME hal.H2.late_cpu CPUS 4 APPEND smp.late=2
	EXEC "nproc; awk '/^processor/ { print $3 }' /proc/cpuinfo; for i in 1 2 3 4; do (:) & done; wait; echo ok"
	EXPECT "3\\n0\\n1\\n3\\nok" LOG "CPU 2 .* did not arrive within 1 s, left off")
