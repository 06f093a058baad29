# SPDX-License-Identifier: MIT
"""Boot media for U-Boot: a disk with a script (boot.scr), with an extlinux menu, or with a FIT."""
import pathlib
import subprocess

from . import fat
from .common import Failure, quiet

DISK = 'uboot.img'
FOLDER = pathlib.Path('/usr/lib/u-boot')  # of Debian's u-boot-qemu
FIRMWARE = {'aarch64': ('-bios', str(FOLDER / 'qemu_arm64/u-boot.bin')),
            'riscv64': ('-kernel', str(FOLDER / 'qemu-riscv64_smode/u-boot.bin'))}
MKIMAGE_ARCH = {'aarch64': 'arm64', 'riscv64': 'riscv'}
FIT_AT = {'aarch64': 0x46000000}  # where the script loads the FIT
FIT_KERNEL_AT = {'aarch64': 0x42000000}

# U-Boot knows these addresses: kernel_addr_r and ramdisk_addr_r; the device tree stays where it is.
SCRIPT = '''setenv bootargs '{append}'
load ${{devtype}} ${{devnum}}:${{distro_bootpart}} ${{kernel_addr_r}} {kernel}
load ${{devtype}} ${{devnum}}:${{distro_bootpart}} ${{ramdisk_addr_r}} {initrd}
booti ${{kernel_addr_r}} ${{ramdisk_addr_r}}:${{filesize}} ${{fdt_addr}}
'''
FIT_SCRIPT = '''setenv bootargs '{append}'
load ${{devtype}} ${{devnum}}:${{distro_bootpart}} {at:#x} halcyon.itb
bootm {at:#x}#halcyon {at:#x}#halcyon ${{fdt_addr}}
'''
EXTLINUX = '''TIMEOUT 1
DEFAULT halcyon
LABEL halcyon
KERNEL /Image
INITRD /initrd.cpio
APPEND {append}
'''
FIT = '''/dts-v1/;
/ {{
	description = "Halcyon";
	#address-cells = <1>;
	images {{
		kernel {{
			data = /incbin/("{kernel}");
			type = "kernel";
			arch = "{arch}";
			os = "linux";
			compression = "none";
			load = <{at:#x}>;
			entry = <{at:#x}>;
			hash {{ algo = "sha256"; }};
		}};
		initrd {{
			data = /incbin/("{initrd}");
			type = "ramdisk";
			arch = "{arch}";
			os = "linux";
			compression = "none";
			hash {{ algo = "sha256"; }};
		}};
	}};
	configurations {{
		default = "halcyon";
		halcyon {{ kernel = "kernel"; ramdisk = "initrd"; }};
	}};
}};
'''


def script_image(arch, text, scratch):
    """The bytes of boot.scr for the commands @text."""
    source, target = scratch / 'boot.cmd', scratch / 'boot.scr'
    source.write_text(text, encoding='utf-8')
    quiet(['mkimage', '-A', MKIMAGE_ARCH[arch], '-O', 'linux', '-T', 'script', '-C', 'none', '-d',
           str(source), str(target)], 'making boot.scr')
    return target.read_bytes()


def boot_script(arch, append, scratch, kernel='Image', initrd='initrd.cpio'):
    if "'" in append or '$' in append:
        raise Failure('the command line goes through a script of U-Boot and cannot hold \' or $', 2)
    return script_image(arch, SCRIPT.format(append=append, kernel=kernel, initrd=initrd), scratch)


def script_files(arch, payload, scratch):
    return {'boot.scr': boot_script(arch, payload.append, scratch), 'Image': payload.kernel,
            'initrd.cpio': payload.initrd}


def extlinux_files(_arch, payload, _scratch):
    return {'extlinux/extlinux.conf': EXTLINUX.format(append=payload.append).encode(),
            'Image': payload.kernel, 'initrd.cpio': payload.initrd}


def fit_files(arch, payload, scratch):
    source, target = scratch / 'halcyon.its', scratch / 'halcyon.itb'
    source.write_text(FIT.format(kernel=payload.kernel, initrd=payload.initrd, at=FIT_KERNEL_AT[arch],
                                 arch=MKIMAGE_ARCH[arch]), encoding='utf-8')
    quiet(['mkimage', '-f', str(source), str(target)], 'making the FIT')
    script = FIT_SCRIPT.format(append=payload.append, at=FIT_AT[arch])
    return {'boot.scr': script_image(arch, script, scratch), 'halcyon.itb': target}


def _needs(payload, scratch):
    if not payload.initrd or scratch is None:
        raise Failure('U-Boot\'s machines boot from a disk and need an initial file system', 2)


def line_for(files):
    """The chain's line() for a disk that @files makes."""
    def line(machine, payload, scratch):
        _needs(payload, scratch)
        firmware = FIRMWARE[machine.arch]
        if not pathlib.Path(firmware[1]).exists():
            raise Failure('%s is not here: Debian\'s package u-boot-qemu has it' % firmware[1])
        fat.write_disk(scratch / DISK, files(machine.arch, payload, scratch))
        return [*firmware, '-drive', 'if=none,id=boot,format=raw,file=%s' % (scratch / DISK),
                '-device', 'virtio-blk-device,drive=boot']
    return line


def disk_kernel(_path, scratch):
    return fat.read_file(scratch / DISK, 'Image')


def fit_kernel(_path, scratch):
    fit, kernel = scratch / 'from-disk.itb', scratch / 'from-fit'
    fit.write_bytes(fat.read_file(scratch / DISK, 'halcyon.itb'))
    subprocess.run(['dumpimage', '-T', 'flat_dt', '-p', '0', '-o', str(kernel), str(fit)], check=True,
                   stdout=subprocess.DEVNULL)
    return kernel.read_bytes()
