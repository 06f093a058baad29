# SPDX-License-Identifier: MIT
"""What every verb needs: places, messages, running a command, building a preset."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'
ARCHES = ('x86_64', 'aarch64', 'riscv64')
SHOWN = 300  # of a line of a failed command


class Failure(Exception):
    """Ends the verb with one line on standard error."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def note(text):
    print('halcyon: ' + text, file=sys.stderr, flush=True)


def cache_dir():
    """Where fetched files stay between clones; inside the build folder when there is no home."""
    chosen = os.environ.get('HALCYON_CACHE')
    if not chosen:
        base = os.environ.get('XDG_CACHE_HOME') or os.path.join(os.path.expanduser('~'), '.cache')
        chosen = os.path.join(base, 'halcyon')
    path = pathlib.Path(chosen)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    path = BUILD / 'cache'
    path.mkdir(parents=True, exist_ok=True)
    return path


def quiet(command, what, **more):
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False, **more)
    if done.returncode:
        for line in done.stdout.splitlines():  # a link's command alone fills screens
            sys.stderr.write(line if len(line) <= SHOWN else line[:SHOWN] + ' …')
            sys.stderr.write('\n')
        raise Failure('%s failed' % what)
    return done.stdout


def build(preset):
    """Configure a preset once and build what changed."""
    if not (BUILD / preset / 'build.ninja').exists():
        quiet(['cmake', '--preset', preset], 'configuring ' + preset, cwd=ROOT)
    quiet(['cmake', '--build', '--preset', preset, '--', '--quiet'], 'building ' + preset, cwd=ROOT)


def image_path(preset_dir, arch):
    """The image that a preset's folder holds."""
    return pathlib.Path(preset_dir) / ('halcyon' if arch == 'x86_64' else 'Image')
