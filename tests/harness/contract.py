#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""H5: hal/tests name every call of the contract, so that a port which forgot one does not build its tests
and hal/PORTING.md, which sends people there, is true."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Not a port's: buses have drivers of their own, and these are other names for C11's operations or are reached
# through macros that the tests use (this_cpu_ptr).
HEADERS_APART = ('atomic.h', 'atomic_c11.h', 'atomic_plain.h', 'explore.h', 'pci.h', 'dt.h')
THROUGH_MACROS = {'hal_percpu_this', 'hal_percpu_ptr'}
CALL = re.compile(r'\b(hal_[a-z0-9_]+)\(')

tested = ''.join(path.read_text(encoding='utf-8') for path in (ROOT / 'hal/tests').glob('*.c'))
declared = set()
for header in (ROOT / 'hal/include/hal').glob('*.h'):
    if header.name not in HEADERS_APART:
        text = re.sub(r'/\*.*?\*/|//[^\n]*', '', header.read_text(encoding='utf-8'), flags=re.DOTALL)
        declared |= set(CALL.findall(text))
missing = sorted(name for name in declared - THROUGH_MACROS if not re.search(r'\b%s\b' % name, tested))
for name in missing:
    print('hal/tests does not name', name)
print('%d calls, %d missing' % (len(declared), len(missing)))
sys.exit(1 if missing or not declared else 0)
