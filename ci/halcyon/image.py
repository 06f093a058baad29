# SPDX-License-Identifier: MIT
"""./halcyon image: media that a person can put into a machine."""
import pathlib
import shutil
import tempfile

from . import grub, packages, raspi, rootfs, run
from .common import BUILD, Failure, note

# What is made for each machine: write(path, kernel, initrd, append, scratch), its architecture, the
# file's name, and how it gets onto a medium.
TO_STICK = 'write it to a USB stick or disk by: dd if=%s of=/dev/sdX bs=4M; or burn it'
TO_CARD = 'write it to an SD card by: dd if=%s of=/dev/sdX bs=4M'
IMAGES = {
    'x86_64': (grub.write_product, 'x86_64', 'halcyon-x86_64.iso', TO_STICK),
    'raspi4b': (raspi.write_card, 'aarch64', 'halcyon-raspi4b.img',
                TO_CARD + '; then add %s, which are not free (or make it with --firmware)'
                % ' and '.join(raspi.FIRMWARE)),
}
# The same with firmware that is not free, when --firmware allows that.
WITH_FIRMWARE = {'raspi4b': (raspi.write_card_with_firmware, TO_CARD)}


def image_verb(args):
    if args.machine not in IMAGES:
        raise Failure('image: there is none for %s, only for: %s'
                      % (args.machine, ', '.join(IMAGES)), 2)
    write, arch, name, advice = IMAGES[args.machine]
    if args.firmware:
        if args.machine not in WITH_FIRMWARE:
            raise Failure('image: %s needs no firmware on its medium' % args.machine, 2)
        write, advice = WITH_FIRMWARE[args.machine]
    target = pathlib.Path(args.output or BUILD / 'images' / name)
    if target.is_dir():
        raise Failure('image: %s is a folder; -o wants a file' % target, 2)
    if args.output is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    elif not target.resolve().parent.is_dir():
        raise Failure('image: there is no folder %s' % target.parent, 2)
    kernel, base = run.kernel_and_root(args, arch)
    packages.media()
    with tempfile.TemporaryDirectory(prefix='image-', dir=BUILD) as folder:
        scratch = pathlib.Path(folder)
        initrd = scratch / 'initrd.cpio'
        rootfs.write_initrd(initrd, base, args.add)
        made = scratch / 'image'
        write(made, kernel, initrd, args.append, scratch)
        try:
            shutil.copyfile(made, target)
        except OSError as error:
            raise Failure('image: %s: %s' % (target, error.strerror)) from error
    note('%s, %.1f MiB; %s' % (target, target.stat().st_size / (1 << 20), advice % target))
    return 0
