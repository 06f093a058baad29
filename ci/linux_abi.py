#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/linux-abi.md: which of Linux's system calls there are. What is there comes from the tables
uapi/arch/*/uapi/syscalls.def that the kernel is built with; what a call leaves out from the line
`// Partly: ...` above its SYSCALLn() in abi/linux/; the names of all calls from ci/linux_calls.txt. What fails of the
tests that programs bring is in tests/programs/known.txt, what the suites run in suites.txt, and how much passed when
it was last counted in counts.txt.
linux_abi.py --check: is the page up to date? Status 1 if not."""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs/linux-abi.md'
ARCHES = {'x86_64': 'x86_64', 'aarch64': 'AArch64', 'riscv64': 'RISC-V'}
HEAD = """# Linux's system calls

Written by `ci/linux_abi.py` from the kernel's tables; the test `linux.abi_page` fails when it is out of date. A call that
is not there answers ENOSYS. What programs see of files, `/proc` and terminals is in [files.md](files.md); Halcyon's
own calls begin at 0x1000 (`uapi/include/uapi/ipc.h`).
"""
PROGRAMS = """## Real programs

Debian's packages as they are, on a folder shared by 9P, with the test suites that they or their sources bring:
`./halcyon test -R programs` (`tests/programs/`; `--long` for all of each). Passed, failed for a reason that is said
below, skipped by the suite itself; *ci* is the size of each day, *long* the whole. The column Linux is the same
x86_64 programs and tests under Linux 6.18 on the machine that ran the emulator. The long sizes on Halcyon were counted
on 2026-11-20, emulated, on two cores with a load of 10 to 30 from other work; they took 376 seconds of the emulator's
CPU time for BusyBox's, 132 for stress-ng's and 38 for mksh's. What is not counted has not been run to its end.
"""


def tables():
    """{call: {arch: number}}"""
    calls = {}
    for arch in ARCHES:
        text = (ROOT / 'uapi/arch' / arch / 'uapi/syscalls.def').read_text(encoding='utf-8')
        for number, name in re.findall(r'^SYSCALL\((\d+), (\w+)\)', text, re.MULTILINE):
            calls.setdefault(name, {})[arch] = int(number)
    return calls


def notes():
    """{call: what is missing}; several lines are one sentence."""
    found = {}
    for path in sorted((ROOT / 'abi/linux').glob('*.c')):
        text = path.read_text(encoding='utf-8')
        for lines, name in re.findall(r'^// Partly: ((?:.*\n)(?://.*\n)*)SYSCALL\d\((\w+)', text,
                                      re.MULTILINE):
            found[name] = ' '.join(line.lstrip('/ ').strip() for line in lines.splitlines())
    return found


def all_names():
    """{call: the architectures that Linux has it on}"""
    names = {}
    for line in (ROOT / 'ci/linux_calls.txt').read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            name, x86, generic = line.split()
            names[name] = [arch for arch in ARCHES
                           if (x86 if arch == 'x86_64' else generic) != '-']
    return names


def where(arches):
    """Said only of a call that is not everywhere."""
    return '' if len(arches) == len(ARCHES) else ', '.join(ARCHES[arch] for arch in arches)


def rows(name):
    """The lines of a table in tests/programs, as words and a rest."""
    text = (ROOT / 'tests/programs' / name).read_text(encoding='utf-8')
    return [line.split(None, 3) for line in text.splitlines() if line and not line.startswith('#')]


def programs():
    out = [PROGRAMS]
    counts = {(suite, size, arch): count for suite, arch, size, count in rows('counts.txt')}
    columns = dict(ARCHES, linux='Linux')
    out.append('| suite | size | %s |\n|---|---|%s' % (' | '.join(columns.values()), '---|' * len(columns)))
    for suite, size in sorted({key[:2] for key in counts}):
        cells = [counts.get((suite, size, arch), 'not counted') for arch in columns]
        out.append('| `programs.%s` | %s | %s |' % (suite, size, ' | '.join(cells)))
    out.append('\nWhat they run:\n')
    out += ['- `programs.%s`: %s' % (row[0], ' '.join(row[1:])) for row in rows('suites.txt')]
    out.append('\nWhat fails, and why:\n\n| suite | where | test | why |\n|---|---|---|---|')
    out += ['| `%s` | %s | `%s` | %s |' % (suite, ARCHES.get(arch, ''), test, why)
            for suite, arch, test, why in rows('known.txt')]
    return out


def page():
    calls, missing, names = tables(), notes(), all_names()
    partly = {name: missing[name] for name in calls if name in missing}
    out = [HEAD]
    out.append('%d calls are there on x86_64, %d on AArch64, %d on RISC-V.\n'
               % tuple(sum(arch in numbers for numbers in calls.values()) for arch in ARCHES))
    out.append('## Complete as far as a program has asked\n')
    whole = ['`%s`%s' % (name, ' (x86_64)' if list(calls[name]) == ['x86_64'] else '')
             for name in sorted(calls) if name not in partly]
    out.append('\n'.join(textwrap.wrap(', '.join(whole) + '.', 118)) + '\n')
    out.append('## Partly\n\n| call | where | what is missing or different |\n|---|---|---|')
    out += ['| `%s` | %s | %s |' % (name, where(calls[name]), partly[name]) for name in sorted(partly)]
    out.append('\n## Not there\n')
    absent = []
    for name in sorted(names):
        lacking = [arch for arch in names[name] if arch not in calls.get(name, {})]
        if lacking:
            absent.append('`%s`%s' % (name, ' (x86_64)' if lacking == ['x86_64'] else ''))
    out.append('\n'.join(textwrap.wrap(', '.join(absent) + '.', 118)) + '\n')
    out += programs() + ['']
    return '\n'.join(out)


def main():
    text = page()
    if sys.argv[1:] == ['--check']:
        if PAGE.exists() and PAGE.read_text(encoding='utf-8') == text:
            return 0
        print('docs/linux-abi.md is out of date: run python3 ci/linux_abi.py')
        return 1
    PAGE.write_text(text, encoding='utf-8')
    return 0


sys.exit(main())
