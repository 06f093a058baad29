#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Symbol table for the kernel's own back-traces, as an assembler file.

  ksyms.py NM ELF OUT.S      from the functions of a first link; ELF `-` makes an empty table
  ksyms.py --check NM FIRST FINAL   the final link moved no function

Defines, all little-endian u32 but the last:
  ksym_count                 number of entries
  ksym_offsets[count]        function addresses minus KERNEL_BASE, ascending
  ksym_name_offsets[count]   where each name begins in ksym_names
  ksym_names[]               NUL-terminated names
The table stands in .rodata.ksyms, after .text, so its size moves no function."""
import subprocess
import sys

KERNEL_BASE = 0xffffffff80000000


def functions(nm, elf):
    found = {}
    for line in subprocess.check_output([nm, elf], text=True).splitlines():
        words = line.split()
        if len(words) != 3 or words[1] not in 'tTwW':
            continue
        address, name = int(words[0], 16), words[2]
        if address < KERNEL_BASE or name.startswith(('.L', '$')):
            continue
        if address not in found or len(name) < len(found[address]):
            found[address] = name
    return sorted(found.items())


def emit(table, out):
    out.write('# Generated.\n.section .rodata.ksyms, "a"\n.balign 8\n')

    def label(name):
        out.write('.global %s\n%s:\n' % (name, name))
    label('ksym_count')
    out.write('.long %d\n' % len(table))
    label('ksym_offsets')
    for address, _ in table:
        out.write('.long %#x\n' % (address - KERNEL_BASE))
    label('ksym_name_offsets')
    position = 0
    for _, name in table:
        out.write('.long %d\n' % position)
        position += len(name) + 1
    label('ksym_names')
    for _, name in table:
        out.write('.asciz "%s"\n' % name)
    out.write('.byte 0\n.section .note.GNU-stack, "", %progbits\n')


def main(args):
    if args[0] == '--check':
        if functions(args[1], args[2]) != functions(args[1], args[3]):
            sys.exit('ksyms: the symbol table moved a function: .rodata.ksyms must stand after .text')
        return
    nm, elf, path = args
    with open(path, 'w', encoding='utf-8') as out:
        emit([] if elf == '-' else functions(nm, elf), out)


main(sys.argv[1:])
