#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""H5: above hal/ no conditional names an architecture or a board, and arch/ drives no device."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ABOVE = ('lib', 'kernel', 'mm', 'sched', 'ipc', 'fs', 'proc', 'dev', 'abi')
NAMED = re.compile(r'^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*(?:__x86_64__|__aarch64__|__riscv|'
                   r'(?:CONFIG_)?ARCH_|BOARD_|PLATFORM_)', re.MULTILINE)

wrong = seen = 0
for room in ABOVE:
    for path in sorted((ROOT / room).rglob('*')):
        if path.suffix not in ('.c', '.h', '.S'):
            continue
        seen += 1
        text = path.read_text(encoding='utf-8')
        for found in NAMED.finditer(text):
            wrong += 1
            print('%s:%d: %s' % (path.relative_to(ROOT), text.count('\n', 0, found.start()) + 1,
                                 found.group(0).strip()))
print('%d files read, %d conditionals' % (seen, wrong))
sys.exit(1 if wrong or not seen else 0)
