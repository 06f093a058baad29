# SPDX-License-Identifier: MIT
"""Debian's programs for the tests named programs.*: for each architecture a folder `usr`, unpacked from
packages as they are, that a guest mounts on /usr; and the sources that hold test suites.

They are fetched once and kept. Without a network the tests skip."""
import os
import pathlib
import platform
import shutil
import subprocess
import tarfile

from . import packages
from .common import ARCHES, Failure, cache_dir, note

LIBRARIES = (
    'libc6', 'libtinfo6', 'libgcc-s1', 'libstdc++6', 'zlib1g', 'libselinux1', 'libpcre2-8-0', 'libacl1',
    'libattr1', 'libgmp10', 'libssl3t64', 'liblzma5', 'libzstd1', 'liblz4-1', 'libbz2-1.0', 'libffi8',
    'libexpat1', 'libsqlite3-0', 'libreadline8t64', 'libncursesw6', 'libuuid1', 'libmd0', 'libxxhash0',
    'libsigsegv2', 'libmpfr6', 'libcrypt1', 'libproc2-0', 'libsystemd0', 'libcap2', 'libcap-ng0', 'libmount1',
    'libblkid1', 'libsmartcols1',
    # of stress-ng:
    'libapparmor1', 'libbsd0', 'libjudydebian1', 'libsctp1', 'libkmod2', 'libjpeg62-turbo', 'libegl1',
    'libgles2', 'libglvnd0', 'libgbm1', 'libdrm2', 'libwayland-server0', 'libxcb-randr0', 'libxcb1', 'libxau6',
    'libxdmcp6')
PROGRAMS = (
    'dash', 'bash', 'mksh', 'coreutils', 'grep', 'sed', 'gawk', 'diffutils', 'findutils', 'procps',
    'util-linux', 'bsdutils', 'libc-bin', 'perl-base', 'lua5.4', 'sqlite3', 'make', 'zstd', 'xz-utils', 'gzip', 'bzip2', 'tar',
    'stress-ng', 'python3.13', 'python3.13-minimal', 'libpython3.13-minimal', 'libpython3.13-stdlib',
    'libpython3.13-testsuite', 'media-types', 'tzdata', 'busybox-static', 'libc6-dev', 'linux-libc-dev',
    'musl', 'musl-dev', 'perl-modules-5.40', 'ed')
MORE = {'x86_64': ('libipsec-mb2', 'tcc'), 'aarch64': ('tcc',), 'riscv64': ()}
UNUSED = ('share/doc', 'share/man', 'share/locale', 'share/info', 'share/lintian')
SOURCES = ('bash', 'busybox')
UPSTREAM = ('mksh',)  # sources without what Debian adds to them
VERSION = 2  # of the lists above: what was fetched by another is fetched anew


def setup():
    """Fetch what is missing; where that cannot be, say which tests will be skipped."""
    try:
        for arch in ARCHES:
            fetch(arch)
        fetch_sources()
    except Failure as failure:
        note('%s\nhalcyon: the tests named programs.* will be skipped' % failure)


def root(arch):
    """Where the folder `usr` of @arch is, or will be."""
    return cache_dir() / packages.FOREIGN_SUITE / arch / ('programs-%d' % VERSION)


def sources():
    """Where the folders of sources are, or will be, each named as its package."""
    return cache_dir() / packages.FOREIGN_SUITE / ('sources-%d' % VERSION)


def fetch(arch):
    if root(arch).exists():
        return
    names = (*LIBRARIES, *PROGRAMS, *MORE[arch])
    note('fetching %d packages with programs to test with for %s' % (len(names), arch))
    with _state(arch) as (apt, work):
        apt('apt-get', '-q', 'download', *names)
        for package in sorted(work.glob('*.deb')):
            subprocess.run(['dpkg-deb', '-x', package, work / 'out'], check=True)
        usr = work / 'out/usr'
        for folder in UNUSED:
            shutil.rmtree(usr / folder, ignore_errors=True)
        (usr / 'bin/python3').symlink_to('python3.13')
        (usr / 'bin/awk').unlink(missing_ok=True)
        (usr / 'bin/awk').symlink_to('gawk')
        _compile_modules(usr, usr if arch == 'x86_64' else root('x86_64'))
        _keep(usr, root(arch))


def _compile_modules(usr, runner):
    """What Debian does when Python is installed, or a guest compiles each module at its first use. By Python of
    @runner, the `usr` of this machine's architecture; the result is the same for all."""
    if platform.machine() != 'x86_64' or not runner.exists():
        return
    libraries = runner / 'lib/x86_64-linux-gnu'
    subprocess.run([runner / 'lib64/ld-linux-x86-64.so.2', '--library-path', libraries, runner / 'bin/python3.13', '-S', '-m',
                    'compileall', '-q', '-x', 'test/test_|tokenizedata|idlelib', '-s', usr, '-p', '/usr',
                    usr / 'lib/python3.13'], env=dict(os.environ, PYTHONHOME=str(runner)), check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fetch_sources():
    if sources().exists():
        return
    note('fetching the sources of ' + ', '.join(SOURCES + UPSTREAM))
    with _state('x86_64', 'deb-src') as (apt, work):
        apt('apt-get', '-q', '--download-only', 'source', *SOURCES)
        apt('apt-get', '-q', '--download-only', '--tar-only', 'source', *UPSTREAM)
        for name in SOURCES + UPSTREAM:
            folder = work / 'unpacked' / name
            with tarfile.open(next(work.glob(name + '_*.orig.tar.*[!c]'))) as members:
                members.extractall(folder)
            next(folder.iterdir()).rename(work / 'out' / name)
            for debian in work.glob(name + '_*.debian.tar.*[!c]'):
                with tarfile.open(debian) as members:
                    members.extractall(work / 'out' / name)
        _keep(work / 'out', sources())


def _state(arch, types='deb'):
    if not packages.can_fetch():
        raise Failure('programs are fetched by apt, which is not here')
    return packages.apt_state(arch, packages.FOREIGN_SUITE, types=types)


def _keep(found, kept):
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(str(kept) + '.partial')
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(found, partial, symlinks=True)
    partial.replace(kept)
