# SPDX-License-Identifier: MIT
"""./halcyon run: set up, build, boot."""
import os
import pathlib
import signal
import sys
import tempfile

from . import guest, machines, packages, rootfs
from .common import BUILD, Failure, build, image_path, note


def run_verb(args):
    if args.list:
        sys.stdout.write(machines.list_rows())
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    machine = machines.find(args.machine)
    shares = [rootfs.split_share(words) for words in args.share]
    machines.share_line(args.machine, shares)  # refuses early
    kernel, base = kernel_and_root(args, machine.arch)
    if machine.chain != 'direct':
        packages.media()
    with tempfile.TemporaryDirectory(prefix='run-', dir=BUILD) as name:
        scratch = pathlib.Path(name)
        initrd = scratch / 'initrd.cpio'
        rootfs.write_initrd(initrd, base, args.add, args.command, shares)
        return boot(args, kernel, initrd, scratch, shares)


def kernel_and_root(args, arch):
    """Build what --preset or @arch says: the kernel's path and the bytes of the root."""
    preset = args.preset or arch
    if args.initramfs and not os.path.isfile(args.initramfs):
        raise Failure('--initramfs: there is no file %s' % args.initramfs, 2)
    for words in args.add:
        rootfs.split_add(words)
    packages.setup()
    build(preset)
    kernel = image_path(BUILD / preset, arch)
    if not kernel.exists():
        raise Failure('the preset %s makes no image for %s' % (preset, arch))
    if args.initramfs:
        return kernel, pathlib.Path(args.initramfs).read_bytes()
    return kernel, rootfs.root_archive(arch, BUILD / preset / 'user/init')


def boot(args, kernel, initrd, scratch, shares=()):
    append = kernel_word(args.append, 'trace') if args.strace else args.append
    is_framed = args.command is not None
    if is_framed:
        append = framed_append(append)
    line = machines.qemu_line(args.machine, kernel, initrd, append, args.cpus, args.mem,
                              guest.PIPES if is_framed or not sys.stdin.isatty() else guest.TERMINAL,
                              args.icount, args.gdb, scratch)
    line += machines.share_line(args.machine, [(rootfs.share_tag(number), folder)
                                               for number, (folder, _) in enumerate(shares)])
    line += machines.device_line(args.device)
    if args.gdb:
        note('gdb: file %s, then target remote :1234'
             % (kernel.parent / 'halcyon.elf').relative_to(BUILD.parent))
    if not is_framed:
        return guest.interactive(line, args.timeout)
    run = guest.Framed(line, timeout=args.timeout, shown=b'] trace: ' if args.strace else None,
                       is_patient=False)
    status = run.run()
    if run.why:
        os.write(2, bytes(run.log))
        note(run.why)
    return status


def kernel_word(append, word):
    """The command line with one more word for the kernel, before what belongs to init."""
    kernel_words, dashes, init_words = append.partition('-- ')
    return ' '.join(text for text in (kernel_words.strip(), word) if text) + (
        ' -- ' + init_words if dashes else '')


def framed_append(append):
    return kernel_word(append, 'console.framed=1')
