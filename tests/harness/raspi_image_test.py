#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""raspi_image_test.py BUILD: the SD card of `./halcyon image raspi4b` holds what the board's firmware is told
to load, and what it holds boots; without --firmware the missing files are named, with it for another
machine it is refused."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import fat, guest, image, machines, raspi, rootfs  # noqa: E402
from halcyon.common import image_path  # noqa: E402

BUILD = pathlib.Path(sys.argv.pop(1))
TIMEOUT_S = 240
READY = b'ready: '


class Card(unittest.TestCase):
    def test_what_is_on_it_boots(self):
        with tempfile.TemporaryDirectory(prefix='halcyon-test-') as name:
            scratch = pathlib.Path(name)
            kernel, initrd, card = image_path(BUILD, 'aarch64'), scratch / 'initrd', scratch / 'card'
            initrd.write_bytes(rootfs.root_archive('aarch64', BUILD / 'user/init'))
            raspi.write_card(card, kernel, initrd, 'word=here', scratch)
            size = card.stat().st_size
            self.assertEqual(size & (size - 1), 0, 'QEMU takes cards of powers of two')
            told = dict(line.split('=') for line in
                        fat.read_file(card, 'config.txt').decode().splitlines()
                        if '=' in line and not line.startswith('#'))
            ramfs = [line.split()[1] for line in fat.read_file(card, 'config.txt').decode().splitlines()
                     if line.startswith('initramfs ')]
            self.assertEqual((told['arm_64bit'], told['enable_uart']), ('1', '1'))
            names = {'kernel': told['kernel'], 'dtb': told['device_tree'], 'initrd': ramfs[0]}
            for key, file in names.items():
                (scratch / key).write_bytes(fat.read_file(card, file))
            self.assertEqual((scratch / 'kernel').read_bytes(), kernel.read_bytes())
            line = machines.qemu_line('raspi4b', scratch / 'kernel', scratch / 'initrd',
                                      fat.read_file(card, 'cmdline.txt').decode().strip(),
                                      serial=guest.PIPES)
            line[line.index('-dtb') + 1] = str(scratch / 'dtb')
            status, text = guest.record(line, TIMEOUT_S, READY)
        self.assertEqual(status, 0, text[-3000:])
        self.assertIn(b'boot: command line: word=here\r\n', text)
        self.assertIn(b'Raspberry Pi 4', text)

    def test_the_advice_names_what_is_missing(self):
        advice = image.IMAGES['raspi4b'][3]
        for name in raspi.FIRMWARE:
            self.assertIn(name, advice)

    def test_firmware_for_a_pc(self):
        done = subprocess.run([ROOT / 'halcyon', 'image', 'x86_64', '--firmware'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, 'halcyon: image: x86_64 needs no firmware on its medium\n'))


unittest.main()
