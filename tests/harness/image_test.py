#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""image_test.py BUILD: what `./halcyon image` refuses, and that the medium it writes from this build
starts by itself, with the kernel's file unchanged on it."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import grub, guest, machines, rootfs  # noqa: E402
from halcyon.common import image_path  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1))
TIMEOUT_S = 240
READY = b'ready: '


def halcyon(*args):
    done = subprocess.run([ROOT / 'halcyon', *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stderr


class Refused(unittest.TestCase):
    def test_a_machine_without_image(self):
        status, text = halcyon('image', 'toaster')
        self.assertEqual(status, 2)
        self.assertRegex(text, r'^halcyon: image: there is none for toaster, only for: .*x86_64')
        self.assertEqual(text.count('\n'), 1)

    def test_a_folder_that_is_not_there(self):
        status, text = halcyon('image', 'x86_64', '-o', '/nowhere/at/all/x.iso')
        self.assertEqual((status, text), (2, 'halcyon: image: there is no folder /nowhere/at/all\n'))

    def test_a_folder_in_place_of_a_file(self):
        status, text = halcyon('image', 'x86_64', '-o', '/tmp')
        self.assertEqual((status, text), (2, 'halcyon: image: /tmp is a folder; -o wants a file\n'))


class Medium(unittest.TestCase):
    def test_the_menu_starts_the_kernel_by_itself(self):
        with tempfile.TemporaryDirectory(prefix='halcyon-test-') as name:
            scratch = pathlib.Path(name)
            kernel, initrd, iso = image_path(BUILD, 'x86_64'), scratch / 'initrd', scratch / 'x.iso'
            initrd.write_bytes(rootfs.root_archive('x86_64', BUILD / 'user/init'))
            grub.write_product(iso, kernel, initrd, 'word=here', scratch)
            self.assertEqual(grub.kernel_in(iso, scratch), kernel.read_bytes())
            line = machines.medium_line('x86_64', ('-cdrom', str(iso)), guest.PIPES)
            status, text = guest.record(line, TIMEOUT_S, READY)
        self.assertEqual(status, 0, text[-3000:])
        self.assertIn(b'boot: command line: word=here\r\n', text)


unittest.main()
