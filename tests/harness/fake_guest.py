#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A guest that speaks docs/exec.md on its standard streams, for the tests of the host's half.

fake_guest.py PLAY: `cat` sends its input back; `binary` prints 1 MiB of every byte; `mixed` puts log
lines between and inside; `panic` and `hang` never tell a status; `flood` prints until stopped."""
import os
import sys
import time

CREDIT = 1024


def send(data):
    while data:
        data = data[os.write(1, data):]


def stream(letter, data):
    send(b'\x1e' + letter + data.replace(b'\x1e', b'\x1e\x1e'))


def log(text, then=b'K'):
    send(b'\x1eK[    0.000000] ' + text + b'\n\x1e' + then)


def pieces():
    """Input, unescaped, until its end; asks for more as it is taken; checks the allowance."""
    taken = asked = 0
    held = b''
    while True:
        while asked - taken < CREDIT:
            send(b'\x1eR')
            asked += CREDIT
        got = os.read(0, 700)
        if not got:
            send(b'\x1eX99\n')
            sys.exit(0)
        data, held, out, at = held + got, b'', b'', 0
        while at < len(data):
            if data[at] != 0x1e:
                out += data[at:at + 1]
                at += 1
                continue
            if at + 1 == len(data):
                held = data[at:]
                break
            if data[at + 1] == ord('E'):
                yield out
                return
            out += b'\x1e'
            at += 2
        taken += len(out)
        if taken > asked:
            send(b'\x1eX98\n')
            sys.exit(0)
        yield out


def cat():
    for data in pieces():
        stream(b'T', data)
    send(b'\x1eX0\n')


def binary():
    data = bytes(range(256)) * 4096
    for at in range(0, len(data), 4099):
        stream(b'T', data[at:at + 4099])
    send(b'\x1eX7\n')


def mixed():
    stream(b'T', b'one ')
    log(b'between', b'T')
    send(b'two\n')
    stream(b'U', b'bad\n')
    for byte in b'\x1eTthr\x1eK[    0.1] inside\n\x1eTee\n':  # marks arrive byte by byte
        send(bytes([byte]))
        time.sleep(0.001)
    send(b'\x1eX0\n')
    log(b'powering off')


def panic():
    stream(b'T', b'partial')
    send(b'\x1e\n')
    log(b'panic: the fake guest fell over')
    sys.exit(3)


def hang():
    log(b'about to hang')
    time.sleep(60)


def flood():
    while True:
        stream(b'T', b'y\n' * 1000)


def main():
    send(b'firmware 1.0\r\n')
    log(b'booting')
    globals()[sys.argv[1]]()


try:
    main()
except BrokenPipeError:
    sys.exit(1)
