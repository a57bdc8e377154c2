# SPDX-License-Identifier: Apache-2.0
"""The guest that measures, as Xen's guest: dom0less, described in the machine's device tree."""
import pathlib
import re
import subprocess
import tempfile
import time

from counting import counting
from rows import ROWS
from runs import BUILD, CPU, MACHINE_MIB, QEMU, SECONDS, Failure, Output

KERNEL = 0x49000000  # where the guest's image is put in memory
GUEST = '40000000-60000000'  # where it runs, by its own addresses: xen/include/public/arch-arm.h
# Background scrubbing would be in the figures.
BOOTARGS = 'console=dtuart dtuart=/pl011@9000000 bootscrub=0'
TREE = '''
/ {{
    chosen {{
        #address-cells = <2>;
        #size-cells = <2>;
        xen,xen-bootargs = "{arguments}";

        bench {{
            compatible = "xen,domain";
            #address-cells = <2>;
            #size-cells = <2>;
            memory = <0 0x8000>;
            cpus = <2>;
            vpl011;

            module@{kernel:x} {{
                compatible = "multiboot,kernel", "multiboot,module";
                reg = <0 {kernel:#x} 0 {size:#x}>;
            }};
        }};
    }};
}};
'''


# One CPU: with more, Xen's spin for each other while it boots, and -icount lets each have its turn for 100 ms.
MACHINE = ['-cpu', CPU, '-smp', '1', '-m', str(MACHINE_MIB), '-nodefaults', '-display', 'none']


def write_tree(path, size):
    """QEMU's own tree, and the guest."""
    kind = 'virt,virtualization=on,gic-version=3,dtb-randomness=off'
    subprocess.run([QEMU, '-M', f'{kind},dumpdtb={path}', *MACHINE], check=True, capture_output=True)
    text = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', path], check=True, capture_output=True, text=True).stdout
    text += TREE.format(arguments=BOOTARGS, kernel=KERNEL, size=size)
    subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', path, '-'], input=text, check=True, text=True)


def run(image):
    """Boots it; Xen does not end when its guest does, so QEMU is ended from here."""
    kernel = BUILD / 'test/guests/bench-xen.bin'
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        tree, log = (pathlib.Path(folder) / name for name in ('tree.dtb', 'log'))
        write_tree(tree, kernel.stat().st_size)
        command = [QEMU, '-M', 'virt,virtualization=on,gic-version=3', *MACHINE, '-serial', 'stdio', '-no-reboot',
                   '-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'clock=vm,base=2026-01-01',
                   '-kernel', image, '-dtb', tree, '-device', f'loader,file={kernel},addr={KERNEL:#x},force-raw=on',
                   '-d', 'plugin', *counting(BUILD, f'guest={GUEST}')]
        with log.open('wb') as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        end = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < end and not re.search(
                rb'bench: (passed|failed)|Panic on CPU', log.read_bytes()):
            time.sleep(0.2)
        process.terminate()
        process.wait()
        output = Output(log.read_text(encoding='latin-1'))
    if 'bench: passed' not in output.text:
        raise Failure('the guest did not pass under Xen', output.text)
    return output


def measure(image):
    """The rows that Xen has: name -> instructions."""
    if not image.is_file():
        raise Failure(f"no such image: {image}. An uncompressed arm64 Xen is needed, such as /boot/xen-4.17-arm64 in Debian's "
                      'package xen-hypervisor-4.17-arm64')
    output = run(image)
    return {row.name: sum(output.mark(row.mark)) for row in ROWS if row.run == 'guest'}
