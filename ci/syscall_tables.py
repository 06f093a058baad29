#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write uapi/arch/*/uapi/syscalls.def: the system calls that abi/linux defines, by the numbers of the
installed Linux headers; then docs/linux-abi.md. Run after adding a SYSCALLn(); the tables are kept in the tree."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = pathlib.Path('/usr/include')
HEADERS = {'x86_64': INCLUDE / 'x86_64-linux-gnu/asm/unistd_64.h',
           'aarch64': INCLUDE / 'asm-generic/unistd.h', 'riscv64': INCLUDE / 'asm-generic/unistd.h'}
LATER = {'fchmodat2': 452}  # newer than the headers
GENERIC_NAMES = {'newfstatat': 79}  # there by another name
ONLY = {'arch_prctl': 'x86_64'}


def numbers(arch):
    found = dict(LATER)
    if arch != 'x86_64':
        found.update(GENERIC_NAMES)
    for line in HEADERS[arch].read_text(encoding='utf-8').splitlines():
        match = re.match(r'#define __NR(?:3264)?_(\w+)\s+(\d+)', line)
        if match:
            found[match.group(1)] = int(match.group(2))
    return found


def main():
    names = []
    for path in sorted((ROOT / 'abi/linux').glob('*.c')):
        names += re.findall(r'^SYSCALL\d\((\w+)', path.read_text(encoding='utf-8'), re.MULTILINE)
    for arch in HEADERS:
        known = numbers(arch)
        rows = sorted((known[name], name) for name in names
                      if name in known and ONLY.get(name, arch) == arch)
        with open(ROOT / 'uapi/arch' / arch / 'uapi/syscalls.def', 'w', encoding='utf-8') as out:
            out.write('// SPDX-License-Identifier: MIT\n'
                      '// The Linux system calls that are there, by their number on this architecture.\n'
                      '// Written by ci/syscall_tables.py.\n')
            out.writelines('SYSCALL(%d, %s)\n' % row for row in rows)
        print('%s: %d system calls' % (arch, len(rows)))
    subprocess.run([sys.executable, str(ROOT / 'ci/linux_abi.py')], check=True)


main()
