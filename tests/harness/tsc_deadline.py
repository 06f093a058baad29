#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tsc_deadline.py BUILD: the local APIC's TSC-deadline mode, which QEMU has only under KVM: timers must
fire neither early nor never. 77 = SKIP where KVM, or the mode, is not to be had."""
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, rootfs, run  # noqa: E402
from halcyon.common import image_path  # noqa: E402

SKIPPED = 77
TIMEOUT_S = 500  # a KVM without hardware's help is slow
# /proc/uptime has hundredths, cut off.
COMMAND = ('now() { awk "{ print int(100 * \\$1 + 0.5) }" /proc/uptime; }; a=$(now); sleep 0.3; sleep 0.3; b=$(now); '
           'echo $((b - a >= 60)); nproc')


class Watched(guest.Framed):
    """Ends when KVM gives up: QEMU itself only stops the machine then."""
    has_given_up = False

    def _complaint(self, ready, fileobj):
        super()._complaint(ready, fileobj)
        if b'KVM internal error' in self.log:
            self.has_given_up = True
            self.limit.shorten(0)


def main(build):
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('SKIP: /dev/kvm is not here or not open to us, and TCG has no TSC-deadline mode')
        return SKIPPED
    build = pathlib.Path(build)
    with tempfile.TemporaryDirectory(prefix='halcyon-test-') as name:
        initrd, out = pathlib.Path(name) / 'initrd', pathlib.Path(name) / 'out'
        rootfs.write_initrd(initrd, rootfs.root_archive('x86_64', build / 'user/init'), (), COMMAND)
        line = machines.qemu_line('x86_64', image_path(build, 'x86_64'), initrd, run.framed_append(''),
                                  2, '256M', guest.PIPES)
        line[line.index('-cpu') + 1] = 'host,-arch-capabilities,-smap,-smep'  # some emulate no CLAC
        with open(out, 'wb') as file:
            framed = Watched(line + ['-accel', 'kvm'], None, file.fileno(), 2, TIMEOUT_S)
            status = framed.run()
        log, printed = bytes(framed.log).decode(errors='replace'), out.read_text(encoding='utf-8')
    if framed.has_given_up:
        print('SKIP: this KVM cannot carry out an instruction of the kernel: ' + log[-700:])
        return SKIPPED
    if 'Halcyon' not in log:
        print('SKIP: KVM does not start a machine here: ' + log[-500:])
        return SKIPPED
    if 'clock: ' in log and 'with deadline timer' not in log:
        print('SKIP: this KVM offers no TSC-deadline mode, or no TSC to be trusted')
        return SKIPPED
    print(log[-3000:] + framed.why + '\n' + printed)
    return 0 if status == 0 and printed == '1\n2\n' else 1


sys.exit(main(*sys.argv[1:]))
