# SPDX-License-Identifier: MIT
"""One run of QEMU: with the console on the terminal, framed for --exec, or just recorded."""
import glob
import os
import selectors
import signal
import subprocess
import sys
import time

from . import framing
from .common import Failure

FAILED = 125  # panic, time-out, or a guest that ended without telling a status
LINGER_S = 10  # how long a guest may take to power off after its command ended

# The console as QEMU's standard streams. On a terminal, Ctrl-C goes to the guest and Ctrl-A x ends.
TERMINAL = ('-chardev', 'stdio,id=con,mux=on,signal=off', '-serial', 'chardev:con',
            '-mon', 'chardev=con,mode=readline')
PIPES = ('-chardev', 'stdio,id=con,signal=off', '-serial', 'chardev:con', '-monitor', 'none')


def starved_s(pid):
    """For how long that thread of process @pid which waited most for a processor has done so, in seconds
    (Linux, sched-stats.rst); 0 where that is not told."""
    waited = 0
    for path in glob.glob('/proc/%d/task/*/schedstat' % pid):
        try:
            with open(path, encoding='ascii') as file:
                waited = max(waited, int(file.read().split()[1]))
        except (OSError, IndexError):  # it has ended; or a kernel without them
            pass
    return waited / 1e9


class Limit:
    """A guest has @seconds. Once watch() told its process, they do not count while that waits for a processor:
    a busy machine takes longer, and nothing else is wrong."""

    def __init__(self, seconds):
        self.pid = None
        self.end = time.monotonic() + seconds
        self.excused = 0

    def watch(self, pid):
        self.pid = pid

    def renew(self, seconds):
        self.end = time.monotonic() + seconds
        self.excused = starved_s(self.pid) if self.pid else 0

    def shorten(self, seconds):
        if time.monotonic() + seconds < self.end:
            self.renew(seconds)

    def left(self):
        """Seconds; none are left for good when it is not more than 0."""
        if self.pid and time.monotonic() >= self.end:
            starved = starved_s(self.pid)
            self.end += starved - self.excused
            self.excused = starved
        return self.end - time.monotonic()


def interactive(line, timeout=None):
    """QEMU owns the terminal until it ends. Returns 0, or FAILED for a panic or a time-out."""
    saved = _terminal_state()
    stdin = None if _is_open(0) else subprocess.DEVNULL
    with _spawn(line, stdin=stdin) as process:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return 0 if process.wait(timeout) == 0 else FAILED
        except subprocess.TimeoutExpired:
            print('\nhalcyon: stopped after %g s' % timeout, file=sys.stderr)
            return FAILED
        finally:
            _stop(process)
            signal.signal(signal.SIGINT, before)
            _restore(saved)


def record(line, timeout, until=None):
    """Boot without input and keep the console. @until: end as soon as these bytes appeared.
    Returns (QEMU's status or None when time ran out, the console's bytes)."""
    console = bytearray()
    limit = Limit(timeout)
    with _spawn(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT) as process:
        limit.watch(process.pid)
        try:
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                while True:
                    left = limit.left()
                    if left <= 0:
                        return None, bytes(console)
                    if not ready.select(left):
                        continue
                    data = os.read(process.stdout.fileno(), 65536)
                    if not data:
                        return process.wait(), bytes(console)
                    console += data
                    if until and until in console:
                        return 0, bytes(console)
        finally:
            _stop(process)


class Framed:
    """A run with --exec: the guest's streams on ours, its log kept, its status ours."""

    def __init__(self, line, stdin=0, stdout=1, stderr=2, timeout=None,
                 shown=None, is_patient=True):
        """@stdin may be None: an input that is at its end. @shown: lines of the log with these bytes go
        to standard error at once. @is_patient: see Limit."""
        self.shown = shown
        self.line = line
        self.sinks = {framing.OUT: stdout, framing.ERR: stderr}
        self.stdin = stdin if stdin is not None and _is_open(stdin) else None
        self.limit = Limit(float('inf') if timeout is None else timeout)
        self.is_patient = is_patient
        self.decoder = framing.Decoder()
        self.log = bytearray()
        self.status = None
        self.why = ''
        self.credit = 0
        self.is_ready = False
        self.at_end = self.stdin is None
        self.told_end = False
        self.pending = b''  # escaped input that QEMU's pipe has not taken yet

    def run(self):
        """Returns the command's status, or FAILED; then .why says what happened."""
        with _spawn(self.line, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE) as process:
            if self.is_patient:
                self.limit.watch(process.pid)
            try:
                self._loop(process)
            except BrokenPipeError:
                self.status, self.why = 128 + signal.SIGPIPE, 'nobody reads the output'
            finally:
                _stop(process)
        if self.status is None:
            self.why = self.why or 'the guest ended without a status (QEMU: %d)' % process.returncode
            self.status = FAILED
        return self.status

    def _loop(self, process):
        os.set_blocking(process.stdin.fileno(), False)
        with selectors.PollSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ, self._console)
            ready.register(process.stderr, selectors.EVENT_READ, self._complaint)
            while ready.get_map().get(process.stdout.fileno()):
                self._watch(ready, process)
                left = self.limit.left()
                if left <= 0:
                    if self.status is None:
                        self.why = 'the time is up'
                    return
                wait = None if left == float('inf') else left
                for key, _ in ready.select(wait):
                    key.data(ready, key.fileobj)

    def _watch(self, ready, process):
        """Register for input and output exactly while there is something to do with them."""
        self._top_up()
        want_input = self.credit > 0 and not self.at_end and self.status is None
        watched = ready.get_map()
        if self.stdin is not None:
            if want_input and self.stdin not in watched:
                ready.register(self.stdin, selectors.EVENT_READ, self._input)
            elif not want_input and self.stdin in watched:
                ready.unregister(self.stdin)
        if self.pending and process.stdin not in watched:
            ready.register(process.stdin, selectors.EVENT_WRITE, self._send)
        elif not self.pending and process.stdin in watched:
            ready.unregister(process.stdin)

    def _top_up(self):
        if self.at_end and self.is_ready and not self.told_end:
            self.pending += framing.END_OF_INPUT
            self.told_end = True

    def _input(self, _ready, fileobj):
        data = os.read(fileobj, self.credit)
        if not data:
            self.at_end = True
            return
        self.credit -= len(data)
        self.pending += framing.escape(data)

    def _send(self, _ready, fileobj):
        try:
            sent = os.write(fileobj.fileno(), self.pending)
        except BlockingIOError:
            return
        except BrokenPipeError:  # QEMU is ending: its output tells the rest
            sent = len(self.pending)
        self.pending = self.pending[sent:]

    def _console(self, ready, fileobj):
        data = os.read(fileobj.fileno(), 65536)
        if not data:
            ready.unregister(fileobj)
            return
        for kind, value in self.decoder.feed(data):
            if kind == 'ready':
                self.credit += framing.CREDIT
                self.is_ready = True
            elif kind == 'exit':
                self.status = value & 0xff
                self.limit.shorten(LINGER_S)
            elif kind == framing.LOG:
                self._keep_log(value)
            else:
                _write_all(self.sinks[kind], value)

    def _keep_log(self, text):
        begin = self.log.rfind(b'\n') + 1  # of the line that @text goes on with
        self.log += text
        end = self.log.rfind(b'\n') + 1
        if self.shown is not None and end > begin:
            lines = bytes(self.log[begin:end]).splitlines(keepends=True)
            _write_all(self.sinks[framing.ERR],
                       b''.join(line for line in lines if self.shown in line))

    def _complaint(self, ready, fileobj):
        data = os.read(fileobj.fileno(), 65536)
        if not data:
            ready.unregister(fileobj)
        self.log += data


def _spawn(line, **streams):
    try:
        return subprocess.Popen(line, **streams)
    except OSError as error:
        raise Failure('%s: %s' % (line[0], error.strerror)) from error


def _stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data):]


def _is_open(fd):
    try:
        os.fstat(fd)
        return True
    except OSError:
        return False


def _terminal_state():
    try:
        import termios
        return termios.tcgetattr(0)
    except (ImportError, OSError, termios.error):
        return None


def _restore(saved):
    if saved is not None:
        import termios
        termios.tcsetattr(0, termios.TCSANOW, saved)
