# SPDX-License-Identifier: MIT
"""The initial file system: Debian's BusyBox, our init, a few files; and what --add and --exec add."""
import gzip
import os
import pathlib
import stat

from . import cpio, packages
from .common import Failure

FOLDERS = ('bin', 'sbin', 'usr', 'usr/bin', 'usr/sbin', 'etc', 'dev', 'proc', 'sys', 'run', 'var',
           'var/log', 'home', 'mnt', 'lib')
FILES = {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n'
                  'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
    'etc/group': 'root:x:0:\ndaemon:x:1:\ntty:x:5:\nnogroup:x:65534:\n',
    'etc/profile': 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n'
                   'export HOME=${HOME:-/root} TERM=${TERM:-vt100}\nPS1=\'\\w \\$ \'\n',
    'etc/hostname': 'halcyon\n',
    'etc/hosts': '127.0.0.1 localhost halcyon\n',
    'etc/shells': '/bin/sh\n',
}
FONT_FILE = 'usr/share/consolefonts/console.psf'  # where the kernel's screen looks for it
EXEC_FILE = '.halcyon-exec'


def root_archive(arch, init=None):
    """The root as one archive. @init: our init for this architecture; without it (a build by clang has
    no C library for it), the shell."""
    tree = cpio.Archive()
    for path in FOLDERS:
        tree.folder(path)
    tree.folder('root', 0o700)
    tree.folder('tmp', 0o1777)
    tree.folder('var/tmp', 0o1777)
    for path, text in FILES.items():
        tree.file(path, text.encode())
    tree.device('dev/console', stat.S_IFCHR, 5, 1)
    tree.device('dev/null', stat.S_IFCHR, 1, 3, 0o666)
    tree.file('bin/busybox', packages.busybox(arch).read_bytes(), 0o755)
    for path in packages.applets():
        if path not in ('bin/busybox', 'linuxrc'):
            tree.link(path, '/bin/busybox')
    tree.file(FONT_FILE, gzip.decompress(packages.font().read_bytes()))
    if init is not None and pathlib.Path(init).exists():
        tree.file('init', pathlib.Path(init).read_bytes(), 0o755)
    else:
        tree.file('init', b'#!/bin/sh\nexec /bin/sh\n', 0o755)
    return tree.bytes()


def write_initrd(path, base, add=(), command=None, shares=()):
    """Write @base (the bytes of an archive) and, after it, a second archive with @add and @command, and
    the table of what init mounts: @shares, pairs of host and guest folder."""
    more = cpio.Archive(known=cpio.folders(base))
    if shares:
        more.file('etc/fstab', ''.join('%s %s 9p defaults 0 0\n' % (share_tag(number), fstab_word(guest))
                                       for number, (_, guest) in enumerate(shares)).encode())
    for words in add:
        source, target = split_add(words)
        more.host(source, target)
    if command is not None:
        more.file(EXEC_FILE, command.encode('utf-8', 'surrogateescape'), 0o600)
    with open(path, 'wb') as out:
        out.write(base)
        if more.entries:
            out.write(b'\0' * (-len(base) % 512))
            out.write(more.bytes())


def split_add(words):
    """HOSTPATH[:GUESTPATH] as both paths; a host path may itself hold colons."""
    source, target = words, None
    if not os.path.lexists(source) and ':' in words:
        source, target = words.rsplit(':', 1)
    if not os.path.lexists(source):
        raise Failure('--add: there is no %s here' % source, 2)
    name = os.path.basename(os.path.normpath(source))
    if not target:
        target = '/' + name
    elif target.endswith('/') and not os.path.isdir(source):
        target += name
    return source, target


def split_share(words):
    """HOSTDIR[:GUESTDIR] as both paths; the guest's is absolute, /mnt by default."""
    source, target = words, '/mnt'
    if not os.path.isdir(source) and ':' in words:
        source, target = words.rsplit(':', 1)
    if not os.path.isdir(source):
        raise Failure('--share: there is no folder %s here' % source, 2)
    if not target.startswith('/') or os.path.normpath(target) == '/':
        raise Failure('--share: %s is not a folder of the guest: it must begin with / and not be /'
                      % (target or '""'), 2)
    return os.path.abspath(source), os.path.normpath(target)


def share_tag(number):
    """The name that the guest mounts a shared folder by."""
    return 'share%d' % number


def fstab_word(path):
    """As fstab(5) wants blanks and backslashes written."""
    return ''.join('\\%03o' % ord(c) if c in ' \t\n\\' else c for c in path)
