#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write shell.expected anew from Linux: reference.py ARCH PACKAGE.

PACKAGE is a kernel of the Debian suite that the root comes from, such as
linux-image-6.12.107+deb13-cloud-amd64. It boots with the root that Halcyon boots with, our init
included, so `./halcyon run ARCH` must have built once."""
import os
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, packages, rootfs  # noqa: E402

CONSOLE = {'x86_64': 'ttyS0', 'aarch64': 'ttyAMA0', 'riscv64': 'ttyS0'}


def main(arch, package):
    version = package.removeprefix('linux-image-')
    name = 'vmlinux' if arch == 'riscv64' else 'vmlinuz'
    kernel = packages.fetch(package, arch, 'boot/%s-%s' % (name, version))
    with tempfile.TemporaryDirectory() as scratch:
        initrd = os.path.join(scratch, 'initrd.cpio')
        rootfs.write_initrd(initrd, rootfs.root_archive(arch, ROOT / 'build' / arch / 'user/init'),
                            ['%s:/shell.sh' % (HERE / 'shell.sh')], 'sh /shell.sh')
        line = machines.qemu_line(arch, kernel, initrd, 'console=%s quiet' % CONSOLE[arch], 8, '512M',
                                  guest.PIPES)
        with open(HERE / 'shell.expected', 'wb') as out:
            return guest.Framed(line, None, out.fileno(), timeout=600).run()


sys.exit(main(*sys.argv[1:]))
