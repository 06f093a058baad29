# SPDX-License-Identifier: MIT
"""The machines that QEMU plays, one row each, and the command line for one boot."""
import dataclasses

from .common import Failure

ARCHES = ('x86_64', 'aarch64', 'riscv64')


@dataclasses.dataclass(frozen=True)
class Machine:
    """One row: -M and -cpu, the same under the instruction-counting clock, and how it ends."""
    arch: str
    board: str
    cpu: str
    counting_cpu: str
    extra: tuple = ()


# x86_64: under -icount the local APIC must be the memory-mapped one, and each byte of a fast string
# instruction would count as an instruction. AArch64: cortex-a72 has no PAN, so `max` has its row.
_X86_COUNTING = 'max,-x2apic,-erms,-fsrm,-fsrs,-fzrm,-fsrc'
_X86_EXIT = ('-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04')
_ARM_EXIT = ('-semihosting-config', 'enable=on,target=native')

MACHINES = {
    'x86_64': Machine('x86_64', 'q35', 'max,la57=off', _X86_COUNTING, _X86_EXIT),
    'aarch64': Machine('aarch64', 'virt,gic-version=3', 'cortex-a72', 'cortex-a72', _ARM_EXIT),
    'riscv64': Machine('riscv64', 'virt', 'rv64', 'rv64'),
    'x86_64-min': Machine('x86_64', 'q35', 'qemu64', 'qemu64', _X86_EXIT),
    'aarch64-gicv2': Machine('aarch64', 'virt,gic-version=2', 'cortex-a72', 'cortex-a72', _ARM_EXIT),
    'aarch64-max': Machine('aarch64', 'virt,gic-version=3', 'max', 'max', _ARM_EXIT),
}

COUNTING = ('-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'base=2026-01-01,clock=vm')


def qemu_line(name, kernel, initrd=None, append='', cpus=4, mem='512M', serial=(), icount=False,
              gdb=False):
    """The whole command for one boot. @serial: the arguments that connect the console."""
    machine = MACHINES.get(name)
    if machine is None:
        raise Failure('no machine called %s; there are: %s' % (name, ', '.join(MACHINES)), 2)
    line = ['qemu-system-' + machine.arch, '-M', machine.board,
            '-cpu', machine.counting_cpu if icount else machine.cpu,
            '-smp', str(cpus), '-m', str(mem), '-nodefaults', '-no-user-config', '-nic', 'none',
            '-display', 'none', '-no-reboot', '-kernel', str(kernel), *machine.extra, *serial]
    if initrd:
        line += ['-initrd', str(initrd)]
    if append:
        line += ['-append', append]
    if icount:
        line += COUNTING
    if gdb:
        line += ['-gdb', 'tcp:127.0.0.1:1234', '-S']
    return line
