# SPDX-License-Identifier: MIT
"""The machines that QEMU plays, one row each, and the command line for one boot.

A row is data: a new board is a new row, and what a boot loader needs is a new chain in chains.py.
Every row has a test, boot.row.NAME, made from this table (tests/boot)."""
import dataclasses

from . import chains
from .common import Failure


@dataclasses.dataclass(frozen=True)
class Machine:
    """One row: what it is, -M and -cpu, the same under the instruction-counting clock, and how the
    kernel gets in (chains.py)."""
    arch: str
    about: str
    board: str
    cpu: str
    counting_cpu: str
    extra: tuple = ()  # QEMU's arguments for the way that a guest ends, and for fixed devices
    chain: str = 'direct'
    cpus: int = 0  # the only number there is
    mem: str = ''  # the only size there is
    has_pci: bool = True
    serials: tuple = ()  # names of QEMU's serial lines, in order; console= says which is the console's
    console: str = ''  # the serial line that it is else, if not the first
    timeout: int = 120  # seconds that a boot to the shell may take on a busy host


# x86_64: under -icount the local APIC must be the memory-mapped one, and each byte of a fast string
# instruction would count as an instruction. AArch64: cortex-a72 has no PAN, so `max` has its row.
_X86_COUNTING = 'max,-x2apic,-erms,-fsrm,-fsrs,-fzrm,-fsrc'
_X86_EXIT = ('-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04')
_ARM_EXIT = ('-semihosting-config', 'enable=on,target=native')


# Variables are thrown away: what an earlier boot left there changes the next.
_OVMF = ('-drive', 'if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd',
         '-drive', 'if=pflash,format=raw,unit=1,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd')

_UEFI = {'extra': _OVMF, 'timeout': 300}


def _x86(about, board, cpu='max,la57=off', counting_cpu=_X86_COUNTING, extra=(), **more):
    return Machine('x86_64', about, board, cpu, counting_cpu, _X86_EXIT + extra, **more)


def _arm(about, board, cpu='cortex-a72', **more):
    return Machine('aarch64', about, board, cpu, cpu, _ARM_EXIT, **more)


def _raspi(about, chain, **more):
    """The board's stdout-path is the mini UART, QEMU's second serial line."""
    return _arm(about, 'raspi4b', chain=chain, cpus=4, mem='2G', has_pci=False, serials=('ttyAMA0', 'ttyS0'),
                console='ttyS0', **more)


def _riscv(about, board='virt', cpu='rv64', **more):
    return Machine('riscv64', about, board, cpu, cpu, **more)


MACHINES = {
    'x86_64': _x86('PC (q35), QEMU hands over by PVH', 'q35', serials=('ttyS0', 'ttyS1', 'ttyS2', 'ttyS3')),
    'x86_64-pc': _x86('older PC (i440FX), by PVH', 'pc'),
    'x86_64-min': _x86('PC (q35), the least processor: qemu64', 'q35', 'qemu64', 'qemu64'),
    'x86_64-hpet': _x86('PC (q35) whose TSC nobody vouches for: HPET', 'q35', 'max,la57=off,-hypervisor'),
    'x86_64-pmtimer': _x86('the same without HPET: ACPI\'s PM timer', 'q35,hpet=off', 'max,la57=off,-hypervisor'),
    'microvm': _x86('microvm: no PCI, no legacy timers, by PVH', 'microvm', has_pci=False),
    'x86_64-bios': _x86('PC (q35), GRUB from a CD on SeaBIOS', 'q35', chain='grub-cd'),
    'x86_64-bios-disk': _x86('older PC (i440FX), GRUB from a disk on SeaBIOS', 'pc', chain='grub-disk'),
    'x86_64-bios-usb': _x86('PC (q35), GRUB from a USB stick on SeaBIOS', 'q35', chain='grub-usb'),
    'x86_64-uefi': _x86('PC (q35), GRUB from a CD on OVMF', 'q35', chain='grub-cd', **_UEFI),
    'x86_64-uefi-disk': _x86('older PC (i440FX), GRUB from a disk on OVMF', 'pc', chain='grub-disk',
                             **_UEFI),
    'x86_64-uefi-usb': _x86('PC (q35), GRUB from a USB stick on OVMF', 'q35', chain='grub-usb',
                            **_UEFI),
    'aarch64': _arm('virt, GICv3', 'virt,gic-version=3'),
    'aarch64-gicv2': _arm('virt, GICv2', 'virt,gic-version=2'),
    'aarch64-max': _arm('virt, GICv3, every CPU feature QEMU has', 'virt,gic-version=3', 'max'),
    'aarch64-el2': _arm('virt, GICv3, entered at EL2, PSCI by smc', 'virt,gic-version=3,virtualization=on'),
    'aarch64-gicv4': _arm('virt, GICv4, entered at EL2', 'virt,gic-version=4,virtualization=on', 'max'),
    'aarch64-uboot': _arm('virt, U-Boot: booti from boot.scr', 'virt,gic-version=3', chain='uboot'),
    'aarch64-extlinux': _arm('virt, U-Boot: extlinux.conf, entered at EL2',
                             'virt,gic-version=3,virtualization=on', chain='extlinux'),
    'aarch64-fit': _arm('virt, U-Boot: bootm of a FIT', 'virt,gic-version=2', chain='fit'),
    'raspi4b': _raspi('Raspberry Pi 4, QEMU hands over', 'raspi'),
    'raspi4b-uboot': _raspi('Raspberry Pi 4, U-Boot from an SD card', 'raspi-uboot', timeout=300),
    'riscv64': _riscv('virt, OpenSBI, PLIC'),
    'riscv64-aia': _riscv('virt, OpenSBI, APLIC and IMSIC', 'virt,aia=aplic-imsic'),
    'riscv64-aplic': _riscv('virt, OpenSBI, APLIC alone', 'virt,aia=aplic'),
    'riscv64-rva22': _riscv('virt, OpenSBI, no Sstc, Sv39 only', 'virt', 'rva22s64'),
    'riscv64-sv48': _riscv('virt, OpenSBI, Sv39 and Sv48', cpu='rv64,sv57=off'),
    'riscv64-uboot': _riscv('virt, OpenSBI, U-Boot: booti from boot.scr', chain='uboot'),
    'riscv64-extlinux': _riscv('virt, OpenSBI, AIA, U-Boot: extlinux.conf', 'virt,aia=aplic-imsic',
                               chain='extlinux'),
}

COUNTING = ('-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'base=2026-01-01,clock=vm')


def find(name):
    machine = MACHINES.get(name)
    if machine is None:
        raise Failure('no machine called %s; there are: %s' % (name, ', '.join(MACHINES)), 2)
    return machine


def _only(name, what, given, only, default):
    if only and given and str(given) != str(only):
        raise Failure('%s has %s %s and no other, not %s' % (name, only, what, given), 2)
    return str(only or given or default)


def _serial_line(machine, append, serial):
    """@serial, the arguments that connect the console, as those of the line that is the console."""
    words = [word[len('console='):].partition(',')[0] for word in append.partition('-- ')[0].split()
             if word.startswith('console=')]
    chosen = [word for word in words if word in machine.serials] or [machine.console]
    before = machine.serials.index(chosen[-1]) if chosen[-1] else 0
    return ['-serial', 'null'] * before + list(serial)


def qemu_line(name, kernel, initrd=None, append='', cpus=None, mem=None, serial=(), icount=False,
              gdb=False, scratch=None):
    """The whole command for one boot. @serial: the arguments that connect the console; @scratch: a
    folder for the media of chains that boot from some."""
    machine = find(name)
    payload = chains.Payload(kernel, initrd, append)
    line = medium_line(name, chains.CHAINS[machine.chain].line(machine, payload, scratch), serial,
                       cpus, mem, machine.counting_cpu if icount else machine.cpu, append)
    if icount:
        line += COUNTING
    if gdb:
        line += ['-gdb', 'tcp:127.0.0.1:1234', '-S']
    return line


def medium_line(name, medium, serial, cpus=None, mem=None, cpu=None, append=''):
    """The machine with @medium, QEMU's arguments for what it boots from. @append: what the medium tells the
    kernel."""
    machine = find(name)
    return ['qemu-system-' + machine.arch, '-M', machine.board, '-cpu', cpu or machine.cpu,
            '-smp', _only(name, 'processors', cpus, machine.cpus, 4),
            '-m', _only(name, 'memory', mem, machine.mem, '512M'),
            '-nodefaults', '-no-user-config', '-nic', 'none', '-display', 'none', '-no-reboot',
            *medium, *machine.extra, *_serial_line(machine, append, serial)]


def share_line(name, shares):
    """QEMU's arguments for @shares, pairs of tag and host folder. The guest acts on them as whoever runs
    QEMU."""
    if shares and not find(name).has_pci:
        raise Failure('%s has no PCI bus, so it can share no folders' % name, 2)
    line = []
    for tag, folder in shares:
        line += ['-fsdev', 'local,id=%s,path=%s,security_model=none,multidevs=remap'
                 % (tag, folder.replace(',', ',,')),
                 '-device', 'virtio-9p-pci,fsdev=%s,mount_tag=%s' % (tag, tag)]
    return line


def node_line(name, nodes, mem):
    """QEMU's arguments for "0,2:1,3:31": nodes of these processors, each with its part of the memory, and
    the distance between any two. The processors of a RISC-V node must follow each other: as many as asked."""
    *nodes, distance = nodes.split(':')
    if find(name).arch == 'riscv64':
        numbers = map(str, range(sum(len(cpus.split(',')) for cpus in nodes)))
        nodes = [','.join(next(numbers) for _ in cpus.split(',')) for cpus in nodes]
    part = int(mem.removesuffix('M')) // len(nodes)
    line, distances = [], []
    for i, cpus in enumerate(nodes):
        line += ['-object', 'memory-backend-ram,id=node%d,size=%dM' % (i, part),
                 '-numa', 'node,nodeid=%d,memdev=node%d,cpus=%s' % (i, i, cpus.replace(',', ',cpus='))]
        for j in range(i):
            distances += ['-numa', 'dist,src=%d,dst=%d,val=%s' % (i, j, distance)]
    return line + distances


def device_line(devices):
    return [word for device in devices for word in ('-device', device)]


def kernel_booted(name, kernel, scratch):
    """The bytes of the kernel as the chain's medium holds them, after qemu_line()."""
    return chains.CHAINS[find(name).chain].kernel(kernel, scratch)


def list_rows():
    width = max(map(len, MACHINES))
    return ''.join('%-*s  %s\n' % (width, name, machine.about) for name, machine in MACHINES.items())
