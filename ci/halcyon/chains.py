# SPDX-License-Identifier: MIT
"""The ways a kernel gets into a machine: QEMU's own loader, or a medium with a boot loader on it."""
import collections
import pathlib

from . import raspi, uboot

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


CHAINS = {
    'direct': Chain(direct_line, direct_kernel),
    'uboot': Chain(uboot.line_for(uboot.script_files), uboot.disk_kernel),
    'extlinux': Chain(uboot.line_for(uboot.extlinux_files), uboot.disk_kernel),
    'fit': Chain(uboot.line_for(uboot.fit_files), uboot.fit_kernel),
    'raspi': Chain(raspi.direct_line, direct_kernel),
    'raspi-uboot': Chain(raspi.uboot_line, raspi.card_kernel),
}
