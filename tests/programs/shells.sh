# SPDX-License-Identifier: MIT
# Shells and languages, each with the same scripts where they can.
. /programs/start.sh

cat > /tmp/job.sh <<'END'
set -e
echo a b c | { read x y; echo "$y" "$x"; }
i=0; while [ $i -lt 50 ]; do i=$((i + 1)); (exit 0); done; echo $i
f() { local v=$1; echo "f $v"; }; f one
x=$(echo $(echo nested)); echo "$x"
trap 'echo caught' USR1; kill -USR1 $$
(sleep 0.05; exit 7) & wait $! || echo "status $?"
case hello in h*o) echo match;; esac
cat <<E | tr a-z A-Z
here $i
E
exec 3> /tmp/job.out; echo to file >&3; exec 3>&-; cat /tmp/job.out
for f in /usr/include/linux/l*.h; do echo ${f##*/}; done | sort | head -n 1
umask 027; : > /tmp/job.mode; stat -c %a /tmp/job.mode; rm /tmp/job.mode
cd /usr/lib; cd ..; pwd; cd -
set -- 1 2 3; shift; echo $# "$*"
trap 'echo end' EXIT
END
expected='b c a
50
f one
nested
caught
status 7
match
HERE 50
to file
l2tp.h
640
/usr
/usr/lib
2 2 3
end'
for shell in dash bash mksh "/busybox/busybox ash"; do
	is "script.${shell##* }" "$expected" env SH="$shell" $shell /tmp/job.sh
done

cat > /tmp/jobs.sh <<'END'
set -m
sleep 20 > /dev/null 2>&1 &
kill -STOP $!
while ! grep -q "(stopped)" /proc/$!/status; do sleep 0.01; done
echo stopped
kill $!; kill -CONT $!; wait $!; echo gone
ps -o pgid= -p $$ > /dev/null && sh -c 'echo ok | cat'
END
for shell in dash bash mksh; do
	is jobs.$shell "stopped
gone
ok" sh -c "$shell /tmp/jobs.sh 2> /dev/null"
done

is lua 'Lua 5.4	499500	hello	caught	true	3' lua5.4 -e '
local co = coroutine.wrap(function() for i = 0, 999 do coroutine.yield(i) end end)
local sum = 0
for i = 0, 999 do sum = sum + co() end
local pipe = io.popen("echo hello")
local text = pipe:read("l"); pipe:close()
local ok, err = pcall(function() error("caught", 0) end)
for i = 1, 200 do local t = {}; for j = 1, 500 do t[j] = {j} end end
collectgarbage()
local name = os.tmpname(); local f = io.open(name, "w"); f:write("abc"); f:close(); f = io.open(name)
print(_VERSION, sum, text, err, os.remove(name) and os.time() > 0, #f:read("a"))'
lua5.4 /programs/language.lua 2>&1 || fail lua.end
is perl '3 children, 42' perl -e '
my $sum = 0;
for my $i (1 .. 3) { pipe(my $r, my $w); my $pid = fork // die; unless ($pid) { print $w $i * 7; exit 0 } close $w; $sum += <$r>; waitpid $pid, 0 }
print "3 children, $sum\n"'
is awk '5050 2' awk 'BEGIN { for (i = 1; i <= 100; i++) s += i; "echo a; echo b" | getline; while (("cat /etc/passwd | head -n 2" | getline line) > 0) n++; print s, n }'
is sed 'b2 a1' sh -c 'echo a1 b2 | sed -E "s/([a-z][0-9]) ([a-z][0-9])/\2 \1/"'
is ps '1' sh -c 'ps -e -o pid= -o comm= | grep -c " init$"'
try ps.long ps -ef
try free free
try vmstat vmstat
try uptime uptime
try pgrep pgrep init
try lscpu lscpu
is nice 5 nice -n 5 nice
is timeout 124 sh -c 'timeout 0.1 sleep 10; echo $?'
is flock first sh -c 'flock /tmp/lock -c "echo first"'
is setsid ok setsid -w echo ok
is nproc 2 nproc
is script.python '[0, 1, 4] 42' python3 -c '
import subprocess, threading, multiprocessing, sqlite3, json, zlib, socket
out = []
threads = [threading.Thread(target=lambda i=i: out.append(i * i)) for i in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
assert zlib.decompress(zlib.compress(b"x" * 1000)) == b"x" * 1000
a, b = socket.socketpair(); a.send(b"42")
assert sqlite3.connect(":memory:").execute("select 6 * 7").fetchone() == (42,)
print(sorted(out), subprocess.run(["cat"], input=b.recv(2), capture_output=True).stdout.decode())'
is script.python_pool '[0, 1, 8, 27]' python3 -c '
import multiprocessing
def cube(x): return x ** 3
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(cube, range(4)))'
echo @end
