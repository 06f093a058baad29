#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tap_read.py LOG FILTER: did the unit tests whose name begins with FILTER pass in this boot?"""
import re
import sys

RESULT = re.compile(r'(not ok|ok) \d+ -? ?(\S+)')


def main(log, wanted):
    with open(log, encoding='utf-8', errors='replace') as source:
        lines = source.read().splitlines()
    ran = failed = 0
    notes = []
    for line in lines:
        found = RESULT.search(line)
        if not found:
            notes.append(line)
            continue
        if found.group(2).startswith(wanted):
            ran += 1
            if found.group(1) == 'not ok':
                failed += 1
                print('\n'.join(notes[-20:] + [line]))
        notes = []
    if ran == 0:
        print('no test %s in %s: the boot ended before it' % (wanted, log))
    print('%d run, %d failed' % (ran, failed))
    return 1 if failed or ran == 0 else 0


sys.exit(main(*sys.argv[1:]))
