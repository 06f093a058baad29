#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py BUILD ARCH SUITE LOGS: boot the image of BUILD with Debian's programs on /usr (ci/halcyon/programs.py) and
run SUITE there, a script of bash. A line `# long` in it: only with HALCYON_LONG; `# time 3600`: seconds that it may take
(1800), five times as many in the long size; `# memory 1G`.

The suite prints lines `@pass TEST`, `@fail TEST`, `@skip TEST reason`, and `@end` at last. It passes if it got that far and
no test failed but those that known.txt explains. The last line is the count, with the seconds of CPU time that the emulator
took. The whole output is in LOGS."""
import fnmatch
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, programs, rootfs, run  # noqa: E402
from halcyon.common import Failure, image_path  # noqa: E402

SKIPPED = 77
HELPERS = ('recho', 'zecho', 'xcase')  # programs that bash's tests use


def option(text, name, default):
    found = re.search(r'^# %s (\S+)$' % name, text, re.MULTILINE)
    return found.group(1) if found else default


def known(suite, arch):
    """Patterns of tests that may fail."""
    patterns = []
    for line in (HERE / 'known.txt').read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            name, where, pattern, _why = line.split(None, 3)
            if name == suite and where in ('*', arch):
                patterns.append(pattern)
    return patterns


def compile_helpers(arch, out):
    """Of this machine's cross compiler: helpers of suites, and the same test of threads with two C libraries."""
    compiler = arch + '-linux-gnu-gcc'
    usr = programs.root(arch)
    musl = usr / 'lib' / (arch + '-linux-musl')
    inline = ['-mno-outline-atomics'] if arch == 'aarch64' else []  # libgcc's ask glibc for the CPU's features
    threads = str(HERE / 'threads.c')
    subprocess.run([compiler, '-O1', '-static', '-pthread', '-o', out / 'threads-glibc', threads], check=True)
    start = out / 'crt1.o'  # without debugging facts, which an older linker cannot read
    subprocess.run(['llvm-objcopy', '-g', musl / 'crt1.o', start], check=True)
    subprocess.run([compiler, *inline, '-O1', '-no-pie', '-nostdinc', '-fno-stack-protector', '-isystem',
                    usr / 'include' / (arch + '-linux-musl'), '-nostdlib', '-o', out / 'threads-musl', start,
                    threads, '-L', musl, '-l:libc.so', '-lgcc', '-Wl,-dynamic-linker,/lib/ld-musl-%s.so.1' % arch],
                   check=True)
    source = programs.sources() / 'bash'
    (out / 'config.h').write_text('#define HAVE_STDLIB_H 1\n#define HAVE_STRING_H 1\n#define HAVE_UNISTD_H 1\n')
    for name in HELPERS:
        subprocess.run([compiler, '-w', '-static', '-DHAVE_CONFIG_H', '-I', out, '-I', source, '-I', source / 'include',
                        '-o', out / name, source / 'support' / (name + '.c')], check=True)
    subprocess.run([compiler, '-w', '-static', '-o', out / 'echo-ne', programs.sources() / 'busybox/scripts/echo.c'],
                   check=True)


def cpu_time():
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def boot(build, arch, suite, scratch, out, seconds):
    text = suite.read_text(encoding='utf-8')
    shares = [(str(programs.root(arch)), '/usr')]
    add = ['%s:/programs' % HERE, '%s:/suite/bash' % (programs.sources() / 'bash/tests'),
           '%s:/suite/busybox' % (programs.sources() / 'busybox/testsuite'),
           '%s:/suite/busybox.config' % (programs.sources() / 'busybox/debian/config/pkg/static'),
           '%s:/suite/ash' % (programs.sources() / 'busybox/shell/ash_test'),
           '%s:/suite/mksh' % (programs.sources() / 'mksh')]
    add += ['%s:/suite/bin/%s' % (file, file.name) for file in sorted(scratch.iterdir())]
    initrd = scratch / 'initrd'
    is_long = '1' if os.environ.get('HALCYON_LONG') else ''
    command = 'ARCH=%s LONG=%s; . /programs/start.sh' % (arch, is_long)
    command = 'set -- %s; %s' % (suite.name, command)
    rootfs.write_initrd(initrd, rootfs.root_archive(arch, build / 'user/init'), add, command, shares)
    line = machines.qemu_line(arch, image_path(build, arch), initrd, run.framed_append(''), 2,
                              option(text, 'memory', '512M'), guest.PIPES)
    line += machines.share_line(arch, [(rootfs.share_tag(number), folder)
                                       for number, (folder, _) in enumerate(shares)])
    with open(out, 'wb') as file:
        framed = guest.Framed(line, None, file.fileno(), file.fileno(), seconds)
        framed.run()
    return out.read_text(errors='replace') + framed.why + '\n', bytes(framed.log).decode(errors='replace')


def main():
    build, arch, suite, logs = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
    text = suite.read_text(encoding='utf-8')
    if re.search('^# long$', text, re.MULTILINE) and not os.environ.get('HALCYON_LONG'):
        print('only in the long size (./halcyon test --long)')
        return SKIPPED
    if not programs.root(arch).exists() or not programs.sources().exists():
        print('Debian\'s programs are not there: ./halcyon setup fetches them, with a network')
        return SKIPPED
    seconds = float(option(text, 'time', '1800')) * (5 if os.environ.get('HALCYON_LONG') else 1)
    logs.mkdir(parents=True, exist_ok=True)
    kept = logs / ('programs.%s.log' % suite.stem)
    with tempfile.TemporaryDirectory(prefix='halcyon-test-') as name:
        try:
            compile_helpers(arch, pathlib.Path(name))
            before = cpu_time()
            out, log = boot(build, arch, suite, pathlib.Path(name), kept, seconds)
        except (Failure, subprocess.CalledProcessError) as failure:
            print(failure)
            return 1
    kept.write_text(out + '---\n' + log, encoding='utf-8')
    return judge(suite.stem, arch, out, log, cpu_time() - before)


def judge(suite, arch, out, log, spent):
    tests = {kind: re.findall(r'^@%s (\S+)' % kind, out, re.MULTILINE) for kind in ('pass', 'fail', 'skip')}
    patterns = known(suite, arch)
    unknown = [test for test in tests['fail']
               if not any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns)]
    is_whole = re.search('^@end$', out, re.MULTILINE) is not None and tests['pass']
    if unknown or not is_whole or 'panic' in log:
        print(out[-6000:] + log[-2000:])
        for test in unknown:
            print('failed: ' + test)
        if not is_whole:
            print('the suite did not get to its end')
    print('@ %s on %s: %d passed, %d failed as known, %d failed, %d skipped (%.0f s)'
          % (suite, arch, len(tests['pass']), len(tests['fail']) - len(unknown), len(unknown), len(tests['skip']), spent))
    return 0 if is_whole and not unknown and 'panic' not in log else 1


sys.exit(main())
