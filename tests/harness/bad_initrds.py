#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bad_initrds.py DIR: archives that firmware may hand over and that are wrong in one way each."""
import os
import pathlib
import random
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import cpio  # noqa: E402


def archive(init):
    made = cpio.Archive()
    made.folder('etc')
    made.file('etc/first', b'x' * 5000)
    if init is not None:
        made.file('init', init, 0o755)
    made.file('etc/last', b'y' * 5000)
    return made.bytes()


def lying_elf():
    """64-bit, whatever machine: its program header lies beyond the end of the file."""
    return b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack(
        '<HHIQQQIHHHHHH', 2, 0xffff, 1, 0xffffffffffff0000, 1 << 40, 0, 0, 64, 56, 0xffff, 0, 0, 0)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    whole = archive(b'#!/bin/absent\n')
    size_field = whole.index(b'etc/first') - 110 + 54
    files = {
        'noise': random.Random(3).randbytes(100000),
        'cut': whole[:7000],
        'huge_size': whole[:size_field] + b'FFFFFFFF' + whole[size_field + 8:],
        'no_digits': whole[:size_field] + b'zzzzzzzz' + whole[size_field + 8:],
        'no_init': archive(None),
        'lying_elf': archive(lying_elf()),
        'text': archive(b'hello\n'),
        'no_interpreter': whole,
    }
    for name, data in files.items():
        (pathlib.Path(folder) / (name + '.cpio')).write_bytes(data)


main(sys.argv[1])
