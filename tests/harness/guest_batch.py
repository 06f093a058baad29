#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run many guest programs in one boot: guest_batch.py @ARGS NAME …; each NAME's outcome goes to
LOG_DIR/NAME.log, whose first line is `status N`. When the guest dies or falls silent, the program that
ran has failed (125) and another boot runs the rest.

guest_batch.py --result LOG: was that program's outcome good? 0 yes, 77 left out, 1 no (and why).

With --kernel (and --machine's console) another kernel boots: what Linux does is what tests may ask."""
import argparse
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, rootfs, run  # noqa: E402
from halcyon.common import Failure, image_path  # noqa: E402

SILENT_S = 300  # the guest's own limit for a program is four times that, whatever the host does
LONGER = 10
SKIPPED = 77
CONSOLE = {'x86_64': 'ttyS0', 'aarch64': 'ttyAMA0', 'riscv64': 'ttyS0'}
MARK = re.compile(rb'^@(begin|end) (\S+) ?(\d*)\n', re.MULTILINE)


def read_args():
    parser = argparse.ArgumentParser(fromfile_prefix_chars='@')
    for name in ('machine', 'build', 'log-dir', 'append', 'kernel', 'result'):
        parser.add_argument('--' + name)
    parser.add_argument('--cpus', default='4')
    parser.add_argument('--icount', type=int, default=0)
    parser.add_argument('--mem', default='256M')
    parser.add_argument('--nodes')
    parser.add_argument('--add', action='append', default=[])
    parser.add_argument('--device', action='append', default=[])
    parser.add_argument('names', nargs='*')
    return parser.parse_args()


class Watched(guest.Framed):
    """A framed run that ends when the guest says nothing for long, and notes when programs end."""

    def __init__(self, line, out, silent_s):
        super().__init__(line, None, out.fileno(), out.fileno(), silent_s)
        self.out = out
        self.silent_s = silent_s
        self.seen = 0
        self.log_ends = {}  # the log's length when a program ended

    def _console(self, ready, fileobj):
        super()._console(ready, fileobj)
        if self.status is None:
            self.limit.renew(self.silent_s)
        text = os.pread(self.out.fileno(), 1 << 30, self.seen)
        whole = text[:text.rfind(b'\n') + 1]
        for mark in MARK.finditer(whole):
            if mark.group(1) == b'end':
                self.log_ends[mark.group(2).decode()] = len(self.log)
        self.seen += len(whole)


def boot(args, names, scratch, results):
    """One boot for @names: puts (status, output, log) of each that began into @results."""
    arch = machines.find(args.machine).arch
    is_long = bool(os.environ.get('HALCYON_LONG'))
    build = pathlib.Path(args.build)
    initrd = scratch / 'initrd.cpio'
    command = ('export HALCYON_LONG=1; ' if is_long else '') + 'exec /test --all ' + ' '.join(names)
    rootfs.write_initrd(initrd, rootfs.root_archive(arch, build / 'user/init'), args.add, command)
    append = run.framed_append(args.append or '')
    if args.kernel:
        append = 'console=%s quiet panic=-1' % CONSOLE[arch]
    line = machines.qemu_line(args.machine, args.kernel or image_path(build, arch), initrd, append,
                              args.cpus, args.mem, guest.PIPES, bool(args.icount))
    line += machines.device_line(args.device)
    if args.nodes:
        line += machines.node_line(args.machine, args.nodes, args.mem)
    with open(scratch / 'out', 'w+b') as out:
        framed = Watched(line, out, SILENT_S * (LONGER if is_long else 1))
        framed.run()
        out.seek(0)
        text = out.read()
    log, began, at, log_at = bytes(framed.log), None, 0, 0
    for mark in MARK.finditer(text):
        name = mark.group(2).decode()
        if mark.group(1) == b'begin':
            began, at = name, mark.end()
        elif name == began:
            log_end = framed.log_ends.get(name, len(log))
            results[name] = (int(mark.group(3)), text[at:mark.start()], log[log_at:log_end])
            began, log_at = None, log_end
    why = (framed.why or 'the guest ended by itself').encode() + b'\n'
    missing = [name for name in names if name not in results]
    if began is None and missing:
        began, at = missing[0], len(text)
    if began:
        results[began] = (guest.FAILED, text[at:] + why, log[log_at:])


def run_all(args):
    logs = pathlib.Path(args.log_dir)
    logs.mkdir(parents=True, exist_ok=True)
    for name in args.names:
        (logs / (name + '.log')).unlink(missing_ok=True)
    results = {}
    with tempfile.TemporaryDirectory(prefix='halcyon-test-') as scratch:
        while left := [name for name in args.names if name not in results]:
            boot(args, left, pathlib.Path(scratch), results)
    for name, (status, out, log) in results.items():
        (logs / (name + '.log')).write_bytes(b'status %d\n%s--- log\n%s' % (status, out, log))
        if status not in (0, SKIPPED):
            print('%s: status %d' % (name, status))
            sys.stdout.write(out[-1000:].decode(errors='replace'))
    print('%d programs ran, %d failed' % (len(results), sum(
        status not in (0, SKIPPED) for status, _, _ in results.values())))
    return 0


def read_result(path):
    try:
        text = pathlib.Path(path).read_text(encoding='utf-8', errors='replace')
    except OSError as error:
        print('it did not run: %s' % error)
        return 1
    first = text.partition('\n')[0]
    if first == 'status 0':
        return 0
    if first == 'status %d' % SKIPPED:
        return SKIPPED
    print('%s\n%s' % (path, text[-4000:].replace('\r', '')))
    return 1


def main():
    args = read_args()
    if args.result:
        return read_result(args.result)
    try:
        return run_all(args)
    except Failure as failure:
        print(failure)
        return 1


sys.exit(main())
