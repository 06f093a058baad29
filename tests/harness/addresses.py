#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""addresses.py SCRATCH: no source above or below the hardware layer knows where a board has its devices:
that is the device tree's to say. The trees are those of the Raspberry Pi 4 and of QEMU's boards."""
import pathlib
import re
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'ci'))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import device_tree  # noqa: E402
from halcyon import machines, raspi  # noqa: E402

FOLDERS = ('arch/aarch64', 'arch/riscv64', 'hal/drivers', 'hal/platform', 'kernel', 'mm', 'dev')
OF_A_PC = re.compile('pc|ioapic|lapic')  # where these are is the architecture's, if ACPI does not tell
PAGE = 4096
LITERAL = re.compile(r'\b0x([0-9a-fA-F]{6,16})[uUlL]*\b')


def tree_of(name, scratch):
    machine, dump = machines.find(name), scratch / 'dump.dtb'
    if machine.board == 'raspi4b':
        return raspi.device_tree().read_bytes()
    subprocess.run(['qemu-system-' + machine.arch, '-M', '%s,dumpdtb=%s' % (machine.board, dump), '-cpu', machine.cpu,
                    '-display', 'none', '-nic', 'none'], check=True, capture_output=True)
    return dump.read_bytes()


def pages(node, found):
    """The pages in which `reg` of devices below @node begin; the Raspberry Pi's bus is seen at 0xfe000000."""
    if node.properties.get('device_type') not in (b'memory\0', b'cpu\0'):
        reg = node.properties.get('reg', b'')
        for cell in struct.unpack('>%dI' % (len(reg) // 4), reg[:len(reg) // 4 * 4]):
            if cell >> 24 == 0x7e:
                found.add((cell | 0x80000000) // PAGE)
            if cell & 0xfffff:  # not a size, nor a round number that may be anything
                found.add(cell // PAGE)
    for child in node.children.values():
        pages(child, found)
    return found


def main(folder):
    scratch, wanted = pathlib.Path(folder), set()
    scratch.mkdir(parents=True, exist_ok=True)
    for name in ('aarch64', 'riscv64', 'riscv64-aia', 'raspi4b'):
        pages(device_tree.parse(tree_of(name, scratch)), wanted)
    wanted = {page for page in wanted if page >= 16 << 20 >> 12}
    wrong, seen = 0, 0
    for path in sorted(path for name in FOLDERS for path in (ROOT / name).rglob('*.[chS]')):
        if 'tests' in path.parts or OF_A_PC.match(path.name) or 'pc' in path.parts:
            continue
        text = re.sub(r'/\*.*?\*/|//[^\n]*', '', path.read_text(encoding='utf-8'), flags=re.DOTALL)
        for literal in LITERAL.findall(text):
            seen += 1
            if int(literal, 16) // PAGE in wanted:
                print('%s: 0x%s is the address of a device' % (path.relative_to(ROOT), literal))
                wrong += 1
    print('%d numbers, %d pages of devices' % (seen, len(wanted)))
    return 1 if wrong or len(wanted) < 50 or not seen else 0


sys.exit(main(sys.argv[1]))
