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


# The table that replaces its namesake, what the log must say, and how many CPUs come up of the two.
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
    'hpet': (table(b'HPET', bytes(20)), 'clock: tsc, by pm timer', 2),
}


def make_line(build, name, scratch):
    wrong = CASES[name][0]
    initrd = scratch / 'initrd'
    rootfs.write_initrd(initrd, rootfs.root_archive('x86_64', build / 'user/init'), (), 'nproc')
    append = run.framed_append('maxcpus=3')  # thousands that are absent would take their time
    config = ('set timeout=0\n' + grub.HEAD + 'insmod acpi\nacpi --exclude=%s /boot/table.aml\n'
              % wrong[:4].decode() + grub.entry('bad', append))
    iso = scratch / 'bad.iso'
    grub.write_iso(iso, image_path(build, 'x86_64'), initrd, config, scratch,
                   {'boot/table.aml': wrong})
    # Without x2APIC an id has 8 bits: what is cut off would make 257 the CPU 1.
    processor = 'qemu64' if name == 'far_cpu' else None
    return machines.medium_line('x86_64', ('-cdrom', str(iso)), guest.PIPES, 2, cpu=processor)


def main(build, log_dir, *names):
    return run_cases(CASES, names, log_dir + '/bad_acpi',
                     lambda name, scratch: make_line(pathlib.Path(build), name, scratch))


sys.exit(1 if main(*sys.argv[1:]) else 0)
