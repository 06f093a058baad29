# SPDX-License-Identifier: MIT
"""./halcyon bench: instructions per operation, beside the last release and Linux."""
import json
import re
import sys

from . import guest, machines, packages
from .common import BUILD, ROOT, Failure, build, image_path, note, quiet

RECORDED = ROOT / 'bench/recorded.json'
BASELINE = ROOT / 'bench/kbench/LINUX-BASELINE.md'
COLUMN = {'x86_64': 'x86_64', 'aarch64': 'AArch64', 'riscv64': 'RISC-V'}
TIMEOUT_S = 900
PREFIX = 'kbench'


def bench_verb(args):
    suite, cases = 'kbench', list(args.cases)
    if cases[:1] == ['ipc']:
        suite = cases.pop(0)
    folder = ROOT / 'bench' / suite
    if not (folder / 'Makefile').exists():
        raise Failure('there is no benchmark %s' % suite)
    packages.setup()
    made = BUILD / 'bench' / suite
    quiet(['make', '-C', str(folder), 'B=%s' % made], 'building ' + suite)
    recorded = json.loads(RECORDED.read_text(encoding='utf-8')) if RECORDED.exists() else {}
    linux = read_baseline() if suite == 'kbench' else {}
    failed = 0
    for arch in args.arch or machines.ARCHES:
        figures = one_arch(suite, made, arch, cases)
        failed += sum(value is None for value in figures.values()) or not figures
        before = recorded.setdefault(suite, {}).setdefault(arch, {})
        print_table(arch, figures, before, linux.get(arch, {}))
        if args.record:
            before.update((name, value) for name, value in figures.items() if value is not None)
    if args.record:
        RECORDED.write_text(json.dumps(recorded, indent='\t', sort_keys=True) + '\n',
                            encoding='utf-8')
    return 1 if failed else 0


def one_arch(suite, made, arch, cases):
    """Boot the release image with the benchmark as /init: {case: figure, None = failed}."""
    build(arch)
    line = machines.qemu_line(arch, image_path(BUILD / arch, arch), made / ('initrd-%s.cpio' % arch),
                              '-- ' + ' '.join(cases) if cases else '', cpus=1, mem='256M',
                              serial=guest.PIPES, icount=True)
    status, console = guest.record(line, TIMEOUT_S)
    text = console.decode(errors='replace').replace('\r', '')
    log = BUILD / 'logs' / ('bench-%s-%s.log' % (suite, arch))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text, encoding='utf-8')
    figures = parse(text)
    for found in re.finditer(r'^%s (\S+) fail.*' % PREFIX, text, re.MULTILINE):
        note('%s: %s' % (arch, found.group(0)))
    if status != 0:
        note('%s: the guest %s; its log: %s' % (arch, 'did not end' if status is None
                                                else 'panicked', log.relative_to(ROOT)))
        figures.setdefault('power-off', None)
    return figures


def parse(text):
    figures = {}
    for found in re.finditer(r'^%s (\S+) (fail|[\d.]+)' % PREFIX, text, re.MULTILINE):
        figures[found.group(1)] = None if found.group(2) == 'fail' else float(found.group(2))
    return figures


def read_baseline():
    """{arch: {case: {'trim': figure, 'lean': figure}}} from the table of the trimmed kernel."""
    found = {arch: {} for arch in COLUMN}
    columns = None
    for line in BASELINE.read_text(encoding='utf-8').splitlines():
        words = [word.strip() for word in line.strip().strip('|').split('|')]
        if words[0] == 'case':
            columns = words[1:] if any('trim' in word for word in words) else None
            continue
        if not line.startswith('|'):
            columns = None
        if not columns or len(words) != len(columns) + 1:
            continue
        arch = None
        for head, value in zip(columns, words[1:]):
            for name, title in COLUMN.items():
                if head.startswith(title):
                    arch = name
            if value.replace(',', '').isdigit():
                figure = float(value.replace(',', ''))
                found[arch].setdefault(words[0], {})[head.split()[-1]] = figure
    return found


def print_table(arch, figures, before, linux):
    def number(value):
        return '-' if value is None else '{:,.0f}'.format(value)

    print('%-14s %12s %12s %12s %12s %8s' % (arch, 'ours', 'last release', 'Linux trim',
                                            'Linux lean', '/ trim'))
    for name, value in figures.items():
        row = linux.get(name, {})
        trim = row.get('trim')
        ratio = '%.2f' % (value / trim) if value is not None and trim else '-'
        print('%-14s %12s %12s %12s %12s %8s' % (
            name, 'failed' if value is None else number(value), number(before.get(name)),
            number(trim), number(row.get('lean')), ratio))
    print()
    sys.stdout.flush()
