# SPDX-License-Identifier: MIT
# A shell at work: pipelines, background jobs, signals, here-documents and the usual tools. The output
# is the same on every kernel that keeps Linux's promises; shell.expected holds Linux's.
# HALCYON_LONG=1: twenty rounds, each compared with the first.

work=/tmp/shell-test
mkdir -p $work
cd $work || exit 1

pipelines() {
	i=0
	while [ $i -lt 200 ]; do
		echo "line $i" | sed "s/line/number/" | tr a-z A-Z | cat
		i=$((i + 1))
	done | md5sum
}

background() {
	for n in 1 2 3 4 5 6 7 8; do
		(exit $n) &
		pids="$pids $!"
	done
	for pid in $pids; do
		wait $pid
		echo "job ended with $?"
	done
	pids=
	sleep 1000 &
	kill $!
	wait $!
	echo "killed: $?"
	sleep 1000 &
	kill -9 $!
	wait $!
	echo "killed hard: $?"
	(trap 'echo caught; exit 3' USR1; echo ready >ready; while :; do sleep 0.01; done) >caught &
	until [ -s ready ]; do sleep 0.01; done
	kill -USR1 $!
	wait $!
	echo "handler: $? $(cat caught)"
	rm -f ready
}

documents() {
	cat <<-END
	here $((6 * 7)) $(echo nested | rev)
	END
	cat <<'END' | wc
a b c
d e
END
	yes | head -n 1000 | wc -l
	seq 1 10000 | awk '{ s += $1 } END { print s }'
	seq 1 100 | sed -n '/7$/p' | tr '\n' ' '
	echo
	seq 1 2000 | sort -r | sort -n | uniq | md5sum
	printf 'c\na\nb\n' | sort | tee sorted | paste -s -d,
	cmp sorted - <<END && echo same
a
b
c
END
}

files() {
	mkdir -p tree/a/b tree/c
	for f in tree/one tree/a/two tree/a/b/three; do
		seq 1 500 >$f
	done
	ln -s ../one tree/a/link
	ln tree/one tree/c/hard
	chmod 640 tree/one
	touch -d '2026-01-02 03:04:05' tree/a/two
	stat -c '%a %h %s %F %n' tree/one tree/c/hard tree/a/link
	stat -c '%Y' tree/a/two
	find tree | sort
	tar c tree | tar t | sort | md5sum
	tar c tree | (mkdir -p copy && cd copy && tar x)
	diff -r tree copy/tree && echo "copies are equal"
	gzip -c tree/one | gunzip -c | cmp - tree/one && echo "gzip is faithful"
	head -c 300000 /dev/zero | gzip | gunzip | wc -c
	mv tree/one tree/uno
	rm tree/c/hard
	ls -l tree/uno | awk '{ print $1, $2, $5 }'
	cat tree/a/link 2>/dev/null || echo "dangling"
	rm -r tree copy
	ls tree 2>/dev/null || echo gone
}

editor() {
	printf 'first\nsecond\nthird\n' >text
	printf 'ddp:s/first/changed/\nGyyp:wq\n' | TERM=vt100 vi text >/dev/null 2>&1
	cat text
	printf 'alpha\nbeta\n' >text
	ed text <<-END
	2
	s/beta/gamma/
	w
	q
	END
	cat text
}

parallel() {
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		(
			i=0
			sum=0
			while [ $i -lt 200 ]; do
				sum=$((sum + i * n))
				i=$((i + 1))
			done
			echo "$n $sum $(echo $sum | md5sum)" >out.$n
		) &
	done
	wait
	cat out.* | sort -n
	rm -f out.*
}

system() {
	uname -s >/dev/null && echo "uname works"
	find / -xdev 2>/dev/null | grep -v '^/\(proc\|sys\|dev\|tmp\|run/\)' | sort | md5sum
	id -u
	pwd
	umask
	(ulimit -n >/dev/null && echo "limits work")
	test -c /dev/null && test -d /proc/self && echo "mounts are there"
	sh -c 'echo $0 $# "$@"' name one 'two three'
	env -i A=1 env
	expr 7 \* 6
	echo 'print' | xargs -n 1 echo
	false || echo "false is false"
	cat /nonexistent 2>/dev/null
	echo "status $?"
	nosuchcommand 2>/dev/null
	echo "status $?"
	ps >list && grep -c 'shell.sh' list >/dev/null && echo "ps sees us"
}

round() {
	for part in pipelines background documents files editor parallel system; do
		echo "== $part"
		$part
	done
}

round >/tmp/shell-out 2>/tmp/shell-err
cat /tmp/shell-out
if [ -n "$HALCYON_LONG" ]; then
	for n in 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		round >/tmp/shell-again 2>/tmp/shell-err
		cmp /tmp/shell-out /tmp/shell-again || { echo "round $n differs"; diff /tmp/shell-out /tmp/shell-again; }
	done
fi
echo "== end"
