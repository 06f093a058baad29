# SPDX-License-Identifier: MIT
# Programs that read and write much: make with a compiler, SQLite, compressors, tar.
. /programs/start.sh

build() {
	mkdir -p /tmp/build && cd /tmp/build || return 1
	for i in 1 2 3 4 5 6; do echo "int f$i(int x) { return x + $i; }" > f$i.c; done
	cat > main.c <<-'END'
	#include <stdio.h>
	int f1(int), f2(int), f3(int), f4(int), f5(int), f6(int);
	int main(void)
	{
		printf("%d\n", f1(f2(f3(f4(f5(f6(21)))))));
		return 0;
	}
	END
	printf '%s\n' 'objects = main.o $(patsubst %,f%.o,1 2 3 4 5 6)' 'prog: $(objects)' '	tcc -o $@ $^' \
		'%.o: %.c' '	tcc -c -o $@ $<' > Makefile
	make -j4 && [ "$(./prog)" = 42 ] && make -q || return 1
	touch f2.c
	make -q; [ $? = 1 ] || return 1
	make | grep -c tcc | grep -qx 2
}
if type tcc > /dev/null 2>&1; then
	try make.tcc build
else
	skip make.tcc "Debian has no tcc for this architecture"
fi

fill="with recursive c(x) as (select \$FROM union all select x + 1 from c where x < \$TO)
	insert into t select x, hex(randomblob(20)) from c"
rows() { echo "$fill" | FROM=$1 TO=$2 sed "s/\$FROM/$1/; s/\$TO/$2/"; }
sqlite_fill() {
	sqlite3 /tmp/db "create table t(a integer primary key, b text); begin; $(rows 1 100000); commit;"
	[ "$(sqlite3 /tmp/db 'select count(*), sum(a) from t; pragma integrity_check')" = "100000|5000050000
ok" ]
}
# Killed when pages of the transaction have reached the file, so that there is a journal to roll back.
sqlite_kill() {
	size=$(stat -c %s /tmp/db)
	sqlite3 /tmp/db "pragma cache_size = 50; begin; $(rows 100001 10000000); commit;" &
	while [ "$(stat -c %s /tmp/db)" -le $((size + 1000000)) ]; do sleep 0.05; done
	kill -9 $!
	wait $!
	[ $? = 137 ] && [ -s /tmp/db-journal ] || return 1
	[ "$(sqlite3 /tmp/db 'select count(*), sum(a) from t; pragma integrity_check')" = "100000|5000050000
ok" ] && [ ! -e /tmp/db-journal ]
}
try sqlite.transaction_of_100000_rows sqlite_fill
try sqlite.kill_and_roll_back sqlite_kill
try sqlite.wal sqlite3 /tmp/wal "pragma journal_mode = wal; create table t(a); insert into t values(1); select * from t"
rm -f /tmp/db*

mkdir /tmp/data
head -c 300000 /dev/urandom > /tmp/data/random
cp /usr/bin/bash /usr/include/unistd.h /tmp/data
: > /tmp/data/empty
head -c 500000 /dev/zero > /tmp/data/zeros
round_trip() {
	for file in /tmp/data/*; do
		$1 -c < "$file" > /tmp/packed && $1 -dc < /tmp/packed | cmp - "$file" || return 1
	done
}
for program in gzip bzip2 zstd xz "xz -T2"; do
	try "${program/ -T2/.threads}" round_trip "$program"
done
tar_trip() {
	ln -s bash /tmp/data/link && ln /tmp/data/bash /tmp/data/hard && chmod 4751 /tmp/data/random
	mkdir /tmp/out && tar -C /tmp -cf - data | tar -C /tmp/out -xpf - || return 1
	diff -r /tmp/data /tmp/out/data && [ -L /tmp/out/data/link ] && [ /tmp/out/data/bash -ef /tmp/out/data/hard ] &&
		[ "$(stat -c '%a %Y' /tmp/data/random)" = "$(stat -c '%a %Y' /tmp/out/data/random)" ]
}
try tar tar_trip
copy_usr() {
	mkdir /tmp/copy && tar -C /usr -cf - include/linux | tar -C /tmp/copy -xf - && diff -r /usr/include/linux /tmp/copy/include/linux
}
try tar.of_a_shared_folder copy_usr
try find.and_xargs sh -c 'test $(find /usr/include/linux -name "*.h" -print0 | xargs -0 -P2 -n 50 wc -l | grep -vc total) -gt 300'
echo @end
