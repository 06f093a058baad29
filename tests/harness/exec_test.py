#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The host's half of --exec against a fake guest: what is broken if one of these fails is the
streams, the status or the ending of `./halcyon run --exec`."""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / 'ci'))
from halcyon import framing, guest, run  # noqa: E402


def play(name, data=None, timeout=60):
    """Run one play: (status, stdout, stderr, the Framed object)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, \
            tempfile.TemporaryFile() as source:
        source.write(data or b'')
        source.seek(0)
        framed = guest.Framed([sys.executable, str(HERE / 'fake_guest.py'), name],
                              None if data is None else source.fileno(), out.fileno(),
                              err.fileno(), timeout)
        status = framed.run()
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read(), framed


class Streams(unittest.TestCase):
    def test_every_byte_of_a_mebibyte_survives(self):
        status, out, err, _ = play('binary')
        self.assertEqual((status, err), (7, b''))
        self.assertTrue(out == bytes(range(256)) * 4096)

    def test_input_comes_back_whole_within_the_allowance(self):
        data = random.Random(1).randbytes(300000) + b'\x1e' * 5000
        status, out, _, _ = play('cat', data)
        self.assertEqual(status, 0)
        self.assertTrue(out == data)

    def test_empty_and_closed_input_end_at_once(self):
        self.assertEqual(play('cat', b'')[:2], (0, b''))
        self.assertEqual(play('cat', None)[:2], (0, b''))

    def test_log_lines_never_reach_the_streams(self):
        status, out, err, framed = play('mixed')
        self.assertEqual((status, out, err), (0, b'one two\nthree\n', b'bad\n'))
        for line in (b'firmware', b'between', b'inside', b'powering off'):
            self.assertIn(line, framed.log)


class Endings(unittest.TestCase):
    def test_panic_is_125_with_the_log(self):
        status, out, _, framed = play('panic')
        self.assertEqual(status, 125)
        self.assertTrue(out.startswith(b'partial'))
        self.assertIn(b'fell over', framed.log)

    def test_time_out_is_125_with_the_log(self):
        status, _, _, framed = play('hang', timeout=1)
        self.assertEqual((status, framed.why), (125, 'the time is up'))
        self.assertIn(b'about to hang', framed.log)

    def test_time_without_a_processor_does_not_count(self):
        """The process under watch tells of 1 s more that it waited at each look, for 5 looks."""
        limit, told = guest.Limit(0), iter((1, 2, 3, 4, 5))
        limit.watch(os.getpid())
        kept, guest.starved_s = guest.starved_s, lambda pid: next(told, 5)
        try:
            for _ in range(5):
                self.assertGreater(limit.left(), 0.5)
                limit.end -= 1
            self.assertLessEqual(limit.left(), 0)
            limit.renew(0.5)  # what was waited before this does not count again
            limit.end -= 1
            self.assertLessEqual(limit.left(), 0)
        finally:
            guest.starved_s = kept

    @unittest.skipUnless(os.path.exists('/proc/self/schedstat'), 'this kernel does not tell')
    def test_waiting_for_a_processor_is_seen(self):
        """More processes than processors that do nothing else: some of each one's time is waited."""
        code = 'import time; e = time.time() + 1\nwhile time.time() < e: pass\ninput()'
        busy = [subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE)
                for _ in range(2 * os.cpu_count() + 1)]
        time.sleep(1.5)
        waited = [guest.starved_s(process.pid) for process in busy]
        for process in busy:
            process.communicate(b'\n')
        self.assertGreater(sum(waited), 0.5)
        self.assertEqual(guest.starved_s(busy[0].pid), 0)  # it has ended

    def test_a_reader_that_goes_away_stops_the_guest(self):
        reader, writer = os.pipe()
        framed = guest.Framed([sys.executable, str(HERE / 'fake_guest.py'), 'flood'], None, writer,
                              writer, 60)
        closer = threading.Thread(target=lambda: (os.read(reader, 1), os.close(reader)))
        closer.start()
        self.assertEqual(framed.run(), 141)
        closer.join()
        os.close(writer)


class Decoding(unittest.TestCase):
    def test_any_split_gives_the_same(self):
        data = b'fw\x1eKl1\n\x1eTa\x1e\x1eb\x1eKl2\n\x1eTc\x1eUd\x1eR\x1eX12\nend\n'

        def gather(chunks):
            decoder, out = framing.Decoder(), {}
            for chunk in chunks:
                for kind, value in decoder.feed(chunk):
                    out.setdefault(kind, []).append(value)
            joined = {kind: b''.join(out[kind]) for kind in ('log', 'out', 'err')}
            return joined, out['exit'], len(out['ready'])

        whole = gather([data])
        self.assertEqual(whole, ({'log': b'fwl1\nl2\nend\n', 'out': b'a\x1ebc', 'err': b'd'}, [12], 1))
        for cut in range(1, len(data)):
            self.assertEqual(gather([data[:cut], data[cut:]]), whole)
        self.assertEqual(gather([bytes([byte]) for byte in data]), whole)

    def test_framing_word_stands_before_the_words_of_init(self):
        self.assertEqual(run.framed_append('a=1 -- null'), 'a=1 console.framed=1 -- null')
        self.assertEqual(run.framed_append(''), 'console.framed=1')


unittest.main()
