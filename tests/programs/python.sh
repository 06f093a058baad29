# SPDX-License-Identifier: MIT
# Python's own tests of what it asks the kernel for: some cases, the whole modules in the long size.
# memory 1G
. /programs/start.sh
if [ -n "$LONG" ]; then
	for module in test_signal test_os test_threading test_subprocess test_posix test_select test_selectors test_poll \
		test_epoll test_mmap test_fcntl test_pty test_tempfile test_shutil test_time test_thread test_queue \
		test_contextlib test_pipes test_wait3 test_wait4 test_fork1 test_popen test_stat test_glob \
		test_resource test_eintr test_memoryview; do
		[ -e /usr/lib/python3.13/test/$module.py ] || [ -d /usr/lib/python3.13/test/$module ] || continue
		timeout -k 5 1200 python3 /programs/unit.py $module < /dev/null || fail $module.end
	done
else
	python3 /programs/unit.py test_signal.PosixTests test_signal.PendingSignalsTests test_signal.PidfdSignalTest \
		test_os.StatAttributeTests test_os.EventfdTests test_os.PidTests test_os.SpawnTests.test_spawnv \
		test_os.PseudoterminalTests test_os.MemfdCreateTests test_threading.BarrierTests \
		test_threading.ConditionTests test_subprocess.POSIXProcessTestCase.test_exception_bad_executable \
		test_subprocess.POSIXProcessTestCase.test_start_new_session test_poll test_mmap \
		< /dev/null || fail end
fi
echo @end
