# SPDX-License-Identifier: MIT
"""A disk image with one partition, FAT32, made of files; no root, no loop device: mtools does it."""
import pathlib
import struct
import subprocess

from .common import Failure, quiet

MIB = 1 << 20
START = MIB  # of the partition
TYPE_FAT32_LBA = 0x0c
SECTOR = 512


def write_disk(path, files, size_mib=128):
    """@files: {path in the image: path on this machine, or bytes}. Folders are made. The size must be a
    power of two where the image plays an SD card."""
    path = pathlib.Path(path)
    sectors = size_mib * MIB // SECTOR
    first = START // SECTOR
    entry = struct.pack('<B3sB3sII', 0x80, b'\xfe\xff\xff', TYPE_FAT32_LBA, b'\xfe\xff\xff', first,
                        sectors - first)
    with open(path, 'wb') as disk:
        disk.truncate(size_mib * MIB)
        disk.seek(446)
        disk.write(entry + bytes(48) + b'\x55\xaa')
    volume = '%s@@%d' % (path, START)
    quiet(['mformat', '-i', volume, '-F', '-v', 'HALCYON', '-T', str(sectors - first), '::'],
          'making a FAT file system')
    folders = set()
    for name, source in files.items():
        parts = name.split('/')[:-1]
        for depth in range(1, len(parts) + 1):
            folder = '/'.join(parts[:depth])
            if folder not in folders:
                quiet(['mmd', '-i', volume, '::/' + folder], 'making a folder in ' + path.name)
                folders.add(folder)
        data = source if isinstance(source, bytes) else pathlib.Path(source).read_bytes()
        done = subprocess.run(['mcopy', '-i', volume, '-', '::/' + name], input=data,
                              capture_output=True, check=False)
        if done.returncode:
            raise Failure('%s does not fit into %s: %s'
                          % (name, path.name, done.stderr.decode(errors='replace').strip()))


def read_file(path, name):
    """The bytes of file @name in the image."""
    done = subprocess.run(['mcopy', '-i', '%s@@%d' % (path, START), '::/' + name, '-'],
                          capture_output=True, check=False)
    if done.returncode:
        raise Failure('%s holds no %s' % (path, name))
    return done.stdout
