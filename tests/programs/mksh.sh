# SPDX-License-Identifier: MIT
# mksh's own tests.
# long
. /programs/start.sh
cd /suite/mksh
categories=shell:legacy-no,int:32,fastbox,shell:textmode-no,shell:ebcdic-no
script -qec "perl check.pl -p /bin/mksh -C $categories -v -T /tmp -s check.t" /dev/null < /dev/null > /tmp/typed 2>&1
tr -d '\r' < /tmp/typed > /tmp/said
sed -n 's/^pass check.t:/@pass /p; s/^FAIL check.t:\(.*\) (ignored)$/@skip \1 ignored/p; t; s/^FAIL check.t:/@fail /p' /tmp/said
grep -av '^pass' /tmp/said | head -n 400
grep -aq '^Total passed' /tmp/said && echo @end
