#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""screen_test.py BUILD LOG_DIR MACHINE PLAY: boot MACHINE with a display adapter and act PLAY on its
screen. Pictures of interest go to LOG_DIR."""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from screen import Screen, TextScreen  # noqa: E402
from halcyon import grub, machines, rootfs  # noqa: E402
from halcyon.common import image_path  # noqa: E402

PROMPT = '~ #'
FILE = ['root:x:0:0:root:/root:/bin/sh', 'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
        'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin']
BRIGHT_GREEN = bytes((0x55, 0xff, 0x55))
BLUE = bytes((0, 0, 0xaa))


def at_prompt(lines):
    full = [line for line in lines if line]
    return bool(full) and full[-1].strip() == PROMPT


def log_and_shell(screen, _logs):
    """The log is shown from its first line, then a prompt."""
    _, lines = screen.wait(at_prompt, 240)
    assert 'Halcyon ' in lines[0], lines[0]
    assert any('console: tty1, log also on ttyS0' in line for line in lines), lines


def log_only(screen, logs):
    """The whole log, where the shell is on the serial line."""
    picture, lines = screen.wait_text('ready: ', 240)
    (logs / 'raspberry-pi-4.png').write_bytes(picture.png())
    assert 'Halcyon ' in lines[0], lines[0]
    assert any('console: ttyS0, log also on tty1' in line for line in lines), lines


def panic(screen, _logs):
    """A panic is told on the screen too. One CPU: the first line is still there at the end."""
    _, lines = screen.wait_text('halted after')
    assert any('KERNEL PANIC: asked for by panic=test' in line for line in lines), lines


def vi(screen, logs):
    """Edit a file with what is typed; the picture is the one in docs."""
    screen.wait(at_prompt, 240)
    screen.type('vi /etc/passwd\n')
    picture, lines = screen.wait_text('- /etc/passwd 1/3')
    assert lines[:3] == FILE, lines[:3]
    assert all(line == '~' for line in lines[3:-1]), lines
    screen.type('Gohalcyon:x:7\033')
    picture, lines = screen.wait_text('- /etc/passwd [Modified] 4/4')
    (logs / 'vi.png').write_bytes(picture.png())
    assert lines[:4] == FILE + ['halcyon:x:7'], lines[:4]
    screen.type(':wq\n')
    screen.wait(at_prompt)
    screen.type('clear; tail -n 2 /etc/passwd\n')
    screen.wait(lambda lines: at_prompt(lines) and lines[:2] == [FILE[2], 'halcyon:x:7'])


def programs(screen, logs):
    """top, colours, scrolling, interrupting by a key, the size of the terminal."""
    screen.wait(at_prompt, 240)
    screen.type('top\n')
    picture, lines = screen.wait(lambda lines: lines[0].startswith('Mem:'))
    (logs / 'top.png').write_bytes(picture.png())
    assert any('PID' in line and 'COMMAND' in line for line in lines), lines
    screen.type('q')
    screen.wait(at_prompt)
    screen.type('clear; printf "\\033[1;32;44mgreen\\033[0m\\n"\n')
    picture, lines = screen.wait(lambda lines: at_prompt(lines) and 'green' in lines)
    for x in range(5):
        assert picture.cell(screen.font, x, lines.index('green'))[1:] == (BRIGHT_GREEN, BLUE)
    screen.type('seq 1 100; stty size\n')
    _, lines = screen.wait(lambda lines: at_prompt(lines) and '100' in lines)
    at = lines.index('100')
    assert lines[:at] == [str(100 - at + i) for i in range(at)], lines
    assert lines[at + 1] == '%d %d' % (len(lines), 128), lines[at + 1]
    screen.type('cat\nhello\n')
    screen.wait(lambda lines: lines.count('hello') == 2)
    screen.type('\x03')
    screen.wait(at_prompt)


def text(screen, _logs):
    """Where GRUB sets no graphics mode: characters, colours, scrolling and line drawing in the text buffer."""
    screen.wait(at_prompt, 240)
    screen.type('clear; printf "\\033[1;32;44mgreen\\033[0m\\n"\n')
    picture, lines = screen.wait(lambda lines: at_prompt(lines) and 'green' in lines)
    for x in range(5):
        assert picture.cell(None, x, lines.index('green'))[1:] == (0xa, 1), picture.cell(None, x, 0)
    screen.type('seq 1 100; stty size; printf "\\033(0lqk\\033(B\\n"\n')
    _, lines = screen.wait(lambda lines: at_prompt(lines) and '100' in lines)
    at = lines.index('100')
    assert lines[:at] == [str(100 - at + i) for i in range(at)], lines
    assert lines[at + 1:at + 3] == ['25 80', '\u250c\u2500\u2510'], lines


PLAYS = {'log': (log_and_shell, ''), 'log-only': (log_only, ''), 'panic': (panic, 'panic=test'), 'vi': (vi, ''),
         'programs': (programs, ''), 'text': (text, '')}


ADAPTERS = {'x86_64': ('-device', 'VGA')}  # a Raspberry Pi has its own


def main(build, log_dir, machine, play):
    build, logs = pathlib.Path(build), pathlib.Path(log_dir)
    logs.mkdir(parents=True, exist_ok=True)
    act, append = PLAYS[play]
    arch = machines.find(machine).arch
    with tempfile.TemporaryDirectory(prefix='halcyon-test-') as name:
        scratch = pathlib.Path(name)
        initrd = scratch / 'initrd.cpio'
        initrd.write_bytes(rootfs.root_archive(arch, build / 'user/init'))
        serial = logs / ('screen-%s-%s.log' % (machine, play))
        kernel = image_path(build, arch)
        lines = ('-serial', 'file:%s' % serial, *ADAPTERS.get(arch, ()),
                 '-monitor', 'unix:%s,server=on,wait=off' % (scratch / 'monitor'))
        if play == 'text':
            # `multiboot2` asks for the mode of the kernel's header; what is asked last counts.
            config = 'set timeout=0\n' + grub.HEAD + grub.entry('text', append).replace(
                '}', 'set gfxpayload=text\n}')
            grub.write_iso(scratch / 'text.iso', kernel, initrd, config, scratch)
            line = machines.medium_line(machine, ('-cdrom', str(scratch / 'text.iso')), lines)
        else:
            line = machines.qemu_line(machine, kernel, initrd, append, 1 if play == 'panic' else None,
                                      scratch=scratch, serial=lines)
        if play == 'panic':  # stay, to be looked at
            at = line.index('isa-debug-exit,iobase=0xf4,iosize=0x04')
            line[at - 1:at + 1] = ['-no-shutdown']
        with subprocess.Popen(line, stdin=subprocess.DEVNULL) as process:
            screen = None
            try:
                kind = TextScreen if play == 'text' else Screen
                screen = kind(scratch / 'monitor', scratch, process)
                act(screen, logs)
            except (AssertionError, TimeoutError) as error:
                print('%s; the serial console: %s' % (error, serial))
                if screen and play != 'text':
                    (logs / ('screen-%s-%s.png' % (machine, play))).write_bytes(screen.picture().png())
                return 1
            finally:
                process.terminate()
    return 0


sys.exit(main(*sys.argv[1:]))
