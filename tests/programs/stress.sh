# SPDX-License-Identifier: MIT
# stress-ng: two workers of each class check what they do.
# long
# memory 1G
. /programs/start.sh
for class in cpu vm fork futex pipe sem sem-sysv shm shm-sysv signal sigq switch timer clone vfork mmap mutex eventfd \
	epoll poll fifo timerfd sigsegv sigfpe sigsuspend pthread mremap madvise msync dup rename link symlink \
	flock lockf inotify resched msg memfd sendfile sockpair dirdeep file-ioctl getdent seek yield nice \
	affinity schedpolicy wait exec daemon zombie hdd userfaultfd; do
	timeout -k 10 900 stress-ng --$class 2 --vm-bytes 64M --hdd-bytes 16M --timeout 5 --verify --oomable --temp-path /tmp \
		> /tmp/said 2>&1
	status=$?
	if [ $status -eq 0 ] && ! grep -q 'skipped: [1-9]' /tmp/said; then pass $class
	elif grep -q -e 'skipped: [1-9]' -e 'skipping stressor' -e 'not implemented' /tmp/said; then
		skip $class "$(grep -i -m1 -e skip -e implemented /tmp/said)"
	else
		fail $class
		cat /tmp/said
	fi
done
echo @end
