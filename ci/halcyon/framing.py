# SPDX-License-Identifier: MIT
"""The host's half of docs/exec.md: several streams over the one console."""

MARK = 0x1e
LOG, OUT, ERR = 'log', 'out', 'err'
_STREAMS = {ord('K'): LOG, ord('T'): OUT, ord('U'): ERR}
_STATUS_LENGTH = 12


class Decoder:
    """Takes the console's bytes in pieces of any size, gives events back:
    (LOG | OUT | ERR, bytes), ('ready', None), ('exit', status)."""

    def __init__(self):
        self.stream = LOG
        self.held = b''

    def feed(self, data):
        data = self.held + data
        self.held = b''
        events = []
        at = 0
        while at < len(data):
            mark = data.find(MARK, at)
            end = len(data) if mark < 0 else mark
            if end > at:
                self._text(data[at:end], events)
            if mark < 0:
                break
            at = self._marked(data, mark, events)
            if at is None:
                self.held = data[mark:]
                break
        return events

    def _marked(self, data, mark, events):
        """One marked item at @mark: the position after it, or None while it is incomplete."""
        if mark + 1 >= len(data):
            return None
        code = data[mark + 1]
        if code == MARK:
            self._text(b'\x1e', events)
        elif code in _STREAMS:
            self.stream = _STREAMS[code]
        elif code == ord('R'):
            events.append(('ready', None))
        elif code == ord('X'):
            return self._status(data, mark, events)
        else:  # a mark that a panic cut off: nothing is lost by showing it
            self._text(data[mark:mark + 2], events)
        return mark + 2

    def _status(self, data, mark, events):
        end = data.find(b'\n', mark)
        if end < 0 and len(data) - mark < _STATUS_LENGTH:
            return None
        digits = data[mark + 2:end].strip() if end >= 0 else b''
        if not digits.isdigit():
            self._text(data[mark:mark + 2], events)
            return mark + 2
        events.append(('exit', int(digits)))
        self.stream = LOG
        return end + 1

    def _text(self, data, events):
        events.append((self.stream, data))


def escape(data):
    """Bytes for the guest's standard input."""
    return data.replace(b'\x1e', b'\x1e\x1e')


END_OF_INPUT = b'\x1eE'
CREDIT = 1024  # bytes, before doubling, that each `ready` allows
