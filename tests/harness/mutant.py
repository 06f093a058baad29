# SPDX-License-Identifier: MIT
"""mutant.py BUILD FILE: a classic fault, put into the kernel's own code, must be caught.

A file in tests/explore/mutants says what the fault is, in which source file, which scenario finds it,
and what to replace by what. The file is compiled anew with the fault, the laboratory linked with it,
and the scenario explored: passes if a schedule fails, and fails again when it is replayed.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def fail(text):
    print('not ok - ' + text)
    sys.exit(1)


def parse(path):
    text = path.read_text(encoding='utf-8')
    edits = re.findall(r'^-----\n(.*?)^=====\n(.*?)(?=^-----\n)', text, re.S | re.M)
    fields = dict(re.findall(r'^(file|scenario): (\S+)$', text, re.M))
    if not edits or len(fields) != 2:
        fail('%s: file, scenario and an edit between ----- and ===== expected' % path.name)
    return fields['file'], fields['scenario'], edits


def mutate(name, source, edits):
    code = (ROOT / source).read_text(encoding='utf-8')
    for old, new in edits:
        if code.count(old) != 1:
            fail('%s: %s has the place of the fault %d times, not once: make it anew'
                 % (name, source, code.count(old)))
        code = code.replace(old, new)
    return '#line 1 "%s with the fault %s"\n%s' % (source, name, code)


def run(command, build):
    done = subprocess.run(command, cwd=build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors='replace', check=False)
    if done.returncode:
        print(done.stdout)
        fail('%s ended with %d' % (command[0], done.returncode))
    return done.stdout


def compile_fault(build, out, source, code):
    """The object file of the faulty source, and the one that it stands for."""
    commands = json.loads((build / 'compile_commands.json').read_text(encoding='utf-8'))
    path = str(ROOT / source)
    command = next(c for c in commands if c['file'] == path)
    words = shlex.split(command['command'])
    good = words[words.index('-o') + 1]
    faulty, changed = str(out) + '.o', str(out) + '.c'
    pathlib.Path(changed).write_text(code, encoding='utf-8')
    words[words.index('-o') + 1] = faulty
    words[len(words) - 1 - words[::-1].index(path)] = changed
    # What the file includes from beside itself is where it always was.
    run(words + ['-iquote', str(pathlib.Path(path).parent)], build)
    return faulty, good


def link(build, out, faulty, good):
    steps = run(['ninja', '-t', 'commands', '-s', 'halcyon-host'], build).splitlines()
    words = shlex.split(steps[-1].replace('&&', ' ').strip(': '))
    if good not in words:
        fail('the link of halcyon-host does not name ' + good)
    words = [faulty if word == good else word for word in words if word != ':']
    words[words.index('-o') + 1] = str(out)
    run(words, build)


def main():
    build, path = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    source, scenario, edits = parse(path)
    folder = build / 'mutants'
    folder.mkdir(exist_ok=True)
    out = folder / path.stem
    code = mutate(path.stem, source, edits)
    link(build, out, *compile_fault(build, out, source, code))
    done = subprocess.run([out, 'explore', scenario, '--runs', '300000'], cwd=build,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False)
    print(done.stdout)
    # A failure that does not come again says so.
    found = re.search(r'^not ok - explore\.%s # (.*)$' % scenario, done.stdout, re.M)
    if not found or 'DID NOT COME AGAIN' in done.stdout or '# replay: ' not in done.stdout:
        fail('explore.%s does not catch %s' % (scenario, path.stem))
    result = 'ok - mutant.%s # %s, mutant caught\n' % (path.stem, found.group(1))
    results = build / 'explored'
    results.mkdir(exist_ok=True)
    (results / ('mutant.' + path.stem)).write_text(result, encoding='utf-8')
    print(result)


main()
