#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""memory_in_use.py BUILD ARCH KIB: boot the image with kbench's initrd, 1 CPU and 256 MiB; RAM less
what kbench finds free once all is settled must be under KIB."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines  # noqa: E402
from halcyon.common import image_path, quiet  # noqa: E402

MEM_MIB = 256


def main(build, arch, limit_kib):
    made = pathlib.Path(build) / 'kbench'
    initrd = made / ('initrd-%s.cpio' % arch)
    quiet(['make', '-C', str(ROOT / 'bench/kbench'), 'B=%s' % made, str(initrd)], 'building kbench')
    line = machines.qemu_line(arch, image_path(build, arch), initrd, '-- null', 1,
                              '%dM' % MEM_MIB, guest.PIPES)
    status, console = guest.record(line, 120)
    text = console.decode(errors='replace').replace('\r', '')
    free = re.search(r'settled_mem_free_kib (\d+)', text)
    if status != 0 or not free:
        print('the guest ended with %s\n%s' % (status, text[-3000:]))
        return 1
    used = MEM_MIB * 1024 - int(free.group(1))
    print('%d KiB in use, at most %s' % (used, limit_kib))
    return 0 if used < int(limit_kib) else 1


sys.exit(main(*sys.argv[1:]))
