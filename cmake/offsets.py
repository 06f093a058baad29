#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn `->NAME value` lines of compiled arch/ARCH/offsets.c into a header: offsets.py ASM HEADER.

offsets.c emits them by  asm volatile("\\n->NAME %0" : : "i"(value));  so assembler sources get
structure offsets without a second description of the structure."""
import re
import sys

lines = []
for text in open(sys.argv[1], encoding='utf-8'):
    found = re.match(r'\s*->\s*(\w+)\s+[$#]?(-?\w+)\s*$', text)
    if found:
        lines.append('#define %s %s\n' % found.groups())
header = '// Generated from offsets.c.\n#pragma once\n' + ''.join(lines)
try:
    if open(sys.argv[2], encoding='utf-8').read() == header:
        sys.exit(0)
except OSError:
    pass
with open(sys.argv[2], 'w', encoding='utf-8') as out:
    out.write(header)
