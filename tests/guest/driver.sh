# SPDX-License-Identifier: MIT
# The driver of `edu`, killed again and again under load. What it says goes to the log, too.
kills=20
[ -n "$HALCYON_LONG" ] && kills=1000
said=$(example-edu test $kills)
status=$?
echo "$said" | tee /dev/stderr
exit $status
