#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layering, tried with the compile commands of this build: layering.py BUILD.

A header of a room above must not be found by a room below; otherwise the build no longer enforces
who may include whom."""
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORDER = ('uapi', 'lib', 'hal', 'kernel', 'mm/alloc', 'sched', 'kernel/object', 'mm/space', 'ipc', 'fs',
         'proc', 'dev', 'abi')
APART = ('hal/drivers', 'hal/platform')  # these see kernel and mm/alloc


def compile_lines(build):
    """One command per room: that of its first C file."""
    found = {}
    for entry in json.loads((build / 'compile_commands.json').read_text(encoding='utf-8')):
        path = pathlib.Path(entry['file'])
        if path.suffix != '.c' or not path.is_relative_to(ROOT):
            continue
        parts = path.relative_to(ROOT).parts
        for depth in (2, 1):
            room = '/'.join(parts[:depth])
            if room in ORDER + APART:
                found.setdefault(room, (entry, path))
                break
    return found


def first_header(room):
    headers = sorted((ROOT / room / 'include').rglob('*.h'))
    return headers[0].relative_to(ROOT / room / 'include') if headers else None


def without_source(entry, path):
    """The words of a compile command up to what it compiles and where the result goes."""
    words = []
    skip = False
    for word in shlex.split(entry['command']):
        if skip or word == '-c' or word == str(path):
            skip = False
        elif word in ('-o', '-MT', '-MF'):
            skip = True
        elif word != '-MD':
            words.append(word)
    return words


def is_found(entry, path, header, scratch):
    source = scratch / 'try.c'
    source.write_text('#include <%s>\n' % header, encoding='utf-8')
    done = subprocess.run(without_source(entry, path) + ['-E', '-M', str(source)],
                          cwd=entry['directory'], capture_output=True, text=True, check=False)
    return done.returncode == 0


def main(build):
    lines = compile_lines(pathlib.Path(build))
    tried = wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for room, (entry, path) in lines.items():
            if room in APART:
                continue
            for above in ORDER[ORDER.index(room) + 1:]:
                header = first_header(above)
                if header is None:
                    continue
                tried += 1
                if is_found(entry, path, header, pathlib.Path(scratch)):
                    wrong += 1
                    print('%s can include <%s> of %s' % (room, header, above))
    print('%d upward includes tried, %d compiled' % (tried, wrong))
    return 1 if wrong or not tried else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
