# SPDX-License-Identifier: MIT
"""./halcyon bench: instructions per operation, beside the last release and Linux."""
import dataclasses
import json
import re
import sys

from . import guest, machines, packages
from .common import ARCHES, BUILD, ROOT, build, image_path, note, quiet

RECORDED = ROOT / 'bench/recorded.json'
BASELINE = ROOT / 'bench/kbench/LINUX-BASELINE.md'
COLUMN = {'x86_64': 'x86_64', 'aarch64': 'AArch64', 'riscv64': 'RISC-V'}
BOUNDS = ROOT / 'bench/ipc/bounds.json'
TIMEOUT_S = 900


@dataclasses.dataclass(frozen=True)
class Suite:
    """A folder of bench/: how many processors its boot has and what stands beside its figures."""
    prefix: str
    cpus: int
    columns: tuple


# kbench runs where Linux's figures come from; IPC among processors that are there and idle.
SUITES = {'kbench': Suite('kbench', 1, ('trim', 'lean')),
          'ipc': Suite('ipcbench', 4, ('bound', 'seL4', 'seL4 SMP'))}


def bench_verb(args):
    name, cases = 'kbench', list(args.cases)
    if cases[:1] == ['ipc']:
        name = cases.pop(0)
    folder = ROOT / 'bench' / name
    packages.setup()
    made = BUILD / 'bench' / name
    quiet(['make', '-C', str(folder), 'B=%s' % made], 'building ' + name)
    recorded = json.loads(RECORDED.read_text(encoding='utf-8')) if RECORDED.exists() else {}
    beside = read_baseline() if name == 'kbench' else read_bounds()
    is_good = True
    for arch in args.arch or ARCHES:
        figures = one_arch(name, made, arch, cases)
        is_good &= bool(figures) and None not in figures.values()
        bound_unpinned(figures, beside[arch])
        is_good &= not over_bounds(figures, beside[arch])
        before = recorded.setdefault(name, {}).setdefault(arch, {})
        print_table(arch, figures, before, beside[arch], SUITES[name].columns)
        if args.record:
            before.update((case, value) for case, value in figures.items() if value is not None)
    if args.record:
        RECORDED.write_text(json.dumps(recorded, indent='\t', sort_keys=True) + '\n',
                            encoding='utf-8')
    return 0 if is_good else 1


def one_arch(name, made, arch, cases):
    """Boot the release image with the benchmark as /init: {case: figure, None = failed}."""
    build(arch)
    suite = SUITES[name]
    line = machines.qemu_line(arch, image_path(BUILD / arch, arch), made / ('initrd-%s.cpio' % arch),
                              '-- ' + ' '.join(cases) if cases else '', cpus=suite.cpus, mem='256M',
                              serial=guest.PIPES, icount=True)
    status, console = guest.record(line, TIMEOUT_S)
    text = console.decode(errors='replace').replace('\r', '')
    log = BUILD / 'logs' / ('bench-%s-%s.log' % (name, arch))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text, encoding='utf-8')
    figures = parse(text, suite.prefix)
    for found in re.finditer(r'^%s .*\bfail\b.*' % suite.prefix, text, re.MULTILINE):
        note('%s: %s' % (arch, found.group(0)))
    if status != 0:
        note('%s: the guest %s; its log: %s' % (arch, 'did not end' if status is None
                                                else 'panicked', log.relative_to(ROOT)))
        figures['power-off'] = None
    return figures


def parse(text, prefix):
    """`prefix case figure …` or `prefix case fail …`, one or more pairs at the start of a line's
    rest."""
    figures = {}
    for found in re.finditer(r'^%s ((?:\S+ (?:fail\b|[\d.]+)\s*?)+)' % prefix, text, re.MULTILINE):
        words = found.group(1).split()
        for case, value in zip(words[::2], words[1::2]):
            figures[case] = None if value == 'fail' else float(value)
    return figures


def bound_unpinned(figures, beside):
    """A case costs at most a tenth more where its threads may run everywhere."""
    for case, value in figures.items():
        free = figures.get(case + '_unpinned')
        if free is not None and value is not None:
            beside[case + '_unpinned'] = {'bound': int(value * 1.1)}


def over_bounds(figures, beside):
    """Note each case that costs more than it may."""
    over = [case for case, value in figures.items() if value is not None
            and value > beside.get(case, {}).get('bound', value)]
    for case in over:
        note('%s: %.0f is over its bound' % (case, figures[case]))
    return over


def read_bounds():
    found = {arch: {} for arch in ARCHES}
    for case, row in json.loads(BOUNDS.read_text(encoding='utf-8')).items():
        for arch, figures in row.items():
            found[arch][case] = figures
    return found


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


def print_table(arch, figures, before, beside, columns):
    def number(value):
        return '-' if value is None else '{:,.0f}'.format(value)

    layout = '%-25s %12s %12s' + ' %12s' * len(columns) + ' %8s'
    print(layout % (arch, 'ours', 'last release', *columns, '/ ' + columns[0]))
    for case, value in figures.items():
        row = beside.get(case, {})
        first = row.get(columns[0])
        ratio = '%.2f' % (value / first) if value is not None and first else '-'
        print(layout % (case, 'failed' if value is None else number(value),
                        number(before.get(case)), *(number(row.get(name)) for name in columns),
                        ratio))
    print()
    sys.stdout.flush()
