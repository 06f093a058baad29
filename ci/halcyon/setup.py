# SPDX-License-Identifier: MIT
"""./halcyon setup: everything that building, running and testing need, now."""
from . import packages, programs
from .common import ARCHES


def setup_verb(_args):
    packages.setup()
    packages.media()
    for arch in ARCHES:
        packages.busybox(arch)
    packages.font()
    packages.applets()
    programs.setup()
    return 0
