# SPDX-License-Identifier: MIT
# BusyBox's own tests of its applets: some, all in the long size.
. /programs/start.sh
cd /suite/busybox
mkdir /tmp/bin && cp /busybox/busybox /tmp/bin && cp /suite/busybox.config /tmp/bin/.config
export bindir=/tmp/bin
mkdir /applets && /busybox/busybox --install -s /applets
ln -sfn /applets /bin # the tests are scripts of /bin/sh
export PATH=/applets ECHO=/suite/bin/echo-ne
applets='cat cmp cp cut dd du find head ln ls mkdir mv od readlink rm tail tar tee touch xargs'
[ -z "$LONG" ] || applets=
/usr/bin/timeout 3000 sh ./runtest $applets < /dev/null > /tmp/said 2>&1
sed -n 's/ /_/g; s/^PASS:_/@pass /p; s/^FAIL:_/@fail /p; s/^SKIPPED:_/@skip /p; s/^UNTESTED:_/@skip /p' /tmp/said
grep -v -e '^PASS:' /tmp/said | head -n 400
echo @end
