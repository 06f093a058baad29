#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bad_device_tree.py BUILD ARCH LOG_DIR [CASE …]: boot with device trees that are cut off or contradict
themselves. Each gets one clear line, and the machine comes up as far as it can be believed.

QEMU would put such a tree right, so a stub of a few instructions takes the kernel's place and enters the
kernel with ours."""
import pathlib
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import device_tree  # noqa: E402
from cases import run_cases  # noqa: E402
from device_tree import cells  # noqa: E402
from halcyon import guest, machines, rootfs, run  # noqa: E402
from halcyon.common import image_path  # noqa: E402

MIB = 1 << 20
CPUS = 2
STUBS = {  # the tree's address, 12 MiB above the kernel's, into the first or second argument; then jump
    'aarch64': (0xd2a98000, 0xd2a88009, 0xd61f0120),  # movz x0, movz x9, br x9
    'riscv64': (0x08c00593, 0x01859593, 0x08400293, 0x01829293, 0x00028067),  # li a1, li t0, jr t0
}
# The same by another CPU than the firmware's: the first starts it, and goes off; it waits for that.
OTHER_CPU_STUBS = {
    # CPU_ON 1 at label 1, CPU_OFF; 1: until AFFINITY_INFO 0 is off
    'aarch64': (0xd2800060, 0xf2b88000, 0xd2800021, 0x100000a2, 0xd4000002, 0x52800040, 0x72b08000, 0xd4000002,
                0xd2800080, 0xf2b88000, 0xd2800001, 0xd2800002, 0xd4000002, 0xf100041f, 0x54ffff41,
                *STUBS['aarch64']),
    # hart_start of 0 or 1, the other one, at label 1, with our id; hart_stop; 1: until hart_status is stopped
    'riscv64': (0x00050413, 0x00154513, 0x00000597, 0x02858593, 0x00040613, 0x004858b7, 0x34d88893, 0x00000813,
                0x00000073, 0x00100813, 0x00000073, 0x0000006f, 0x00050493, 0x00058413, 0x00040513, 0x004858b7,
                0x34d88893, 0x00200813, 0x00000073, 0x00100293, 0xfe5594e3, 0x00048513, *STUBS['riscv64']),
}
RAM = {'aarch64': 0x40000000, 'riscv64': 0x80000000}
RAM_SIZE = 512 * MIB


class Place:
    """Where what is loaded stands."""

    def __init__(self, arch):
        self.ram = RAM[arch]
        self.kernel, self.tree, self.initrd = (self.ram + mib * MIB for mib in (64, 192, 256))
        self.firmware = (self.ram, 2 * MIB)  # OpenSBI, or QEMU's own stub


def ram(*pairs):
    return cells(*(half for value in sum(pairs, ()) for half in (value >> 32, value & 0xffffffff)))


def memory(root):
    return next(node for name, node in root.children.items() if name.startswith('memory@'))


def cpu(root, number):
    return root.child('cpus').children['cpu@%d' % number]


def drop(root, compatible):
    """Whoever is compatible is so no more."""
    for node in root.children.values():
        if compatible in node.properties.get('compatible', b'').split(b'\0'):
            node.properties['compatible'] = b'nobody\0'
        drop(node, compatible)


def overlapping(root, at):
    memory(root).properties['reg'] = ram((at.ram, RAM_SIZE // 2), (at.ram + RAM_SIZE // 4, RAM_SIZE * 3 // 4))


def two_memories(root, at):
    """The upper one first, and a hole between them."""
    lower = device_tree.Node()
    lower.properties = dict(memory(root).properties, reg=ram((at.ram, RAM_SIZE * 9 // 16)))
    memory(root).properties['reg'] = ram((at.ram + RAM_SIZE * 5 // 8, RAM_SIZE // 4))
    root.children['memory@0'] = lower


def no_memory(root, _at):
    memory(root).properties['reg'] = ram((0, 0))


def half_a_range(root, _at):
    memory(root).properties['reg'] += cells(1)


def no_cpus(root, _at):
    for name in [name for name in root.child('cpus').children if name.startswith('cpu@')]:
        root.child('cpus').children[name].properties['device_type'] = b'core\0'


def twice(root, _at):
    root.child('cpus').children['cpu@9'] = cpu(root, 1)


def absent_cpu(root, _at):
    node = device_tree.Node()
    node.properties = dict(cpu(root, 1).properties, reg=cells(77))
    node.children = cpu(root, 1).children
    root.child('cpus').children['cpu@77'] = node


def nodes(distance, of=(0, 1)):
    def change(root, _at):
        for number, node in enumerate(of):
            cpu(root, number).properties['numa-node-id'] = cells(node)
        distances = root.children['distance-map'] = device_tree.Node()
        distances.properties = {'compatible': b'numa-distance-map-v1\0',
                                'distance-matrix': cells(0, 0, 10, 0, 1, distance, 1, 1, 10)}
    return change


def one_hart_with_sv39(root, _at):
    cpu(root, 1).properties['mmu-type'] = b'riscv,sv39\0'


def initrd_at(where):
    def change(root, at):
        chosen = root.child('chosen').properties
        start = where(at)
        chosen['linux,initrd-start'] = ram((start,))
        chosen['linux,initrd-end'] = ram((start + MIB,))
    return change


def half_an_initrd(root, _at):
    del root.child('chosen').properties['linux,initrd-end']


def no_interrupt_controller(root, _at):
    for name in (b'arm,gic-v3', b'riscv,plic0', b'sifive,plic-1.0.0'):
        drop(root, name)


def no_timer(root, _at):
    drop(root, b'arm,armv8-timer')
    root.child('cpus').properties.pop('timebase-frequency', None)


def cut(blob):
    """Half of the structure is gone, and the header knows."""
    size, = struct.unpack_from('>I', blob, 36)
    return blob[:36] + cells(size // 8 * 4) + blob[40:]


def longer_than_it_is(blob):
    """The structure goes on behind the end."""
    return blob[:36] + cells(len(blob)) + blob[40:]


def nothing(blob):
    return bytes(len(blob))


# What is done to the tree, or to its bytes; what the log must say; what `nproc` prints, None: it does not boot.
OTHER_CPU = 'other_cpu_boots'
NO_INIT = r'[^~]*KERNEL PANIC: init: /init cannot be started'
MALFORMED = r'halcyon: the device tree is malformed|no valid device tree at 0x8c000000'
CASES = {
    'sane': (None, r'cpus: 2 of 2 online', CPUS),
    'two_memories': (two_memories, r'memory: 416 MiB in 2 ranges', CPUS),
    OTHER_CPU: (None, r'MPIDR 0x1 [^~]*cpus: 2 of 2 online|Boot HART ID +: (\d)[^~]*, hart (?!\1)\d,[^~]*cpus: 2 of 2 '
                r'online', CPUS),
    'overlapping': (overlapping, r'device tree: RAM at 0x\w+ overlaps RAM at 0x\w+: joined', CPUS),
    'no_memory': (no_memory, r'no usable node with device_type = "memory"|KERNEL PANIC: .*memory', None),
    'half_a_range': (half_a_range, r'device tree: bad reg in node memory@[^~]*KERNEL PANIC: .*memory', None),
    'no_cpus': (no_cpus, r'device tree: /cpus does not list the CPU that boots', 1),
    'twice': (twice, r'CPU with id 0x1 is listed twice', CPUS),
    'absent_cpu': (absent_cpu, r'CPU 2 \(hardware id 0x4d\) refused to start', CPUS),
    'nodes': (nodes(20), r'cpus: 2 nodes, 2 caches', CPUS),
    'distance': (nodes(9), r'topology: distance 9 from node 0 to node 1: one node', CPUS),
    'half_the_nodes': (nodes(20, (0,)), r'topology: CPU 0x1 is in no node: one node', CPUS),
    'one_hart_with_sv39': (one_hart_with_sv39, r'on aarch64[^~]*cpus: 2 of 2 online|hart \d, sv39,[^~]*cpus: 2 of 2 '
                           r'online', CPUS),
    'initrd_over_kernel': (initrd_at(lambda at: at.kernel + MIB // 2), r'initrd from 0x\w+ to 0x\w+ overlaps the '
                           r'kernel: ignored' + NO_INIT, None),
    'initrd_outside': (initrd_at(lambda at: at.ram + RAM_SIZE), r'initrd from 0x\w+ to 0x\w+ is not in RAM: '
                       r'ignored' + NO_INIT, None),
    'half_an_initrd': (half_an_initrd, r'/chosen/linux,initrd-start or -end is malformed' + NO_INIT, None),
    'no_interrupt_controller': (no_interrupt_controller, r'KERNEL PANIC: no interrupt controller: the device tree '
                                r'has no usable node', None),
    'no_timer': (no_timer, r'KERNEL PANIC: no (timer|clock): ', None),
    'cut': (cut, MALFORMED, None),
    'longer_than_it_is': (longer_than_it_is, MALFORMED, None),
    'nothing': (nothing, r'halcyon: no device tree in x0|no valid device tree at 0x8c000000', None),
}
OF_BYTES = (cut, longer_than_it_is, nothing)


class Watched(guest.Framed):
    """Ends with a panic also where the kernel, without a tree, knows no way to end the machine."""
    has_halted = False

    def run(self):
        status = super().run()
        self.why = '' if self.has_halted else self.why
        return status

    def _keep_log(self, text):
        super()._keep_log(text)
        if b'halted after' in self.log and not self.has_halted:
            self.has_halted = True
            self.limit.shorten(1)


def make_tree(arch, at, change, initrd_size, scratch):
    machine, dump = machines.find(arch), scratch / 'dump.dtb'
    subprocess.run(['qemu-system-' + arch, '-M', '%s,dumpdtb=%s' % (machine.board, dump), '-cpu', machine.cpu,
                    '-smp', str(CPUS), '-m', '%dM' % (RAM_SIZE // MIB), '-display', 'none', '-nic', 'none'],
                   check=True, capture_output=True)
    root = device_tree.parse(dump.read_bytes())
    chosen = root.child('chosen').properties
    chosen['bootargs'] = run.framed_append('').encode() + b'\0'
    chosen['linux,initrd-start'] = ram((at.initrd,))
    chosen['linux,initrd-end'] = ram((at.initrd + initrd_size,))
    if change and change not in OF_BYTES:
        change(root, at)
    blob = device_tree.build(root, [at.firmware])
    return change(blob) if change in OF_BYTES else blob


def make_line(build, arch, name, scratch):
    at, initrd, stub = Place(arch), scratch / 'initrd', scratch / 'stub'
    rootfs.write_initrd(initrd, rootfs.root_archive(arch, build / 'user/init'), (), 'nproc')
    tree = scratch / 'tree'
    tree.write_bytes(make_tree(arch, at, CASES[name][0], initrd.stat().st_size, scratch))
    words = (OTHER_CPU_STUBS if name == OTHER_CPU else STUBS)[arch]
    stub.write_bytes(struct.pack('<%dI' % len(words), *words))
    medium = ['-kernel', str(stub)]
    for path, addr in ((image_path(build, arch), at.kernel), (tree, at.tree), (initrd, at.initrd)):
        medium += ['-device', 'loader,file=%s,addr=%#x,force-raw=on' % (path, addr)]
    return machines.medium_line(arch, medium, guest.PIPES, CPUS, '%dM' % (RAM_SIZE // MIB))


def main(build, arch, log_dir, *names):
    return run_cases(CASES, names, log_dir + '/bad_device_tree',
                     lambda name, scratch: make_line(pathlib.Path(build), arch, name, scratch), Watched)


sys.exit(1 if main(*sys.argv[1:]) else 0)
