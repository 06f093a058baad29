# Read by BusyBox's shell in the guest before a suite, and by the suite: Debian's /usr is mounted there and takes the
# place of BusyBox's commands, which are in /busybox from then on.
if [ -d /bin ] && [ ! -L /bin ]; then
	mv /bin /busybox
	B=/busybox/busybox
	$B rmdir /lib
	$B ln -s usr/lib /lib
	$B ln -s usr/bin /bin
	[ ! -d /usr/lib64 ] || $B ln -s usr/lib64 /lib64
	cd /tmp
	exec /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/busybox HOME=/root TERM=dumb LANG=C LC_ALL=C ARCH="$ARCH" LONG="$LONG" \
		/bin/bash /programs/"$1"
fi
# What a suite tells run.py: one line for each test.
pass() { echo "@pass $1"; }
fail() { echo "@fail $1"; }
skip() { echo "@skip $1 $2"; }
# try NAME COMMAND...: a test that passes with status 0.
try() {
	name=$1
	shift
	if "$@"; then pass "$name"; else fail "$name"; fi
}
# is NAME EXPECTED COMMAND...: a test that passes when just this is printed.
is() {
	name=$1 expected=$2
	shift 2
	got=$("$@" 2>&1)
	if [ "$got" = "$expected" ]; then pass "$name"; else fail "$name"; echo "$name printed: $got"; fi
}
