# SPDX-License-Identifier: MIT
"""mutant.py BUILD FILE: a classic fault, put into the kernel's own code, must be caught.

A file of a folder `mutants` says what the fault is, in which source file, which scenario (or
simulation) finds it, and what to replace by what. The file (or, of a header, all files of its folder)
is compiled anew with the fault, the laboratory linked with it, and the scenario explored: passes if a
schedule fails, and fails again when it is replayed; or if a figure of the simulation is out of bounds.
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
    fields = dict(re.findall(r'^(file|scenario|simulation): (\S+)$', text, re.M))
    if not edits or len(fields) != 2:
        fail('%s: file, scenario and an edit between ----- and ===== expected' % path.name)
    return fields, edits


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


def compile_one(build, folder, command, changed):
    """An object file as `command` makes it, but of `changed`; what includes with quotes find first is
    in `folder`, then where it always was."""
    words = shlex.split(command['command'])
    good = words[words.index('-o') + 1]
    faulty = str(folder / good.replace('/', '_'))
    words[words.index('-o') + 1] = faulty
    words[len(words) - 1 - words[::-1].index(command['file'])] = str(changed)
    run(words + ['-iquote', str(folder), '-iquote', str(pathlib.Path(command['file']).parent)], build)
    return good, faulty


def compile_fault(build, folder, source, code):
    """Which object files stand for which."""
    commands = json.loads((build / 'compile_commands.json').read_text(encoding='utf-8'))
    path = ROOT / source
    changed = folder / path.name
    changed.write_text(code, encoding='utf-8')
    if path.suffix == '.c':
        command = next(c for c in commands if c['file'] == str(path))
        return dict([compile_one(build, folder, command, changed)])
    objects = {}
    for command in commands:
        user = pathlib.Path(command['file'])
        if user.parent == path.parent and user.suffix == '.c':
            # A copy: beside the file itself its own headers would come first.
            copy = folder / user.name
            copy.write_text(user.read_text(encoding='utf-8'), encoding='utf-8')
            objects.update([compile_one(build, folder, command, copy)])
    return objects


def link(build, out, objects):
    steps = run(['ninja', '-t', 'commands', '-s', 'halcyon-host'], build).splitlines()
    words = shlex.split(steps[-1].replace('&&', ' ').strip(': '))
    missing = set(objects) - set(words)
    if missing:
        fail('the link of halcyon-host does not name ' + ' '.join(missing))
    words = [objects.get(word, word) for word in words if word != ':']
    words[words.index('-o') + 1] = str(out)
    run(words, build)


def halcyon_host(out, words):
    done = subprocess.run([out] + words, cwd=out.parent, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
    print(done.stdout)
    return done.stdout


def explore(build, out, name, scenario):
    text = halcyon_host(out, ['explore', scenario, '--runs', '300000'])
    # A failure that does not come again says so.
    found = re.search(r'^not ok - explore\.%s # (.*)$' % scenario, text, re.M)
    if not found or 'DID NOT COME AGAIN' in text or '# replay: ' not in text:
        fail('explore.%s does not catch %s' % (scenario, name))
    result = 'ok - mutant.%s # %s, mutant caught\n' % (name, found.group(1))
    results = build / 'explored'
    results.mkdir(exist_ok=True)
    (results / ('mutant.' + name)).write_text(result, encoding='utf-8')
    print(result)


def simulate(path, out, simulation):
    text = halcyon_host(out, ['simulate', str(path.parents[1] / (simulation + '.sim'))])
    found = re.search(r'^not ok - (.*)$', text, re.M)
    if not found:
        fail('%s does not catch %s' % (simulation, path.stem))
    print('ok - mutant.%s # %s, mutant caught' % (path.stem, found.group(1)))


def main():
    build, path = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    fields, edits = parse(path)
    folder = build / 'mutants' / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / 'halcyon-host'
    code = mutate(path.stem, fields['file'], edits)
    link(build, out, compile_fault(build, folder, fields['file'], code))
    if 'simulation' in fields:
        simulate(path, out, fields['simulation'])
    else:
        explore(build, out, path.stem, fields['scenario'])


main()
