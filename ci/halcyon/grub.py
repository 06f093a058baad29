# SPDX-License-Identifier: MIT
"""GRUB on a hybrid image: a CD that is also a disk, for BIOS and for UEFI."""
import pathlib
import shutil
import subprocess

from .common import Failure, quiet

KERNEL = 'boot/halcyon'
INITRD = 'boot/initrd.cpio'
# On a machine without serial port, `serial` fails and the rest goes on.
HEAD = '''serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
insmod all_video
'''


def write_iso(path, kernel, initrd, config, scratch, more=None):
    """The image at @path with GRUB's configuration @config; @more: {path: bytes} of other files."""
    tree = pathlib.Path(scratch) / 'iso'
    (tree / 'boot/grub').mkdir(parents=True)
    shutil.copyfile(kernel, tree / KERNEL)
    if initrd:
        shutil.copyfile(initrd, tree / INITRD)
    (tree / 'boot/grub/grub.cfg').write_text(config, encoding='utf-8')
    for name, data in (more or {}).items():
        (tree / name).write_bytes(data)
    for needed in ('grub-mkrescue', 'xorriso', 'mformat'):
        if not shutil.which(needed):
            raise Failure('%s is not here, and GRUB\'s image needs it' % needed)
    quiet(['grub-mkrescue', '-o', str(path), str(tree)], 'making the image')


def quoted(append):
    """The words of a kernel's command line for GRUB's script."""
    return ' '.join("'%s'" % word.replace("'", "'\\''") for word in append.split())


def entry(title, append, has_initrd=True):
    module = '\tmodule2 /%s initrd\n' % INITRD if has_initrd else ''
    return "menuentry '%s' {\n\tmultiboot2 /%s %s\n%s}\n" % (title, KERNEL, quoted(append), module)


def write_product(path, kernel, initrd, append, scratch):
    """The image for people: a menu of two."""
    config = 'set timeout=3\n' + HEAD + entry('Halcyon', append) + entry(
        'Halcyon, console on the first serial port', ('console=ttyS0 ' + append).strip())
    write_iso(path, kernel, initrd, config, scratch)


def write_unattended(path, payload, scratch):
    """The image for a test: straight into the kernel."""
    write_iso(path, payload.kernel, payload.initrd,
              'set timeout=0\n' + HEAD + entry('Halcyon', payload.append, payload.initrd),
              scratch)


def kernel_in(path, scratch):
    """The kernel's bytes as the image holds them."""
    out = pathlib.Path(scratch) / 'kernel-in-image'
    subprocess.run(['xorriso', '-osirrox', 'on', '-indev', str(path), '-extract', '/' + KERNEL,
                    str(out)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out.read_bytes()
