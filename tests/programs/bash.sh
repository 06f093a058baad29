# SPDX-License-Identifier: MIT
# Bash's own tests: those of builtins and what stands close to the kernel; all of them in the long size. Each prints
# what differs from what is expected.
. /programs/start.sh
cd /suite/bash
# They want to be an ordinary user's, on a terminal, beside bash's own source, with a locale of America.
cp read.tests /suite/y.tab.c
cp read.tests config.h && cp jobs.tests version.h
mkdir /tmp/locale && cp -r /usr/lib/locale/C.utf8 /tmp/locale/en_US.UTF-8
chown -R nobody /suite/bash
unset LC_ALL
tests='builtins herestr heredoc procsub redir dirstack coproc getopts'
[ -z "$LONG" ] || tests=$(ls run-* | sed -n 's/^run-//p' | grep -vx -e all -e minimal -e gprof)
cat > /tmp/all.sh <<'END'
export THIS_SH=/bin/bash BUILD_DIR=/suite/bash TMPDIR=/tmp BASH_TSTOUT=/tmp/bashtst LOCPATH=/tmp/locale HOME=/home
export PATH=.:/suite/bin:$PATH USER=nobody
for test in "$@"; do
	[ -e run-$test ] || continue
	timeout --foreground -k 5 1000 sh run-$test > /tmp/said 2>&1
	status=$?
	rm -f $BASH_TSTOUT
	if [ $status -lt 124 ] && ! grep -v '^warning:' /tmp/said > /tmp/differs; then
		echo "@pass $test"
	else
		echo "@fail $test"
		head -n 40 /tmp/differs
	fi
done
END
script -qec "setpriv --reuid nobody --regid nogroup --clear-groups bash /tmp/all.sh $(echo $tests)" /dev/null < /dev/null | sed -u 's/\r//'
echo @end
