# SPDX-License-Identifier: MIT
"""./halcyon VERB …: read the command line and call the verb."""
import argparse
import sys

from . import bench, image, run, setup, test
from .common import ARCHES, Failure, note

EPILOG = 'Each verb has its own --help. Everything also works by plain CMake: see CMakePresets.json.'


class Parser(argparse.ArgumentParser):
    """One clear line for a wrong word, instead of the whole usage text."""

    def error(self, message):
        self.exit(2, '%s: %s (try %s --help)\n' % (self.prog, message, self.prog))


def build_parser():
    parser = Parser(prog='halcyon', description='Build, boot, test and measure Halcyon.',
                    epilog=EPILOG)
    verbs = parser.add_subparsers(dest='verb', metavar='VERB', required=True,
                                  parser_class=Parser)

    verb = verbs.add_parser('setup', help='install the packages that are missing',
                            description='Install compilers, QEMU and build tools that are missing '
                            'and fetch the programs of the initial file system. Offline when '
                            'nothing is missing.')
    verb.set_defaults(call=setup.setup_verb)

    verb = verbs.add_parser('run', help='build and boot in QEMU, console on the terminal',
                            description='Build what changed and boot it in QEMU with the console on '
                            'the terminal (Ctrl-A x ends QEMU, Ctrl-A h shows more).')
    verb.add_argument('machine', nargs='?', default='x86_64', metavar='MACHINE',
                      help='a row of --list (default x86_64)')
    verb.add_argument('--list', action='store_true', help='show the machines, then end')
    verb.add_argument('--cpus', type=positive, metavar='N',
                      help='processors (default 4, or what the machine has)')
    verb.add_argument('--mem', metavar='SIZE',
                      help='memory (default 512M, or what the machine has)')
    add_payload(verb)
    verb.add_argument('--share', action='append', default=[], metavar='HOSTDIR[:GUESTDIR]',
                      help='a folder of this machine is one of the guest\'s, /mnt by default, to read and '
                      'write (repeatable)')
    verb.add_argument('--device', action='append', default=[], metavar='NAME[,OPTION…]',
                      help='QEMU\'s -device: put one more into the machine (repeatable)')
    verb.add_argument('--exec', dest='command', metavar='COMMAND',
                      help='run it by the guest\'s shell, pass standard streams, exit with its '
                      'status (125: panic or time-out)')
    verb.add_argument('--timeout', type=seconds, metavar='S', help='stop after S seconds (status 125)')
    verb.add_argument('--strace', action='store_true',
                      help='a line for each system call: on the console, with --exec on standard error')
    verb.add_argument('--gdb', action='store_true',
                      help='wait for gdb on port 1234 before the first instruction')
    verb.add_argument('--icount', action='store_true',
                      help='count instructions: one is one virtual nanosecond')
    verb.set_defaults(call=run.run_verb)

    verb = verbs.add_parser('image', help='make a medium that boots on a real machine',
                            description='Build what changed and write an image for a machine: x86_64 '
                            'is a CD that is also a disk or USB stick, with GRUB for BIOS and UEFI; '
                            'raspi4b is an SD card.')
    verb.add_argument('machine', metavar='MACHINE', help='one of: ' + ', '.join(image.IMAGES))
    verb.add_argument('-o', dest='output', metavar='FILE', help='where to (default: build/images/)')
    verb.add_argument('--firmware', action='store_true', help='put firmware that is not free onto the '
                      'medium, out of Debian\'s package')
    add_payload(verb)
    verb.set_defaults(call=image.image_verb)

    verb = verbs.add_parser('test', help='build every preset, run every test',
                            description='Build every preset and run every test; the last line is '
                            '`N passed, M failed`.')
    verb.add_argument('-R', dest='regex', metavar='REGEX', help='only tests whose name matches')
    verb.add_argument('--long', action='store_true', help='the long sizes')
    verb.add_argument('--preset', action='append', metavar='NAME',
                      help='only this preset (repeatable)')
    verb.set_defaults(call=test.test_verb)

    verb = verbs.add_parser('bench', help='count instructions per system call',
                            description='Boot the release image with the benchmark as /init under '
                            'the instruction-counting clock and print its cases beside the last '
                            'release and Linux. The word `ipc` first selects the IPC benchmark.')
    verb.add_argument('cases', nargs='*', metavar='CASE', help='only these cases (default all)')
    verb.add_argument('--arch', action='append', choices=ARCHES,
                      help='only this architecture (repeatable)')
    verb.add_argument('--record', action='store_true',
                      help='keep the figures as those of the last release')
    verb.set_defaults(call=bench.bench_verb)
    return parser


def add_payload(verb):
    """What is booted, for `run` and `image`."""
    verb.add_argument('--append', default='', metavar='ARGS', help='kernel command line')
    verb.add_argument('--initramfs', metavar='FILE', help='a cpio archive in place of the root')
    verb.add_argument('--add', action='append', default=[], metavar='HOSTPATH[:GUESTPATH]',
                      help='put a file or folder into the root (repeatable)')
    verb.add_argument('--preset', metavar='NAME', help='the build to boot (default: the '
                      'architecture\'s release; ARCH-debug and ARCH-test stand beside it)')


def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def seconds(text):
    value = float(text)
    if not value > 0:
        raise ValueError(text)
    return value


def main():
    args = build_parser().parse_args()
    try:
        return args.call(args)
    except Failure as failure:
        note(str(failure))
        return failure.status
    except KeyboardInterrupt:
        return 130


sys.exit(main())
