# SPDX-License-Identifier: MIT
"""Boots that each have one thing wrong: what the log must say of it, and how many CPUs run `nproc` then."""
import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
from halcyon import guest  # noqa: E402

TIMEOUT_S = 240


def run_cases(cases, names, logs, make_line, kind=guest.Framed):
    """Boot @names of @cases, or all; returns how many went wrong. A case ends with what the log must say and
    what `nproc` prints (None: it does not boot). @logs: the beginning of their paths.
    make_line(name, scratch) is QEMU's command for one."""
    failed = 0
    for name in names or cases:
        *_, expected, cpus = cases[name]
        with tempfile.TemporaryDirectory(prefix='halcyon-test-') as folder:
            scratch = pathlib.Path(folder)
            out = scratch / 'out'
            with open(out, 'wb') as file:
                framed = kind(make_line(name, scratch), None, file.fileno(), 2, TIMEOUT_S)
                status = framed.run()
            printed = out.read_text(encoding='utf-8').strip()
        path = pathlib.Path('%s-%s.log' % (logs, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(framed.log)
        end = (guest.FAILED, '') if cpus is None else (0, str(cpus))
        is_good = ((status, printed) == end and 'time is up' not in framed.why
                   and re.search(expected, framed.log.decode(errors='replace').replace('\r', '')))
        print('%s: %s' % (name, 'good' if is_good else 'BAD: status %d %s, %s CPUs, log %s'
                          % (status, framed.why, printed, path)), flush=True)
        failed += not is_good
    return failed
