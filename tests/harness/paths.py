#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The books name what exists: paths.py PAGE …

In the pages given, `folder/file.c` must be a file of the tree, and `name()` must stand in the files
that its line names (in any source file when the line names none)."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = re.compile(r'`([\w./-]+/[\w.-]+\.(?:c|h|S|ld|md|py|sh|def|json|cmake))`')
NAME = re.compile(r'`(\w+)\(\)`')


def sources():
    for path in ROOT.rglob('*'):
        if path.suffix in ('.c', '.h', '.S', '.py', '.cmake') and 'build' not in path.relative_to(
                ROOT).parts:
            yield path


def check(page, everything):
    wrong = []
    for number, line in enumerate((ROOT / page).read_text(encoding='utf-8').splitlines(), 1):
        text = ''
        for name in FILE.findall(line):
            path = ROOT / name
            if path.is_file():
                text += path.read_text(encoding='utf-8')
            else:
                wrong.append('%s:%d: there is no %s' % (page, number, name))
        for name in NAME.findall(line):
            if not re.search(r'\b%s\b' % name, text or everything):
                wrong.append('%s:%d: there is no %s()%s' % (page, number, name,
                                                            ' in that file' if text else ''))
    return wrong


def main(pages):
    everything = '\n'.join(path.read_text(encoding='utf-8') for path in sources())
    wrong = [text for page in pages for text in check(page, everything)]
    print('\n'.join(wrong))
    return 1 if wrong else 0


sys.exit(main(sys.argv[1:]))
