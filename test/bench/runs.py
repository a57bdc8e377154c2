# SPDX-License-Identifier: Apache-2.0
"""The systems that are booted to measure, and what a boot of one says."""
import base64
import collections
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / 'boot')]
from counting import counting  # noqa: E402
from newc import Archive  # noqa: E402
from rows import MARKS  # noqa: E402
from symbols import insn_read  # noqa: E402

BUILD = pathlib.Path(os.environ.get('KEEL_BUILD', ROOT / 'build'))
GUEST = pathlib.Path(os.environ.get('KEEL_GUEST', ROOT / 'cache/guest'))
QEMU = os.environ.get('KEEL_QEMU', 'qemu-system-aarch64')
CPU = 'cortex-a57'
SECONDS = 900  # only what hangs takes so long

# policy: instead of the system's, or None. guest: the program, for names of its functions.
Run = collections.namedtuple('Run', 'system cpus policy guest', defaults=(1, None, 'bench'))
RUNS = {
    'guest': Run('guest.dts'),
    'guest-2': Run('guest.dts', 2),
    'guest-credit2': Run('guest.dts', policy='credit2'),
    'service': Run('service.dts'),
    'service-credit2': Run('service.dts', policy='credit2'),
    'turns': Run('turns.dts', guest='turns'),
    'linux': Run('linux.dts'),
    'messages-services': Run('messages-services.dts', guest='messages'),
    'messages-guests': Run('messages-guests.dts', guest='messages'),
    'messages-mixed': Run('messages-mixed.dts', guest='messages'),
}
POLICY = 'scheduler-equal'  # that of these systems
MACHINE_MIB, LINUX_MIB = 2048, 512
INITRAMFS = 'busybox-arm64.cpio'

# Before its first prompt the shell marks that it is there, and says how its machine is described, so that a bare
# machine can be described to it in the same way.
PROFILE = '''\
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root PS1='guest# '
cd
bench-shell
echo device tree:
base64 /sys/firmware/fdt
poweroff -f
'''


class Failure(Exception):
    """What was run did not do what it must. output: what it printed."""

    def __init__(self, why, output=''):
        super().__init__(why)
        self.output = output


class Output:
    """What a run printed."""

    def __init__(self, text):
        self.text = text.replace('\r', '')

    def search(self, pattern):
        match = re.search(pattern, self.text, re.MULTILINE)
        if not match:
            raise Failure(f'not seen: {pattern}', self.text)
        return match

    def counts(self):
        """What is the same in every run: how often a row is and its median, and the longest stretch. Not the sums, as other CPUs go
        on while QEMU ends; nor means and extremes: of some 500 runs on a busy machine one had an occurrence that was longer."""
        lines = [line.partition(' least ')[0] for line in self.text.splitlines() if line.startswith('count: ')]
        return [line for line in lines if not line.startswith('count: kernel ')]

    def mark(self, mark):
        """Instructions of a row: kernel, services, the rest."""
        match = self.search(rf'^count: row {MARKS.index(mark)}: times \d+ kernel (\d+) services (\d+) rest (\d+)')
        return [int(n) for n in match.groups()]

    def modules(self):
        """Bytes of all that the builder hashed."""
        return sum(int(n) for n in re.findall(r'^builder: sha256 [0-9a-f]{64} +(\d+) ', self.text, re.MULTILINE))


def execute(command, seconds=SECONDS):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds, text=True, encoding='latin-1')
    except subprocess.TimeoutExpired as error:
        raise Failure(f'not done in {seconds} s', (error.stdout or b'').decode('latin-1')) from None
    if done.returncode:
        raise Failure(f'{command[0]}: status {done.returncode}', done.stdout)
    return Output(done.stdout)


def write_initramfs(path):
    """That of boot/run's guest, and over it what marks."""
    archive = Archive()
    archive.file('bin/bench-shell', (BUILD / 'test/bench/bench-shell').read_bytes(), executable=True)
    archive.file('etc/profile', PROFILE.encode())
    path.write_bytes((BUILD / 'linux' / INITRAMFS).read_bytes() + archive.finish())


def run(name, *options):
    """Boots a system as boot/run boots any; options: of the plugin."""
    system, cpus, policy, _ = RUNS[name]
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        path = pathlib.Path(folder) / system
        text = (HERE / system).read_text()
        path.write_text(text.replace(POLICY, f'scheduler-{policy}') if policy else text)
        if name == 'linux':
            write_initramfs(path.with_name(INITRAMFS))  # found before boot/run's
        return boot(path, cpus, *options)


def boot(path, cpus, *options):
    """The same for any system."""
    return execute([ROOT / 'boot/run', '--no-setup', '--icount', '--cpus', str(cpus), '--memory', str(MACHINE_MIB),
                    path, '--', '-cpu', CPU, *counting(BUILD, *options)])


def device_tree(output, path):
    """Writes the device tree that Linux had, seeds again included: without one, Linux works for its randomness."""
    text = output.search(r'^device tree:\n((?:[A-Za-z0-9+/=]{4,}\n)+)')[1]
    path.write_bytes(base64.b64decode(''.join(text.split())))
    subprocess.run(['fdtput', '-t', 'bx', path, '/chosen', 'rng-seed', *(f'{i:x}' for i in range(56))], check=True)


def run_bare(linux):
    """Boots the same Linux on a bare machine with the devices that it had in that run."""
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        folder = pathlib.Path(folder)
        device_tree(linux, folder / 'tree.dtb')
        write_initramfs(folder / INITRAMFS)
        arguments = subprocess.run(['fdtget', folder / 'tree.dtb', '/chosen', 'bootargs'], check=True,
                                   capture_output=True, text=True).stdout.strip()
        return execute([QEMU, '-M', 'virt,gic-version=3,dtb-randomness=off', '-cpu', CPU, '-smp', '1',
                        '-m', str(LINUX_MIB), '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot',
                        '-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'clock=vm,base=2026-01-01',
                        '-kernel', GUEST / 'linux-arm64', '-initrd', folder / INITRAMFS, '-append', arguments,
                        '-dtb', folder / 'tree.dtb', '-d', 'plugin', *counting(BUILD)])


def paths(name):
    """The instructions of the cheapest occurrence of each mark of a run, in their order."""
    marks, current = {}, None
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        run(name, f'paths={folder}/paths')
        for line in (pathlib.Path(folder) / 'paths').read_text().splitlines():
            if line.startswith('row '):
                current = marks.setdefault(MARKS[int(line.split()[1])], [])
            else:
                current.append(insn_read(line))
    return marks


def profiles(name, *options):
    """What a run printed; and how often each instruction of kernel and services was executed, from reset to the end
    of each mark that begins there."""
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        output = run(name, f'profile={folder}/profile', *options)
        return output, {MARKS[int(path.suffix[1:])]: [insn_read(line) for line in path.read_text().splitlines()]
                        for path in pathlib.Path(folder).iterdir()}
