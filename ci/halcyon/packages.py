# SPDX-License-Identifier: MIT
"""What must be installed, and how: the machine's own packages by apt, and programs of another
architecture's Debian by an apt state of our own that leaves the machine as it is.

Every mirror's address is taken from the machine's own apt sources when it is needed."""
import contextlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile

from .common import ARCHES, Failure, cache_dir, note

TOOLS = ('cmake', 'ninja-build', 'make', 'gcc', 'libc6-dev', 'clang', 'lld', 'llvm', 'cpio')
CROSS = {'x86_64': ('gcc-x86-64-linux-gnu', 'libc6-dev-amd64-cross'),
         'aarch64': ('gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'),
         'riscv64': ('gcc-riscv64-linux-gnu', 'libc6-dev-riscv64-cross')}
# Boot loaders and firmware for media; GRUB for PCs is packaged for PCs only.
MEDIA = ('mtools', 'u-boot-qemu', 'u-boot-tools')
MEDIA_PC = ('xorriso', 'ovmf', 'grub-common', 'grub-pc-bin', 'grub-efi-amd64-bin')
QEMU = ('qemu-system-x86', 'qemu-system-arm', 'qemu-system-riscv')
QEMU_OLDEST = 9

# The commands that stand for all of them where there is no dpkg to ask.
COMMANDS = ('cmake', 'ninja', 'make', 'gcc', 'clang', 'ld.lld', 'llvm-objcopy', 'cpio',
            *(arch + '-linux-gnu-gcc' for arch in ARCHES),
            *('qemu-system-' + arch for arch in ARCHES))

DEBIAN_ARCH = {'x86_64': 'amd64', 'aarch64': 'arm64', 'riscv64': 'riscv64'}
FOREIGN_SUITE = 'trixie'  # the first Debian with all three architectures
HERD_SUITE = 'forky'  # the first with herdtools7
KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'


def media():
    """Make sure of what media need; no network when nothing is missing."""
    if shutil.which('dpkg-query') and _is_debian():
        _install(MEDIA + (MEDIA_PC if platform.machine() == 'x86_64' else ()))


def setup():
    """Make sure of every tool; no network when none is missing."""
    if not shutil.which('dpkg-query') or not _is_debian():
        _without_apt()
        return
    wanted = list(TOOLS)
    for arch, names in CROSS.items():
        if arch != platform.machine():
            wanted += names
    _install(wanted)
    if _qemu_version() < QEMU_OLDEST or not all(_installed(name) for name in QEMU):
        _install_qemu()


def _install(names):
    missing = [name for name in names if not _installed(name)]
    if missing:
        note('installing ' + ' '.join(missing))
        _apt('update')
        _apt('install', '-y', '--no-install-recommends', *missing)


def _is_debian():
    return _os_release().get('ID') == 'debian'


def _os_release():
    found = {}
    try:
        for line in pathlib.Path('/etc/os-release').read_text(encoding='utf-8').splitlines():
            key, _, value = line.partition('=')
            found[key] = value.strip('"\'')
    except OSError:
        pass
    return found


def _without_apt():
    absent = [name for name in COMMANDS if not shutil.which(name)]
    if absent:
        raise Failure('this is not Debian, so please install what gives these commands: %s '
                      '(Debian calls the packages %s; QEMU must be %d or newer)'
                      % (' '.join(absent), ' '.join((*TOOLS, *QEMU)), QEMU_OLDEST))


def _installed(name):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${db:Status-Status}', name],
                          capture_output=True, text=True, check=False)
    return 'installed' == done.stdout.strip()


def _qemu_version():
    """The oldest of the three, 0 when one is absent."""
    versions = []
    for arch in ARCHES:
        program = shutil.which('qemu-system-' + arch)
        if not program:
            return 0
        text = subprocess.run([program, '--version'], capture_output=True, text=True,
                              check=False).stdout
        found = re.search(r'version (\d+)', text)
        versions.append(int(found.group(1)) if found else 0)
    return min(versions)


def _apt(*args):
    """apt-get on the machine's own packages, as root."""
    line = ['apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300', *args]
    if os.geteuid() != 0:
        if not shutil.which('sudo'):
            raise Failure('please run as root: ' + ' '.join(line))
        line = ['sudo', 'DEBIAN_FRONTEND=noninteractive', *line]
    env = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', check=False,
                          env=env)
    if done.returncode:
        raise Failure('%s\nhalcyon: `%s` failed' % (done.stdout.rstrip(), ' '.join(line)))


def _uris():
    """What apt would fetch for an update: the only place that knows the mirror's address."""
    done = subprocess.run(['apt-get', 'update', '--print-uris'], capture_output=True, text=True,
                          check=False)
    return re.findall(r"^'([^']*)/dists/([^/']*)/InRelease'", done.stdout, re.MULTILINE)


def _mirror():
    codename = _os_release().get('VERSION_CODENAME', '')
    for address, suite in _uris():
        if suite in (codename, 'stable', 'oldstable'):
            return address
    raise Failure('apt has no Debian mirror configured: see /etc/apt/sources.list.d')


def _source(address, suite, component='main', types='deb'):
    return ('Types: %s\nURIs: %s\nSuites: %s\nComponents: %s\nSigned-By: %s\n'
            % (types, address, suite, component, KEYRING))


def _install_qemu():
    """QEMU of the distribution, or of its backports when the former is too old: then only QEMU and
    its firmware may come from there, and nothing else changes."""
    note('installing ' + ' '.join(QEMU))
    candidate = subprocess.run(['apt-cache', 'policy', 'qemu-system-x86'], capture_output=True,
                               text=True, check=False).stdout
    found = re.search(r'Candidate: (?:\d+:)?(\d+)', candidate)
    if found and int(found.group(1)) >= QEMU_OLDEST:
        _apt('install', '-y', '--no-install-recommends', *QEMU)
        return
    backports = _os_release().get('VERSION_CODENAME', '') + '-backports'
    with tempfile.TemporaryDirectory(prefix='halcyon-apt-') as name:
        state = pathlib.Path(name)
        state.chmod(0o755)
        parts = state / 'sources'
        shutil.copytree('/etc/apt/sources.list.d', parts)
        if backports not in [suite for _, suite in _uris()]:
            (parts / 'halcyon-backports.sources').write_text(_source(_mirror(), backports))
        (state / 'preferences').write_text(
            'Package: qemu-system-* seabios opensbi\nPin: release n=%s\nPin-Priority: 990\n'
            % backports)
        (state / 'lists/partial').mkdir(parents=True)
        options = ('-o', 'Dir::Etc::sourceparts=%s' % parts,
                   '-o', 'Dir::Etc::preferences=%s' % (state / 'preferences'),
                   '-o', 'Dir::State::lists=%s' % (state / 'lists'),
                   '-o', 'APT::Sandbox::User=root')
        _apt(*options, 'update')
        _apt(*options, 'install', '-y', '--no-install-recommends', *QEMU)
        subprocess.run([*([] if os.geteuid() == 0 else ['sudo']), 'chown', '-R',
                        str(os.getuid()), str(state)], check=False)


def fetch(package, arch, inside, follow=False, component='main', suite=FOREIGN_SUITE):
    """A file out of a Debian package of any architecture, kept in the cache: its path there. @inside may
    hold `*` in its folders; @follow: the package has no files, what it depends on has them."""
    kept = cache_dir() / suite / arch / package / pathlib.Path(inside).name
    if kept.exists():
        return kept
    with _downloaded(package, arch, follow, component, suite, kept) as (deb, out):
        _extract(deb, inside + '*', out)  # what a library's link points to, too
        found = next(out.glob(inside), None)
        if found is None:
            raise Failure('package %s holds no %s' % (package, inside))
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix('.partial')
        shutil.copy(found, partial)
        partial.replace(kept)
    return kept


def fetch_folder(package, arch, inside, suite):
    """The same for all files of the folder @inside."""
    kept = cache_dir() / suite / arch / package / pathlib.Path(inside).name
    if kept.exists():
        return kept
    with _downloaded(package, arch, False, 'main', suite, kept) as (deb, out):
        _extract(deb, inside + '/*', out)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix('.partial')
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(out / inside, partial)
        partial.replace(kept)
    return kept


@contextlib.contextmanager
def _downloaded(package, arch, follow, component, suite, kept):
    """A package's file and an empty folder beside it, for as long as they are needed."""
    if not can_fetch():
        raise Failure('%s for %s is fetched by apt, which is not here; please put it at %s'
                      % (package, arch, kept))
    note('fetching %s for %s' % (package, arch))
    with apt_state(arch, suite, component) as (apt, work):
        wanted = package
        if follow:
            wanted = re.search(r'Depends: (\S+)', apt('apt-cache', 'depends', package)).group(1)
        apt('apt-get', '-q', 'download', wanted)
        yield next(work.glob('*.deb')), work / 'out'


def can_fetch():
    return shutil.which('apt-get') and pathlib.Path(KEYRING).exists()


@contextlib.contextmanager
def apt_state(arch, suite, component='main', types='deb'):
    """An apt of our own for @arch, its lists up to date: a function that runs one of its commands, and the
    folder that it runs in, where `out` is empty. The machine's own apt is not touched."""
    with tempfile.TemporaryDirectory(prefix='halcyon-apt-') as name:
        work = pathlib.Path(name)
        for folder in ('sources', 'lists/partial', 'cache/archives/partial', 'out'):
            (work / folder).mkdir(parents=True)
        (work / 'sources/debian.sources').write_text(_source(_mirror(), suite, component, types))
        options = {'Dir::State': work, 'Dir::State::status': '/dev/null',
                   'Dir::State::lists': work / 'lists', 'Dir::Cache': work / 'cache',
                   'Dir::Etc::sourcelist': '/dev/null', 'Dir::Etc::sourceparts': work / 'sources',
                   'Dir::Etc::trusted': '/dev/null', 'Dir::Etc::trustedparts': '/dev/null',
                   'Dir::Etc::preferences': '/dev/null', 'Dir::Etc::preferencesparts': '/dev/null',
                   'APT::Architecture': DEBIAN_ARCH[arch], 'APT::Architectures': DEBIAN_ARCH[arch],
                   'Acquire::Languages': 'none', 'APT::Sandbox::User': ''}
        option_words = [word for key, value in options.items()
                        for word in ('-o', '%s=%s' % (key, value))]

        def apt(program, *words):
            done = subprocess.run([program, *option_words, *words], cwd=work, capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode:
                raise Failure('%s\nhalcyon: fetching from Debian %s for %s failed (no network?)'
                              % (done.stderr.rstrip(), suite, arch))
            return done.stdout

        apt('apt-get', '-q', 'update')
        yield apt, work


def _extract(deb, inside, folder):
    """One file, or those that match: a kernel's package unpacked whole takes half a gigabyte."""
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb], stdout=subprocess.PIPE) as archive:
        subprocess.run(['tar', '-x', '-C', folder, '--wildcards', './' + inside],
                       stdin=archive.stdout, check=False)


def busybox(arch):
    """The static BusyBox of Debian, unmodified."""
    return fetch('busybox-static', arch, 'usr/bin/busybox')


def font():
    """The font of the screen: Terminus, 8 by 16, with its table of Unicode (a gzipped PSF)."""
    return fetch('console-setup-linux', 'x86_64', 'usr/share/consolefonts/Uni2-Terminus16.psf.gz')


def herd():
    """The command line that runs herd7, the simulator of memory models, with the models that it came
    with: from a newer Debian, by that one's own C library."""
    if not _is_debian() or platform.machine() != 'x86_64':
        raise Failure('herd7 is fetched for Debian on x86_64 only')

    def libc(name):
        return fetch('libc6', 'x86_64', 'usr/lib/x86_64-linux-gnu/' + name, suite=HERD_SUITE)

    loader = libc('ld-linux-x86-64.so.2')
    libraries = [libc('libc.so.6'), libc('libm.so.6'),
                 fetch('libgmp10', 'x86_64', 'usr/lib/x86_64-linux-gnu/libgmp.so.10',
                       suite=HERD_SUITE)]
    program = fetch('herdtools7', 'x86_64', 'usr/bin/herd7', suite=HERD_SUITE)
    models = fetch_folder('herdtools7', 'x86_64', 'usr/share/herdtools7/herd', HERD_SUITE)
    path = ':'.join(str(library.parent) for library in libraries[1:])
    return [str(loader), '--library-path', path, str(program), '-set-libdir', str(models)]


def applets():
    """Paths of the links to BusyBox, asked from the one that runs here: all three come from one
    source and one configuration."""
    native = platform.machine()
    if native not in DEBIAN_ARCH:
        raise Failure('BusyBox does not run on this machine (%s), so its commands are unknown'
                      % native)
    done = subprocess.run([busybox(native), '--list-full'], capture_output=True, text=True,
                          check=True)
    return done.stdout.split()
