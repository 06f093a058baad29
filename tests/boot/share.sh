# Run in the guest by tests/harness/share_test.py, with /mnt and "/srv/two folders" shared. Prints what must be
# as expected there.
cd /mnt || exit 1
cat from_host link "/srv/two folders/other"
mkdir made && cd made || exit 1
echo one > a && echo two >> a && cat a
ln a hard && ln -s a soft && mv a b && cat soft; readlink soft; stat -c '%h %s' b
(umask 0; echo text > read_only; chmod 444 read_only); stat -c '%a %s' read_only
dd if=/dev/urandom of=random bs=1000 count=3000 2> /dev/null
md5sum < random
dd if=random of=random bs=1 seek=10 skip=20 count=100 conv=notrunc 2> /dev/null
truncate -s 2000000 random; md5sum < random; stat -c %s random
mkfifo fifo && stat -c %F fifo
i=0; while [ $i -lt 300 ]; do : > "file number $i"; i=$((i + 1)); done
ls | wc -l; find . -name 'file*' | sort | tail -n 1
rm file*9; mkdir sub; rmdir sub; ls | wc -l
rmdir . 2> /dev/null || echo "not empty"
# Programs run from there: pages are read as they are touched, and again when the file has changed.
cp /bin/busybox busybox && ./busybox echo ran
printf '#!/bin/sh\necho first\n' > script; chmod +x script; ./script
printf '#!/bin/sh\necho again\n' > script; ./script
# The other side's changes are seen.
echo old > /mnt/shared; exec 3< /mnt/shared; : > /mnt/ready
while [ ! -e /mnt/go ]; do sleep 0.01; done
cat /mnt/shared; cat <&3
[ -e /mnt/from_host ] || echo gone
# Without a name any more, the session lives on for who uses it.
cd / ; umount /mnt 2> /dev/null || echo busy
exec 3<&-; umount /mnt && ls /mnt | wc -l; mount -t 9p share0 /mnt && cat /mnt/shared
mount -t 9p share0 /tmp 2> /dev/null || echo taken; mount -t 9p nobody /tmp 2> /dev/null || echo nobody
