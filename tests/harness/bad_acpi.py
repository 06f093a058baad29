#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bad_acpi.py BUILD LOG_DIR [CASE …]: boot by GRUB with tables of ACPI replaced by wrong ones. Each
gets one clear line, and the machine comes up as far as it can be believed."""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cases import run_cases  # noqa: E402
from halcyon import grub, guest, machines, rootfs, run  # noqa: E402
from halcyon.common import image_path  # noqa: E402

IOAPIC = struct.pack('<BBBBII', 1, 12, 0, 0, 0xfec00000, 0)
TIMER = struct.pack('<BBBBIH', 2, 10, 0, 0, 2, 0)


def table(signature, body):
    data = signature + struct.pack('<IBB6s8sI4sI', 36 + len(body), 1, 0, b'BAD   ', b'BAD     ', 1,
                                   b'BAD ', 1) + body
    return data[:9] + bytes([-sum(data) & 0xff]) + data[10:]


def madt(*entries):
    return table(b'APIC', struct.pack('<II', 0xfee00000, 1) + b''.join(entries) + IOAPIC + TIMER)


def cpu(apic_id, flags=1):
    return struct.pack('<BBBBI', 0, 8, apic_id, apic_id, flags)


def far_cpu(apic_id):
    return struct.pack('<BBHIII', 9, 16, 0, apic_id, 1, apic_id)


def srat(*entries):
    return table(b'SRAT', bytes(12) + b''.join(entries))


def placed(apic_id, node):
    return struct.pack('<BBBBIB3BI', 0, 16, node, apic_id, 1, 0, 0, 0, 0, 0)


def slit(count, *distances):
    return table(b'SLIT', struct.pack('<Q', count) + bytes(distances))


TWO_NODES = srat(placed(0, 0), placed(1, 1))

# The tables that replace their namesakes, what the log must say, and how many CPUs come up of the two.
CASES = {
    'no_cpu': (madt(), 'ACPI: the MADT lists no CPU', 1),
    'off_cpus': (madt(cpu(0, 0), cpu(1, 0)), 'ACPI: the MADT lists no CPU', 1),
    'boot_cpu_missing': (madt(cpu(1)), 'ACPI: the MADT does not list the boot CPU, APIC id 0', 2),
    'twice': (madt(cpu(0), cpu(1), cpu(1)), 'CPU with id 0x1 is listed twice', 2),
    'absent_cpu': (madt(cpu(0), cpu(77), cpu(1)), r'CPU 1 \(hardware id 0x4d\) did not arrive', 2),
    'far_cpu': (madt(cpu(0), far_cpu(257), cpu(1)), r'CPU 1 \(hardware id 0x101\) refused to start', 2),
    'short_entry': (madt(cpu(0), cpu(1), b'\0\0'), 'ACPI: MADT entry at byte 60 is damaged', 2),
    'long_entry': (madt(cpu(0), cpu(1), b'\x40\xff'), 'ACPI: MADT entry at byte 60 is damaged', 2),
    'short_table': (table(b'APIC', b''), r'ACPI: no usable MADT', 1),
    'many_cpus': (madt(*(struct.pack('<BBHIII', 9, 16, 0, n, n == 0 or n == 1 or n > 3000, n)
                         for n in range(3600))), r'ACPI: \d+ CPUs are more than', 2),
    'dsdt': (table(b'DSDT', b'\x08_S5_\x12\xff'), r'ACPI: no usable DSDT with \\_S5', 2),
    'nodes': (TWO_NODES + slit(2, 10, 20, 20, 10), 'cpus: 2 nodes, 2 caches', 2),
    'half_the_nodes': (srat(placed(0, 0)), 'topology: CPU 0x1 is in no node: one node', 2),
    'two_nodes_at_once': (srat(placed(0, 0), placed(1, 0), placed(1, 1)),
                          'topology: CPU 0x1 is in nodes 0 and 1: one node', 2),
    'short_srat_entry': (srat(placed(0, 0), placed(1, 1)[:8]),
                         'topology: SRAT entry at byte 64 is damaged: one node', 2),
    'slit_length': (TWO_NODES + slit(3, 10, 20, 20, 10), "topology: the SLIT's length is wrong: one node", 2),
    'slit_too_small': (TWO_NODES + slit(1, 10), 'topology: node 1 is not in the SLIT: one node', 2),
    'slit_too_near': (TWO_NODES + slit(2, 10, 9, 9, 10), 'topology: distance 9 from node 0 to node 1: one node', 2),
    'hpet': (table(b'HPET', bytes(20)), 'clock: tsc, by pm timer', 2),
}


def split(tables):
    if not tables:
        return []
    size, = struct.unpack_from('<I', tables, 4)
    return [tables[:size]] + split(tables[size:])


def make_line(build, name, scratch):
    tables = split(CASES[name][0])
    initrd = scratch / 'initrd'
    rootfs.write_initrd(initrd, rootfs.root_archive('x86_64', build / 'user/init'), (), 'nproc')
    append = run.framed_append('maxcpus=3')  # thousands that are absent would take their time
    names = ['boot/table%d.aml' % i for i in range(len(tables))]
    config = ('set timeout=0\n' + grub.HEAD + 'insmod acpi\nacpi --exclude=%s /%s\n'
              % (','.join(wrong[:4].decode() for wrong in tables), ' /'.join(names)) + grub.entry('bad', append))
    iso = scratch / 'bad.iso'
    grub.write_iso(iso, image_path(build, 'x86_64'), initrd, config, scratch,
                   dict(zip(names, tables)))
    # Without x2APIC an id has 8 bits: what is cut off would make 257 the CPU 1.
    processor = 'qemu64' if name == 'far_cpu' else None
    return machines.medium_line('x86_64', ('-cdrom', str(iso)), guest.PIPES, 2, cpu=processor)


def main(build, log_dir, *names):
    return run_cases(CASES, names, log_dir + '/bad_acpi',
                     lambda name, scratch: make_line(pathlib.Path(build), name, scratch))


sys.exit(1 if main(*sys.argv[1:]) else 0)
