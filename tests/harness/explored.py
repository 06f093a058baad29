# SPDX-License-Identifier: MIT
"""explored.py FOLDER SCHEDULES MUTANTS: what all scenarios together came to.

Adds up the lines that the scenarios of this build left in FOLDER: at least so many schedules, no
failure, and every fault of tests/explore/mutants caught.
"""
import pathlib
import re
import sys


def main():
    folder, least, mutants = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    lines = [path.read_text(encoding='utf-8') for path in sorted(folder.iterdir())]
    numbers = [re.search(r'# (\d+) schedules, (\d+) states', line) for line in lines]
    schedules, states = (sum(int(n.group(i)) for n in numbers) for i in (1, 2))
    caught = sum(line.startswith('ok - mutant.') for line in lines)
    cuts = [re.search(r'explore\.(\S+) .*CUT SHORT \(all with (-?\d+)\)', line) for line in lines]
    cuts = [cut.groups() for cut in cuts if cut]
    print('%d scenarios, %d of them cut short: %d schedules, %d states; mutants caught %d of %d'
          % (len(lines) - caught, len(cuts), schedules, states, caught, mutants))
    for complete in sorted({complete for _, complete in cuts}):
        print('cut short, but complete with %s preemptions: %s'
              % (complete, ', '.join(name for name, bound in cuts if bound == complete)))
    return any(line.startswith('not ok') for line in lines) or schedules < least or caught != mutants


sys.exit(main())
