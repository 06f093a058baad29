# SPDX-License-Identifier: MIT
"""The ways a kernel gets into a machine: QEMU's own loader, or a medium with a boot loader on it."""
import collections
import pathlib

from . import grub, raspi, uboot

Payload = collections.namedtuple('Payload', 'kernel initrd append')
# line(machine, payload, scratch): QEMU's arguments, having made what they name in @scratch.
# kernel(path, scratch): the bytes of the kernel in what line() made of the file @path.
Chain = collections.namedtuple('Chain', 'line kernel')


def direct_line(_machine, payload, _scratch):
    line = ['-kernel', str(payload.kernel)]
    if payload.initrd:
        line += ['-initrd', str(payload.initrd)]
    if payload.append:
        line += ['-append', payload.append]
    return line


def direct_kernel(path, _scratch):
    return pathlib.Path(path).read_bytes()


_GRUB_IMAGE = 'grub.iso'
_GRUB_MEDIA = {
    'cd': ('-cdrom',),
    'disk': ('-drive', 'if=none,id=disk,format=raw,file=%s', '-device', 'virtio-blk-pci,drive=disk'),
    'usb': ('-device', 'qemu-xhci', '-drive', 'if=none,id=stick,format=raw,file=%s',
            '-device', 'usb-storage,drive=stick'),
}


def grub_chain(medium):
    """GRUB from a CD, a disk or a USB stick: by BIOS or UEFI, as the machine's firmware is."""
    def line(_machine, payload, scratch):
        image = pathlib.Path(scratch) / _GRUB_IMAGE
        grub.write_unattended(image, payload, scratch)
        words = [word % image if '%s' in word else word for word in _GRUB_MEDIA[medium]]
        return words + [str(image)] if medium == 'cd' else words

    def kernel(_path, scratch):
        return grub.kernel_in(pathlib.Path(scratch) / _GRUB_IMAGE, scratch)

    return Chain(line, kernel)


CHAINS = {
    'direct': Chain(direct_line, direct_kernel),
    'uboot': Chain(uboot.line_for(uboot.script_files), uboot.disk_kernel),
    'extlinux': Chain(uboot.line_for(uboot.extlinux_files), uboot.disk_kernel),
    'fit': Chain(uboot.line_for(uboot.fit_files), uboot.fit_kernel),
    'raspi': Chain(raspi.direct_line, direct_kernel),
    'raspi-uboot': Chain(raspi.uboot_line, raspi.card_kernel),
    **{'grub-' + medium: grub_chain(medium) for medium in _GRUB_MEDIA},
}
