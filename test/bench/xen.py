# SPDX-License-Identifier: Apache-2.0
"""The guests that measure, as Xen's guests: dom0less, described in the machine's device tree. xen.toml has what was measured
last."""
import collections
import pathlib
import re
import subprocess
import tempfile
import time
import tomllib

import messages
from counting import counting
from rows import ROWS
from runs import BUILD, CPU, MACHINE_MIB, QEMU, SECONDS, Failure, Output

RECORDED = pathlib.Path(__file__).with_name('xen.toml')

KERNEL = 0x49000000  # where the guests' image is put in memory
GUEST = '40000000-60000000'  # where they run, by their own addresses: xen/include/public/arch-arm.h
# Background scrubbing would be in the figures. Argo is off without argo=, and under SILO, where a Xen has it, only dom0 could send.
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
            memory = <0 0x8000>;
            cpus = <2>;
            vpl011;

            module@{kernel:x} {{
                compatible = "multiboot,kernel", "multiboot,module";
                reg = <0 {kernel:#x} 0 {size:#x}>;
            }};
        }};
'''


# One CPU: with more, Xen's spin for each other while it boots, and -icount lets each have its turn for 100 ms.
MACHINE = ['-cpu', CPU, '-smp', '1', '-m', str(MACHINE_MIB), '-nodefaults', '-display', 'none']


def write_tree(path, guests, size):
    """QEMU's own tree, and the guests, which all are of one image."""
    kind = 'virt,virtualization=on,gic-version=3,dtb-randomness=off'
    subprocess.run([QEMU, '-M', f'{kind},dumpdtb={path}', *MACHINE], check=True, capture_output=True)
    text = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', path], check=True, capture_output=True, text=True).stdout
    nodes = ''.join(NODE.format(number=number, kernel=KERNEL, size=size) for number in range(guests))
    text += TREE.format(arguments=BOOTARGS, guests=nodes)
    subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', path, '-'], input=text, check=True, text=True)


def run(image, name, guests):
    """Boots it; Xen does not end when its guests do, so QEMU is ended from here."""
    kernel = BUILD / f'test/guests/{name}-xen.bin'
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        tree, log = (pathlib.Path(folder) / file for file in ('tree.dtb', 'log'))
        write_tree(tree, guests, kernel.stat().st_size)
        command = [QEMU, '-M', 'virt,virtualization=on,gic-version=3', *MACHINE, '-serial', 'stdio', '-no-reboot',
                   '-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'clock=vm,base=2026-01-01',
                   '-kernel', image, '-dtb', tree, '-device', f'loader,file={kernel},addr={KERNEL:#x},force-raw=on',
                   '-d', 'plugin', *counting(BUILD, f'guest={GUEST}')]
        with log.open('wb') as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        end = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < end and not re.search(
                rf'{name}: (passed|failed)|Panic on CPU'.encode(), log.read_bytes()):
            time.sleep(0.2)
        process.terminate()
        process.wait()
        return Output(log.read_text(encoding='latin-1'))


def twice(image, name, guests):
    """What passes, and is the same again; None if this Xen has no Argo."""
    outputs = [run(image, name, guests) for _ in range(2)]
    for output in outputs:
        if f'{name}: failed: no ring' in output.text:
            return None
        if f'{name}: passed' not in output.text:
            raise Failure(f'{name} did not pass under Xen', output.text)
    first, second = ([line for line in output.counts() if line.startswith('count: row')] for output in outputs)
    if first != second:
        raise Failure(f'two runs of {name} under Xen do not agree', outputs[1].text)
    return outputs[0]


# version: of Xen. rows: of the bench that it has, name -> instructions. messages: of the second table; none without Argo.
Measured = collections.namedtuple('Measured', 'version rows messages')


def recorded():
    return Measured(**tomllib.loads(RECORDED.read_text()))


def record(measured):
    lines = ['# What the rows that Xen has cost there, by `test/bench/run --xen IMAGE --record`.', '',
             f'version = "{measured.version}"']
    for name, values in ('rows', measured.rows), ('messages', measured.messages):
        lines += ['', f'[{name}]', *(f'{row} = {value}' for row, value in values.items())]
    RECORDED.write_text('\n'.join(lines) + '\n')


def measure(image):
    if not image.is_file():
        raise Failure(f"no such image: {image}. An uncompressed arm64 Xen is needed, such as /boot/xen-4.17-arm64 in Debian's "
                      'package xen-hypervisor-4.17-arm64')
    output = twice(image, 'bench', 1)
    rows = {row.name: sum(output.mark(row.mark)) for row in ROWS if row.run == 'guest'}
    version = output.search(r'Xen version (\d+\.\d+\.\d+)')[1]
    output = twice(image, 'messages', 2)
    if not output:
        print('This Xen has no Argo: README.md says how to build one that has.')
    return Measured(version, rows, messages.of_run('messages-guests', output) if output else {})
