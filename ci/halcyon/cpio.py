# SPDX-License-Identifier: MIT
"""cpio archives in the newc format: written without root rights, always the same bytes."""
import os
import stat

from .common import Failure

MTIME = 1767225600  # 2026-01-01: an archive does not depend on when it was made


class Archive:
    """A tree in memory, parents before children, that becomes one archive."""

    def __init__(self, known=()):
        """@known: folders that an earlier archive of the same initrd already makes."""
        self.entries = {}
        self.known = set(known)

    def _put(self, path, mode, data=b'', rdev=(0, 0)):
        path = os.path.normpath('/' + path.lstrip('/'))[1:]
        if path == '':
            return
        parent = os.path.dirname(path)
        if parent and parent not in self.entries and parent not in self.known:
            self.folder(parent)
        self.entries[path] = (mode, data, rdev)

    def folder(self, path, mode=0o755):
        self._put(path, stat.S_IFDIR | mode)

    def file(self, path, data, mode=0o644):
        self._put(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path, kind, major, minor, mode=0o600):
        self._put(path, kind | mode, b'', (major, minor))

    def host(self, source, path):
        """A file or a whole folder of the host, with its permissions, owned by root."""
        info = os.lstat(source)
        mode = stat.S_IMODE(info.st_mode)
        if stat.S_ISLNK(info.st_mode):
            self.link(path, os.readlink(source))
        elif stat.S_ISDIR(info.st_mode):
            if path.strip('/') and path.strip('/') not in self.known:
                self.folder(path, mode)
            for name in sorted(os.listdir(source)):
                self.host(os.path.join(source, name), path.rstrip('/') + '/' + name)
        elif stat.S_ISREG(info.st_mode):
            with open(source, 'rb') as handle:
                self.file(path, handle.read(), mode)
        else:
            raise Failure('%s is neither a file, a folder nor a link' % source)

    def bytes(self):
        out = []
        for number, (path, (mode, data, rdev)) in enumerate(self.entries.items(), 1):
            out.append(_record(number, os.fsencode(path), mode, data, rdev))
        out.append(_record(0, b'TRAILER!!!', 0, b'', (0, 0)))
        return b''.join(out)


def _record(number, name, mode, data, rdev):
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, MTIME if number else 0, len(data), 0, 0, rdev[0], rdev[1],
              len(name) + 1, 0)
    head = b'070701' + b''.join(b'%08X' % field for field in fields) + name + b'\0'
    return _pad(head) + _pad(data)


def _pad(data):
    return data + b'\0' * (-len(data) % 4)


def folders(data):
    """The folders that an uncompressed newc archive makes; none when it is something else."""
    found, at = set(), 0
    while data[at:at + 6] in (b'070701', b'070702'):
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1]
        at += 110 + fields[11]
        at += -at % 4 + fields[6]
        at += -at % 4
        if name == b'TRAILER!!!':
            while data[at:at + 1] == b'\0':
                at += 1
        elif stat.S_ISDIR(fields[1]):
            found.add(os.path.normpath('/' + os.fsdecode(name))[1:])
    return found
