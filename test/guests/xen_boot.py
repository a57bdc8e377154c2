# SPDX-License-Identifier: Apache-2.0
"""Boots a Xen whose guests are programs of this tree: dom0less, described in the machine's device tree."""
import collections
import os
import pathlib
import re
import subprocess
import tempfile
import time

QEMU = os.environ.get('KEEL_QEMU', 'qemu-system-aarch64')
KERNELS = 0x50000000  # where the guests' images are put in memory, behind Xen's and the device tree
KERNEL_ROOM = 0x1000000
MACHINE_MIB = 2048
# Background scrubbing would be in figures. Argo is off without argo=, and under SILO, where a Xen has it, only dom0 could send.
BOOTARGS = 'console=dtuart dtuart=/pl011@9000000 bootscrub=0 xsm=dummy argo=1,mac-permissive=1'
TREE = '''
/ {{
    chosen {{
        #address-cells = <2>;
        #size-cells = <2>;
        xen,xen-bootargs = "{arguments}";
{guests}
    }};
}};
'''
NODE = '''
        guest{number} {{
            compatible = "xen,domain";
            #address-cells = <2>;
            #size-cells = <2>;
            memory = <0 {kib:#x}>;
            cpus = <2>;
            vpl011;

            module@{kernel:x} {{
                compatible = "multiboot,kernel", "multiboot,module";
                reg = <0 {kernel:#x} 0 {size:#x}>;
            }};
        }};
'''

WANTED = ("An uncompressed arm64 Xen is needed, such as /boot/xen-4.17-arm64 in Debian's package xen-hypervisor-4.17-arm64, or, "
          'with Argo, one that is built as test/bench/README.md says')

# Ids of domains are 1, 2, ... in their order.
Guest = collections.namedtuple('Guest', 'kernel mib')

# One CPU: with more, Xen's spin for each other while it boots, and -icount lets each have its turn for 100 ms.
MACHINE = ['-cpu', 'cortex-a57', '-smp', '1', '-m', str(MACHINE_MIB), '-nodefaults', '-display', 'none']


def write_tree(path, guests, addresses):
    """QEMU's own tree, and the guests."""
    kind = 'virt,virtualization=on,gic-version=3,dtb-randomness=off'
    subprocess.run([QEMU, '-M', f'{kind},dumpdtb={path}', *MACHINE], check=True, capture_output=True)
    text = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', path], check=True, capture_output=True, text=True).stdout
    nodes = ''.join(NODE.format(number=number, kib=guest.mib * 1024, kernel=addresses[guest.kernel],
                                size=guest.kernel.stat().st_size) for number, guest in enumerate(guests, 1))
    text += TREE.format(arguments=BOOTARGS, guests=nodes)
    subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', path, '-'], input=text, check=True, text=True)


def run(image, guests, until, seconds, *options):
    """Boots it until that is seen, and returns what was printed: Xen does not end when its guests do. options: of QEMU."""
    addresses = {kernel: KERNELS + i * KERNEL_ROOM for i, kernel in enumerate(dict.fromkeys(guest.kernel for guest in guests))}
    loaders = [part for kernel, address in addresses.items()
               for part in ('-device', f'loader,file={kernel},addr={address:#x},force-raw=on')]
    with tempfile.TemporaryDirectory(prefix='keel-xen-') as folder:
        tree, log = (pathlib.Path(folder) / file for file in ('tree.dtb', 'log'))
        write_tree(tree, guests, addresses)
        command = [QEMU, '-M', 'virt,virtualization=on,gic-version=3', *MACHINE, '-serial', 'stdio', '-no-reboot',
                   '-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'clock=vm,base=2026-01-01',
                   '-kernel', image, '-dtb', tree, *loaders, *options]
        with log.open('wb') as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end and not re.search(
                rf'{until}|Panic on CPU'.encode(), log.read_bytes()):
            time.sleep(0.2)
        process.terminate()
        process.wait()
        return log.read_text(encoding='latin-1')
