# SPDX-License-Identifier: MIT
"""explore_reduced.py HOST SCENARIO BOUND: leaving schedules out leaves no outcome out.

Explores SCENARIO with all schedules and with those that the search thinks are enough. Both must end in the
same ways (what the CPU that ended a run had done, and had learnt of the others), and the second with fewer
schedules.
"""
import re
import subprocess
import sys


def explore(host, scenario, bound, *options):
    command = [host, 'explore', scenario, '--bound', bound, '--runs', '3000000', '--endings', *options]
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False).stdout
    print(text)
    found = re.search(r'^ok - explore\.\S+ # (\d+) schedules, \d+ states, \d+ preemptions$', text, re.M)
    endings = re.search(r'^# (\d+ endings, sum \w+)$', text, re.M)
    if not found or not endings:
        sys.exit('%s was not explored to its end' % scenario)
    return int(found.group(1)), endings.group(1)


def main():
    whole, expected = explore(*sys.argv[1:4], '--whole')
    reduced, endings = explore(*sys.argv[1:4])
    print('%d schedules of %d; %s' % (reduced, whole, endings))
    return endings != expected or reduced >= whole


sys.exit(main())
