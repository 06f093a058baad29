#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Seeds for the fuzz targets, from what really boots: seeds.py FOLDER."""
import pathlib
import shutil
import stat
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import cpio  # noqa: E402

BOARDS = {'virt-arm': ['qemu-system-aarch64', '-cpu', 'cortex-a72', '-smp', '2'],
          'virt-riscv': ['qemu-system-riscv64', '-smp', '2']}


def device_trees(folder):
    for name, line in BOARDS.items():
        path = folder / ('fdt-%s' % name)
        subprocess.run([*line, '-M', 'virt,dumpdtb=%s' % path, '-display', 'none', '-nic',
                        'none'],
                       check=True, capture_output=True)
        shrink(path)


def shrink(path):
    """QEMU pads the tree to a mebibyte: drop what its header says is free."""
    data = bytearray(path.read_bytes())
    strings, strings_size = struct.unpack_from('>I', data, 12)[0], struct.unpack_from('>I', data, 32)[0]
    structure, structure_size = struct.unpack_from('>I', data, 8)[0], struct.unpack_from('>I', data,
                                                                                        36)[0]
    end = max(strings + strings_size, structure + structure_size)
    struct.pack_into('>I', data, 4, end)
    path.write_bytes(data[:end])


def archive(folder):
    tree = cpio.Archive()
    tree.folder('a/b')
    tree.file('a/b/file', b'text' * 100, 0o755)
    tree.link('a/link', 'b/file')
    tree.device('a/null', stat.S_IFCHR, 1, 3)
    (folder / 'cpio-small').write_bytes(tree.bytes())


def table(signature, body):
    return signature + struct.pack('<IBB6s8sI4sI', 36 + len(body), 1, 0, b'SEED  ', b'SEED    ', 1,
                                   b'SEED', 1) + body


def acpi(folder):
    """RSDP, XSDT and a MADT where the target maps them: at their offsets in the input."""
    madt = table(b'APIC', struct.pack('<II', 0xfee00000, 1) + b''.join(
        struct.pack('<BBBBI', 0, 8, cpu, cpu, 1) for cpu in range(4)) + struct.pack(
            '<BBBBII', 1, 12, 0, 0, 0xfec00000, 0) + struct.pack('<BBBBIH', 2, 10, 0, 0, 2, 0))
    fadt = table(b'FACP', bytes(240))
    tables, at = [], 36 + 36 + 16
    for data in (madt, fadt):
        tables.append((at, data))
        at += len(data)
    xsdt = table(b'XSDT', b''.join(struct.pack('<Q', where) for where, _ in tables))
    rsdp = b'RSD PTR ' + struct.pack('<B6sBIIQB3s', 0, b'SEED  ', 2, 0, 36, 36, 0, bytes(3))
    (folder / 'acpi-small').write_bytes(rsdp + xsdt + b''.join(data for _, data in tables))


def screen(folder):
    """A font of three glyphs, and text with the sequences that programs use."""
    font = struct.pack('<8I', 0x864ab572, 0, 32, 1, 3, 2, 2, 8) + bytes(6)
    (folder / 'psf-2').write_bytes(font + b'A\xc3\x84\xff\xe2\x94\x80\xfeBC\xff\xff')
    (folder / 'psf-1').write_bytes(b'\x36\x04\x02\x02' + bytes(512) + b'A\0\xff\xff' * 256)
    (folder / 'vt-text').write_bytes(
        b'a\tb\r\n\033[2;3r\033[3;1H\n\033M\033[1;31;48;5;196m\xc3\xa4\033[4@\033[3P\033[2L\033[M'
        b'\033[?25l\033[6n\033(0q\033(B\0337\033[2J\0338\033[5S\033[2T\033[3b\033]x\007\033[4h')


def main(name):
    folder = pathlib.Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    device_trees(folder)
    archive(folder)
    acpi(folder)
    screen(folder)
    shutil.copy(shutil.which('true'), folder / 'elf-true')


main(sys.argv[1])
