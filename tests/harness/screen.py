# SPDX-License-Identifier: MIT
"""A guest's screen and keyboard through QEMU's monitor: pictures become text by the font that the
guest draws with, so a test compares characters and colours."""
import gzip
import pathlib
import socket
import struct
import sys
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import packages  # noqa: E402

KEYS = {' ': 'spc', '\n': 'ret', '\033': 'esc', '\t': 'tab', '/': 'slash', '.': 'dot', ',': 'comma',
        '-': 'minus', '=': 'equal', ';': 'semicolon', "'": 'apostrophe', '\\': 'backslash',
        '[': 'bracket_left', ']': 'bracket_right', ':': 'shift-semicolon', '_': 'shift-minus',
        '"': 'shift-apostrophe', '>': 'shift-dot', '|': 'shift-backslash', '$': 'shift-4',
        '+': 'shift-equal', '(': 'shift-9', '\x03': 'ctrl-c'}


class Font:
    """A PSF of version 1 with its table: bitmaps and the characters they show."""
    width = 8

    def __init__(self, data):
        magic, mode, self.height = struct.unpack_from('<HBB', data)
        if magic != 0x0436:
            raise ValueError('not a PSF of version 1')
        count = 512 if mode & 1 else 256
        self.chars = {}
        table = struct.iter_unpack('<H', data[4 + count * self.height:])
        for glyph in range(count):
            at = 4 + glyph * self.height
            chars = list(iter(lambda: next(table)[0], 0xffff))
            if chars and chars[0] < 0xfffe:
                self.chars.setdefault(data[at:at + self.height], chr(min(chars)))


class Picture:
    """A screendump."""

    def __init__(self, data):
        kind, size, _, self.pixels = data.split(b'\n', 3)
        self.width, self.height = map(int, size.split())
        if kind != b'P6' or len(self.pixels) != self.width * self.height * 3:
            raise ValueError('half a picture')

    def cell(self, font, x, y):
        """(character, foreground, background) of the cell; '?' where no glyph fits."""
        rows = []
        for line in range(font.height):
            at = ((y * font.height + line) * self.width + x * font.width) * 3
            row = self.pixels[at:at + font.width * 3]
            rows.append([row[i:i + 3] for i in range(0, len(row), 3)])
        colours = sorted({pixel for row in rows for pixel in row})
        if len(colours) == 1:
            return ' ', colours[0], colours[0]
        for fg, bg in (colours[::-1], colours) if len(colours) == 2 else ():
            bits = bytes(sum(0x80 >> i for i, pixel in enumerate(row) if pixel == fg) for row in rows)
            if bits in font.chars:
                return font.chars[bits], fg, bg
        return '?', b'', b''

    def text(self, font):
        return [''.join(self.cell(font, x, y)[0] for x in range(self.width // font.width)).rstrip()
                for y in range(self.height // font.height)]

    def png(self):
        def chunk(kind, data):
            return struct.pack('>I', len(data)) + kind + data + struct.pack(
                '>I', zlib.crc32(kind + data))
        stride = self.width * 3
        raw = b''.join(b'\0' + self.pixels[y * stride:(y + 1) * stride] for y in range(self.height))
        head = struct.pack('>IIBBBBB', self.width, self.height, 8, 2, 0, 0, 0)
        return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) +
                chunk(b'IDAT', zlib.compress(raw, 9)) + chunk(b'IEND', b''))


class Screen:
    """The monitor of a running QEMU, whose socket is @path."""

    def __init__(self, path, scratch, process):
        self.font = Font(gzip.decompress(packages.font().read_bytes()))
        self.dump = pathlib.Path(scratch) / 'screen.ppm'
        self.process = process
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self._prompt()

    def _prompt(self):
        """What the monitor said until it asks for the next command."""
        text = b''
        while not text.endswith(b'(qemu) '):
            data = self.socket.recv(4096)
            if not data:
                raise EOFError('QEMU ended')
            text += data
        return text.decode(errors='replace')

    def command(self, line):
        self.socket.sendall(line.encode() + b'\n')
        return self._prompt()

    def type(self, text):
        for char in text:
            key = KEYS.get(char) or ('shift-' + char.lower() if char.isupper() else char)
            self.command('sendkey %s 10' % key)
            time.sleep(0.03)

    def picture(self):
        self.command('screendump %s' % self.dump)
        return Picture(self.dump.read_bytes())

    def wait(self, wanted, timeout=120):
        """Until @wanted(lines) holds: the picture then. TimeoutError with the lines else."""
        deadline = time.monotonic() + timeout
        while True:
            picture = self.picture()
            lines = picture.text(self.font)
            if wanted(lines):
                return picture, lines
            if time.monotonic() > deadline:
                raise TimeoutError('\n'.join(line for line in lines if line))
            time.sleep(0.5)

    def wait_text(self, text, timeout=120):
        return self.wait(lambda lines: any(text in line for line in lines), timeout)


class TextPicture:
    """What stands in the text buffer of a display adapter, in words of the monitor's."""
    width, height = 80, 25

    def __init__(self, dump):
        self.words = [int(word, 16) for line in dump.splitlines() if line.startswith('00000000000b')
                      for word in line.partition(':')[2].split()]
        if len(self.words) != self.width * self.height:
            raise ValueError('half a picture')

    def cell(self, _font, x, y):
        """As Picture's; colours are the adapter's numbers."""
        word = self.words[y * self.width + x]
        return bytes([word & 0xff]).decode('cp437'), word >> 8 & 0xf, word >> 12

    def text(self, font):
        return [''.join(self.cell(font, x, y)[0] for x in range(self.width)).rstrip()
                for y in range(self.height)]


class TextScreen(Screen):
    """The same where the adapter shows characters."""

    def picture(self):
        return TextPicture(self.command('xp /2000hx 0xb8000'))
