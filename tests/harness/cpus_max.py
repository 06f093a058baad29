#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""cpus_max.py BUILD ARCH SMALL: build the release image again for SMALL processors in BUILD-SMALL: no case
of kbench may cost 1 % more or less than with the usual number. 77 = left out, but in the long size."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import bench, guest, machines  # noqa: E402
from halcyon.common import image_path, quiet  # noqa: E402

SKIPPED = 77
TIMEOUT_S = 3000
CASES = os.environ.get('HALCYON_CASES', '')


def figures(build, initrd, arch):
    line = machines.qemu_line(arch, image_path(build, arch), initrd, '-- ' + CASES if CASES else '', 1,
                              '256M', guest.PIPES, True)
    status, console = guest.record(line, TIMEOUT_S)
    if status != 0:
        raise SystemExit('%s: the guest ended with %s' % (build, status))
    return bench.parse(console.decode(errors='replace').replace('\r', ''), 'kbench')


def main(build, arch, small):
    if not os.environ.get('HALCYON_LONG'):
        return SKIPPED
    build = pathlib.Path(build)
    other = build.with_name('%s-%s' % (build.name, small))
    subprocess.run(['cmake', '--preset', arch, '-B', str(other), '-DCPUS_MAX=' + small], cwd=ROOT,
                   check=True, stdout=subprocess.DEVNULL)
    quiet(['ninja', '-C', str(other), 'image'], 'building for %s processors' % small)
    made = build / 'kbench'
    initrd = made / ('initrd-%s.cpio' % arch)
    quiet(['make', '-C', str(ROOT / 'bench/kbench'), 'B=%s' % made, str(initrd)], 'building kbench')
    usual, few = figures(build, initrd, arch), figures(other, initrd, arch)
    bad = 0
    for case, value in usual.items():
        change = (few.get(case, 0) / value - 1) * 100 if value else 0
        bad += abs(change) >= 1
        print('%-20s %10.0f %10.0f %+7.2f %%' % (case, value or 0, few.get(case, 0), change))
    return 1 if bad or not usual or set(usual) != set(few) else 0


sys.exit(main(*sys.argv[1:]))
