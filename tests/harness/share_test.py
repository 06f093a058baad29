#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""share_test.py BUILD ARCH: folders of this machine in the guest (`./halcyon run --share`), used from both
sides; and what --share refuses."""
import hashlib
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest, machines, rootfs, run  # noqa: E402
from halcyon.common import image_path  # noqa: E402

BUILD, ARCH = pathlib.Path(sys.argv.pop(1)), sys.argv.pop(1)
TIMEOUT_S = 240
POLL_S = 0.01


def change(folder, stop):
    """The part of the other side, when the guest says that it is ready."""
    while not (folder / 'ready').exists() and not stop.is_set():
        time.sleep(POLL_S)
    (folder / 'shared').write_text('changed here\n')
    (folder / 'from_host').unlink()
    (folder / 'go').touch()


class Shared(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix='halcyon-test-')
        self.folder = pathlib.Path(self.scratch.name) / 'a, b'
        self.other = pathlib.Path(self.scratch.name) / 'other'
        for folder in (self.folder, self.other):
            folder.mkdir()
        (self.folder / 'from_host').write_text('hello\n')
        (self.folder / 'link').symlink_to('from_host')
        (self.other / 'other').write_text('other\n')

    def tearDown(self):
        self.scratch.cleanup()

    def boot(self):
        scratch = pathlib.Path(self.scratch.name)
        shares = [rootfs.split_share(str(self.folder)),
                  rootfs.split_share(str(self.other) + ':/srv/two folders')]
        initrd, out = scratch / 'initrd', scratch / 'out'
        rootfs.write_initrd(initrd, rootfs.root_archive(ARCH, BUILD / 'user/init'),
                            ['%s:/share.sh' % (ROOT / 'tests/boot/share.sh')], 'sh /share.sh', shares)
        line = machines.qemu_line(ARCH, image_path(BUILD, ARCH), initrd, run.framed_append(''), 2, '256M',
                                  guest.PIPES)
        line += machines.share_line(ARCH, [(rootfs.share_tag(number), folder)
                                           for number, (folder, _) in enumerate(shares)])
        stop = threading.Event()
        other_side = threading.Thread(target=change, args=(self.folder, stop))
        other_side.start()
        with open(out, 'wb') as file:
            framed = guest.Framed(line, None, file.fileno(), file.fileno(), TIMEOUT_S)
            status = framed.run()
        stop.set()
        other_side.join()
        return status, out.read_text(errors='replace'), bytes(framed.log).decode(errors='replace')

    def test_both_sides_see_one_folder(self):
        status, text, log = self.boot()
        made = self.folder / 'made'
        random = (made / 'random').read_bytes()
        lines = text.split('\n')
        self.assertEqual(status, 0, text + log)
        self.assertRegex(lines[9], '^[0-9a-f]{32}  -$')  # before it was changed and cut
        self.assertEqual(lines[:9] + lines[10:], [
            'hello', 'hello', 'other', 'one', 'two', 'cat: can\'t open \'soft\': No such file or directory',
            'a', '2 8', '444 5',
            hashlib.md5(random).hexdigest() + '  -', '2000000', 'fifo',
            '306', './file number 99', '276', 'not empty', 'ran', 'first', 'again', 'changed here',
            'changed here', 'gone', 'busy', '0', 'changed here', 'taken', 'nobody', ''])
        self.assertEqual((made / 'b').read_text(), 'one\ntwo\n')
        self.assertEqual((made / 'b').stat().st_ino, (made / 'hard').stat().st_ino)
        self.assertEqual(os.readlink(made / 'soft'), 'a')
        self.assertEqual(stat.S_IMODE((made / 'read_only').stat().st_mode), 0o444)
        self.assertTrue(stat.S_ISFIFO((made / 'fifo').stat().st_mode))
        self.assertFalse((made / 'sub').exists())


class Refused(unittest.TestCase):
    def refuse(self, *args):
        done = subprocess.run([ROOT / 'halcyon', 'run', *args], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ''))
        return done.stderr

    def test_what_cannot_be_shared(self):
        self.assertEqual(self.refuse('--share', '/nowhere'),
                         'halcyon: --share: there is no folder /nowhere here\n')
        self.assertEqual(self.refuse('--share', '/tmp:x'), 'halcyon: --share: x is not a folder of the '
                         'guest: it must begin with / and not be /\n')
        self.assertEqual(self.refuse('raspi4b', '--share', '/tmp'),
                         'halcyon: raspi4b has no PCI bus, so it can share no folders\n')


unittest.main()
