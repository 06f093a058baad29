# SPDX-License-Identifier: MIT
"""The Raspberry Pi 4: its device tree, its SD card, and QEMU's board (docs/raspberry-pi-4.md)."""
from . import fat, packages, uboot
from .common import Failure

CARD = 'sd.img'
DTB = 'bcm2711-rpi-4-b.dtb'
KERNEL, INITRD = 'kernel8.img', 'initrd.cpio'
FIRMWARE = ('start4.elf', 'fixup4.dat')  # not free: what the board runs before any kernel
CARD_MIB = 64
CONFIG = '''# Read by the board's firmware before anything of ours runs.
arm_64bit=1
enable_uart=1
upstream_kernel=1
device_tree=%s
kernel=%s
initramfs %s followkernel
''' % (DTB, KERNEL, INITRD)


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


def card_files(kernel, initrd, append):
    return {'config.txt': CONFIG.encode(), 'cmdline.txt': (append + '\n').encode(), KERNEL: kernel,
            DTB: device_tree(), INITRD: initrd}


def write_card(path, kernel, initrd, append, _scratch):
    """The SD card for people, all but the firmware."""
    fat.write_disk(path, card_files(kernel, initrd, append), CARD_MIB)


def write_card_with_firmware(path, kernel, initrd, append, _scratch):
    files = card_files(kernel, initrd, append)
    for name in FIRMWARE:
        files[name] = packages.fetch('raspi-firmware', 'aarch64', 'usr/lib/raspi-firmware/' + name,
                                     component='non-free-firmware')
    fat.write_disk(path, files, CARD_MIB)
