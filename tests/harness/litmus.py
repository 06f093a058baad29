# SPDX-License-Identifier: MIT
"""litmus.py FILE: what a litmus test says must not happen cannot, by the architecture's memory model,
and could if an instruction were weaker, as the test says (`weaker: A -> B`): so it can fail.

Run by herd7. 77 (left out) where that cannot be had."""
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'ci'))
from halcyon import common, packages  # noqa: E402


def can_happen(herd, text):
    with tempfile.NamedTemporaryFile('w', suffix='.litmus') as file:
        file.write(text)
        file.flush()
        done = subprocess.run(herd + [file.name], capture_output=True, text=True, check=False)
    found = re.search(r'^Observation \S+ (Never|Sometimes|Always) (\d+) (\d+)', done.stdout, re.M)
    if not found or done.stderr.strip():
        sys.exit('herd7 says:\n' + done.stdout + done.stderr)
    print(found.group(0))
    return found.group(1) != 'Never'


def main():
    try:
        herd = packages.herd()
    except common.Failure as failure:
        print('left out: %s' % failure)
        return 77
    text = pathlib.Path(sys.argv[1]).read_text(encoding='utf-8')
    note, old, new = re.search(r'(\(\* weaker: (.*) -> (.*) \*\))', text).groups()
    code = text.replace(note, '')
    if old not in code:
        sys.exit('nothing to make weaker: ' + old)
    if can_happen(herd, code):
        sys.exit('it can happen')
    if not can_happen(herd, code.replace(old, new)):
        sys.exit('it cannot happen with the weaker instruction either: this test shows nothing')
    return 0


sys.exit(main())
