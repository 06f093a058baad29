# SPDX-License-Identifier: MIT
# The example servers and their clients. What it prints is examples.expected.
cd /tmp
until_there() {
	while [ ! -e "$1" ]; do sleep 0.05; done
}

example-echo serve echo &
until_there echo
example-echo ask echo "hello, world"
for i in 1 2 3 4 5 6 7 8; do example-echo ask echo "client $i" & done | sort
kill %1
wait %1 2>/dev/null
example-echo ask echo late 2>&1
rm echo
example-echo ask echo gone 2>&1

example-kv serve kv &
until_there kv
example-kv put kv colour green
example-kv put kv shape round
example-kv put kv colour blue
example-kv get kv colour
example-kv get kv shape
example-kv get kv taste 2>&1
kill %1
wait %1 2>/dev/null

mkfifo input
example-logger serve log < input > lines 2> who &
exec 3> input
until_there log
for i in 1 2 3 4; do example-logger log log "line $i" & done
while [ "$(wc -l < lines)" -lt 4 ]; do sleep 0.05; done
exec 3>&-
while [ -e log ]; do sleep 0.05; done
sort lines
sort -u who | wc -l
