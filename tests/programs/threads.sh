# SPDX-License-Identifier: MIT
# POSIX threads of glibc and of musl.
. /programs/start.sh
for libc in glibc musl; do
	/suite/bin/threads-$libc $libc || fail $libc.end
done
echo @end
