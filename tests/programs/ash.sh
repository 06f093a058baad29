# SPDX-License-Identifier: MIT
# BusyBox's tests of its shell.
# long
. /programs/start.sh
cd /suite/ash
cp /suite/busybox.config .config
ln -s /busybox/busybox ash
cp /suite/bin/recho /suite/bin/zecho .
cp /usr/bin/printenv .
timeout 2500 sh ./run-all < /dev/null > /tmp/said 2>&1
sed -n 's/^ash-\([^:]*\).tests: ok$/@pass \1/p; s/^ash-\([^:]*\).tests: fail.*/@fail \1/p; s/^ash-\([^:]*\).tests: skip.*/@skip \1/p' /tmp/said
grep -v ': ok$' /tmp/said
for file in *.fail; do echo "--- $file"; head -n 30 "$file"; done
echo @end
