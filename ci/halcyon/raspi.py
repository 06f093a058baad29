# SPDX-License-Identifier: MIT
"""The Raspberry Pi 4: its device tree, its SD card, and QEMU's board."""
from . import fat, packages, uboot
from .common import Failure

CARD = 'sd.img'
DTB = 'bcm2711-rpi-4-b.dtb'


def device_tree():
    """The board's device tree as Linux describes it, out of Debian's kernel package."""
    return packages.fetch('linux-image-arm64', 'aarch64', 'usr/lib/linux-image-*/broadcom/' + DTB,
                          follow=True)


def u_boot():
    return packages.fetch('u-boot-rpi', 'aarch64', 'usr/lib/u-boot/rpi_4/u-boot.bin')


def direct_line(_machine, payload, _scratch):
    line = ['-kernel', str(payload.kernel), '-dtb', str(device_tree())]
    if payload.initrd:
        line += ['-initrd', str(payload.initrd)]
    if payload.append:
        line += ['-append', payload.append]
    return line


def uboot_line(machine, payload, scratch):
    if not payload.initrd or scratch is None:
        raise Failure('the card needs an initial file system', 2)
    fat.write_disk(scratch / CARD, uboot.script_files(machine.arch, payload, scratch), 64)
    return ['-kernel', str(u_boot()), '-dtb', str(device_tree()),
            '-drive', 'if=sd,format=raw,file=%s' % (scratch / CARD)]


def card_kernel(_path, scratch):
    return fat.read_file(scratch / CARD, 'Image')
