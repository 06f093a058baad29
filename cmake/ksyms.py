#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Symbol table for the kernel's own back-traces, as an assembler file.

  ksyms.py NM ELF OUT.S      from the functions of a first link; ELF `-` makes an empty table
  ksyms.py --check NM FIRST FINAL   the final link moved no function

Defines:
  ksym_count          u32: number of entries
  ksym_first          u32: address of the first function minus KERNEL_BASE
  ksym_steps[count]   u16: bytes from a function to the next, 0 for the last
  ksym_names[]        names, each ended by a 0 byte; a byte from 0x80 on stands for a pair of bytes
  ksym_pairs[128][2]  those pairs, which may hold such bytes themselves (byte-pair encoding)
The table stands in .rodata.ksyms, after .text, so its size moves no function."""
import collections
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


def compress(names):
    """Replace the most frequent pair of bytes by a new one, as often as there are new ones."""
    pairs = []
    for token in range(0x80, 0x100):
        counts = collections.Counter()
        for name in names:
            counts.update(zip(name, name[1:]))
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        pairs.append(pair)
        names = [name.replace(bytes(pair), bytes([token])) for name in names]
    return names, pairs + [(0, 0)] * (0x80 - len(pairs))


def emit(table, out):
    out.write('# Generated.\n.section .rodata.ksyms, "a"\n.balign 8\n')

    def values(name, size, numbers):
        out.write('.global %s\n%s:\n' % (name, name))
        out.writelines('.%s %d\n' % (size, number) for number in numbers)
    addresses = [address for address, _ in table]
    steps = [after - before for before, after in zip(addresses, addresses[1:])]
    if steps and max(steps) > 0xffff:
        sys.exit('ksyms: a function of %d bytes' % max(steps))
    names, pairs = compress([name.encode() for _, name in table])
    values('ksym_count', 'long', [len(table)])
    values('ksym_first', 'long', [addresses[0] - KERNEL_BASE if table else 0])
    values('ksym_steps', 'short', steps + [0])
    values('ksym_pairs', 'byte', [byte for pair in pairs for byte in pair])
    values('ksym_names', 'byte', b''.join(name + b'\0' for name in names) + b'\0')
    out.write('.section .note.GNU-stack, "", %progbits\n')


def main(args):
    if args[0] == '--check':
        if functions(args[1], args[2]) != functions(args[1], args[3]):
            sys.exit('ksyms: the symbol table moved a function: .rodata.ksyms must stand after .text')
        return
    nm, elf, path = args
    with open(path, 'w', encoding='utf-8') as out:
        emit([] if elf == '-' else functions(nm, elf), out)


main(sys.argv[1:])
