#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rows.py ARCH: the rows of the table of machines, "name processors seconds" each.
rows.py --same HASH-FILE …: did all these boots use the same kernel?"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import machines  # noqa: E402

CPUS = 4


def same(paths):
    hashes = {}
    for path in map(pathlib.Path, paths):
        found = path.read_text(encoding='utf-8').strip() if path.exists() else 'did not boot'
        hashes.setdefault(found, []).append(path.stem)
    for found, names in hashes.items():
        print(found, *names)
    return 0 if len(hashes) == 1 and 'did not boot' not in hashes else 1


def main(args):
    if args[0] == '--same':
        return same(args[1:])
    for name, machine in machines.MACHINES.items():
        if machine.arch == args[0]:
            print(name, machine.cpus or CPUS, machine.timeout)
    return 0


sys.exit(main(sys.argv[1:]))
