#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One boot of this build's image as one test; cmake/tests.cmake says what the options mean.

Exit 0 passed, 1 failed (the reasons and the path of the guest's log are printed), 77 left out."""
import argparse
import hashlib
import os
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, rootfs, run  # noqa: E402
from halcyon.common import Failure, image_path  # noqa: E402

SKIPPED = 77
LONGER = 10


def read_args():
    parser = argparse.ArgumentParser(fromfile_prefix_chars='@')
    for name in ('name', 'machine', 'build', 'log-dir', 'exec', 'expect', 'log', 'append', 'initrd',
                 'input', 'stdout'):
        parser.add_argument('--' + name)
    parser.add_argument('--timeout', type=float, default=120)
    parser.add_argument('--status', type=int, default=0)
    parser.add_argument('--cpus')
    parser.add_argument('--mem')
    parser.add_argument('--add', action='append', default=[])
    parser.add_argument('--device', action='append', default=[])
    for flag in ('no-initrd', 'icount', 'long', 'tap', 'hash'):
        parser.add_argument('--' + flag, action='store_true')
    return parser.parse_args()


class Boot:
    """What one boot left behind, and what is wrong with it."""

    def __init__(self, args):
        self.args = args
        self.out = self.log = b''
        self.status = None
        self.hash = None
        self.wrong = []

    def run(self, scratch):
        args = self.args
        is_long = bool(os.environ.get('HALCYON_LONG'))
        timeout = args.timeout * (LONGER if is_long else 1)
        machine = machines.find(args.machine)
        arch = machine.arch
        build = pathlib.Path(args.build)
        append = args.append or ''
        initrd = None
        if not args.no_initrd:
            initrd = scratch / 'initrd.cpio'
            base = (pathlib.Path(args.initrd).read_bytes() if args.initrd
                    else rootfs.root_archive(arch, build / 'user/init'))
            command = args.exec
            if command is not None and is_long:
                command = 'export HALCYON_LONG=1; ' + command
            if args.add or command is not None:
                rootfs.write_initrd(initrd, base, args.add, command)
            else:  # byte for byte: it may be a damaged one
                initrd.write_bytes(base)
        if args.exec is not None:
            append = run.framed_append(append)
        kernel = image_path(build, arch)
        line = machines.qemu_line(args.machine, kernel, initrd, append,
                                  args.cpus or machine.cpus or 2, args.mem or machine.mem or '256M',
                                  guest.PIPES, args.icount, scratch=scratch)
        line += machines.device_line(args.device)
        if args.hash:
            self.hash = hashlib.sha256(
                machines.kernel_booted(args.machine, kernel, scratch)).hexdigest()
        if args.exec is None:
            self.status, self.log = guest.record(line, timeout)
        else:
            self._framed(line, timeout, scratch)

    def _framed(self, line, timeout, scratch):
        source = open(self.args.input, 'rb') if self.args.input else None
        out, err = scratch / 'out', scratch / 'err'
        with open(out, 'wb') as out_file, open(err, 'wb') as err_file:
            framed = guest.Framed(line, source.fileno() if source else None, out_file.fileno(),
                                  err_file.fileno(), timeout)
            self.status = framed.run()
        if source:
            source.close()
        self.out = out.read_bytes()
        self.log = bytes(framed.log) + b'\n--- standard error\n' + err.read_bytes()
        if framed.why and self.args.status != guest.FAILED:
            self.wrong.append(framed.why)

    def judge(self):
        args = self.args
        if self.status is None:
            self.wrong.append('the time is up')
        elif self.status != args.status:
            self.wrong.append('status %d instead of %d' % (self.status, args.status))
        out = self.out.decode(errors='replace').rstrip('\n')
        log = self.log.decode(errors='replace').replace('\r', '')
        if args.expect is not None and not re.fullmatch(args.expect, out, re.DOTALL):
            self.wrong.append('printed %r instead of /%s/' % (out[-2000:], args.expect))
        if args.stdout and self.out != pathlib.Path(args.stdout).read_bytes():
            self.wrong.append('printed something else than %s' % args.stdout)
        if args.log and not re.search(args.log, log, re.MULTILINE):
            self.wrong.append('the log has no /%s/' % args.log)
        if args.tap:
            self._judge_tap(log)

    def _judge_tap(self, log):
        plan = re.search(r'\b1\.\.(\d+)\s*$', log, re.MULTILINE)
        results = re.findall(r'(?:not ok|\bok) \d+ -', log)
        if not plan:
            self.wrong.append('no unit test began')
        elif len(results) != int(plan.group(1)):
            self.wrong.append('%d of %s unit tests ended' % (len(results), plan.group(1)))


def main():
    args = read_args()
    if args.long and not os.environ.get('HALCYON_LONG'):
        return SKIPPED
    boot = Boot(args)
    path = pathlib.Path(args.log_dir) / (args.name + '.log')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix('.sha256').unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix='halcyon-test-') as scratch:
        try:
            boot.run(pathlib.Path(scratch))
        except Failure as failure:
            print(failure)
            return 1
    boot.judge()
    path.write_bytes(boot.log)
    if boot.hash and not boot.wrong:
        path.with_suffix('.sha256').write_text(boot.hash + '\n', encoding='utf-8')
    if boot.out:
        path.with_suffix('.out').write_bytes(boot.out)
    if not boot.wrong:
        return 0
    for reason in boot.wrong:
        print(reason)
    print('--- the end of the guest\'s log; all of it: %s' % path)
    print(boot.log[-4000:].decode(errors='replace').replace('\r', ''))
    return 1


sys.exit(main())
