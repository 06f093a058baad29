#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone, with what its own room may see: headers.py BUILD.

A name that ends in _inline.h is the second half of another header, which includes it."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

from layering import APART, ORDER, ROOT, compile_lines, without_source


def compiles(room, header, line, scratch):
    entry, path = line
    source = scratch / (str(header).replace('/', '_') + '.c')
    source.write_text('#include "%s"\n' % header, encoding='utf-8')
    done = subprocess.run(without_source(entry, path) + ['-fsyntax-only', str(source)],
                          cwd=entry['directory'], capture_output=True, text=True, check=False)
    return done.returncode == 0, '%s: %s\n%s' % (room, header.relative_to(ROOT), done.stderr)


def main(build):
    lines = compile_lines(pathlib.Path(build))
    jobs = []
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for room in ORDER + APART:
            if room in lines:
                for header in sorted((ROOT / room / 'include').rglob('*.h')):
                    if header.stem.endswith('_inline'):
                        continue
                    jobs.append(pool.submit(compiles, room, header, lines[room], pathlib.Path(name)))
        results = [job.result() for job in jobs]
    wrong = [text for is_good, text in results if not is_good]
    print('\n'.join(wrong))
    print('%d headers tried, %d do not compile alone' % (len(results), len(wrong)))
    return 1 if wrong or not results else 0


sys.exit(main(sys.argv[1]))
