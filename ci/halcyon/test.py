# SPDX-License-Identifier: MIT
"""./halcyon test: every preset built, every test run through ctest, one sum."""
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

from . import setup
from .common import BUILD, ROOT, Failure, build


class Sum:
    """Passed and failed so far, and the names of what failed."""

    def __init__(self):
        self.passed = 0
        self.failed = []

    def count(self, name, is_good):
        if is_good:
            self.passed += 1
        else:
            self.failed.append(name)


def test_verb(args):
    setup.setup_verb(args)
    presets = json.loads((ROOT / 'CMakePresets.json').read_text(encoding='utf-8'))
    names = [preset['name'] for preset in presets['buildPresets']]
    tested = {preset['name'] for preset in presets['testPresets']}
    for name in args.preset or ():
        if name not in names:
            raise Failure('no preset called %s; there are: %s' % (name, ', '.join(names)), 2)
    if args.long:
        os.environ['HALCYON_LONG'] = '1'
    total = Sum()
    # The host first: what is wrong in the cores shows there soonest and plainest.
    for name in sorted(args.preset or names, key=lambda name: not name.startswith('host')):
        one_preset(name, name in tested, args.regex, total)
    for name in total.failed:
        print('failed: ' + name)
    print('%d passed, %d failed' % (total.passed, len(total.failed)))
    return 1 if total.failed else 0


def one_preset(name, is_tested, regex, total):
    began = time.monotonic()
    try:
        build(name)
        is_built = True
    except Failure as failure:
        print('%s: %s' % (name, failure))
        is_built = False
    if not regex or not is_built:
        total.count('build.' + name, is_built)
    spent = 'built in %.0f s' % (time.monotonic() - began)
    if is_built and is_tested:
        spent += ', ' + run_ctest(name, regex, total)
    print('%-16s %s' % (name, spent), flush=True)


def run_ctest(name, regex, total):
    began = time.monotonic()
    results = BUILD / name / 'results.xml'
    results.unlink(missing_ok=True)
    line = ['ctest', '--preset', name, '--output-junit', str(results), '--parallel',
            str(os.cpu_count() or 1)]
    # An emulator on a busy machine can be too slow for once. A test that passes only when it is run
    # again counts as passed, and is named.
    line += ['--repeat', 'until-pass:2']
    if regex:
        line += ['-R', regex]
    done = subprocess.run(line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
    passed, failed = read_results(results)
    for test in passed:
        total.count(test, True)
    for line in counts_of_suites(results):
        print(line)
    for test in failed:
        total.count('%s: %s' % (name, test), False)
    for test in re.findall(r'Test +#\d+: (\S+) \.*\*\*\*(?:Failed|Timeout|Exception)', done.stdout):
        if test in passed:
            print('%s: %s passed only when it was run again' % (name, test))
    if failed or done.returncode:
        sys.stdout.write(done.stdout)
        if not failed:
            total.count('%s: ctest itself' % name, False)
    return '%d passed, %d failed in %.0f s' % (len(passed), len(failed), time.monotonic() - began)


def read_results(path):
    passed, failed = [], []
    if path.exists():
        for case in xml.etree.ElementTree.parse(path).getroot().iter('testcase'):
            status = case.get('status')
            if status == 'run':
                passed.append(case.get('name'))
            elif status != 'disabled' and 'SKIP_RETURN_CODE' not in skip_reason(case):
                failed.append(case.get('name'))
    return passed, failed


def counts_of_suites(path):
    """What tests that run other people's suites say of them, a line that begins with @ (tests/programs/run.py)."""
    if not path.exists():
        return []
    texts = (case.findtext('system-out', '') for case in xml.etree.ElementTree.parse(path).getroot().iter('testcase'))
    return [line for text in texts for line in re.findall('^@ (.*)$', text, re.MULTILINE)]


def skip_reason(case):
    """Why a test did not run: the long sizes leave by their skip status."""
    skipped = case.find('skipped')
    return '' if skipped is None else skipped.get('message', '')
