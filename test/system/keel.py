# SPDX-License-Identifier: Apache-2.0
"""A booted system behind a terminal, for system tests: what is seen can be waited for, keys be typed.

    with Session(SYSTEM, cpus=2) as session:
        session.expect('guest# ')
        session.type('poweroff\\r')
        session.end()

KEEL_BUILD, KEEL_CACHE and KEEL_QEMU mean what they mean to boot/run, which does the booting. Time-outs are
wall-clock and generous: they end a test that hangs, they do not measure.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYSTEMS = ROOT / 'boot/systems'
PREFIX = '\x1d'  # Ctrl-], before a key of the console
PROMPT = r'guest# '
SECONDS = 240    # for anything: only what hangs takes so long
GATHER = 0.02    # seconds between two looks at what was said


def service(name, image, more=''):
    return f'{name} {{ compatible = "keel,service"; image = "{image}"; {more} }};'


def guest(name, kernel=None, more='', memory='2M'):
    return (f'{name} {{ compatible = "keel,guest"; kernel = "{kernel or name + ".bin"}"; '
            f'memory = "{memory}"; {more} }};')


def console(more=''):
    return service('console', 'console', 'devices = "/pl011@9000000"; ' + more)


def system(*nodes, platform='qemu-virt'):
    """The text of a system with a console, unless there is one among its nodes, and these nodes."""
    if not any(node.startswith('console ') for node in nodes):
        nodes = (console(), *nodes)
    return '\n'.join(['/dts-v1/;', f'/ {{ compatible = "keel,system"; platform = "{platform}";', *nodes, '};', ''])


def expected(name):
    """What test/guests/NAME says, and what is typed ("> ...")."""
    return (ROOT / f'test/guests/{name}.expected').read_text().splitlines()


class Failure(Exception):
    """What was waited for did not come."""


class Session:
    """boot/run of a system, with this process at its terminal.

    system: a .dts file, or the text of one. find: folders with files that it names, before the build's. options: more
    of boot/run's.
    """

    def __init__(self, system, cpus=2, memory=2048, icount=False, qemu=(), find=(), options=()):
        self.output = ''
        self.position = 0  # behind what was last waited for
        self.serial = 0  # of commands
        self.status = None  # of boot/run, once it has ended
        self.work = pathlib.Path(tempfile.mkdtemp(prefix='keel-test-'))
        if '\n' in str(system):
            (self.work / 'system.dts').write_text(system)
            system = self.work / 'system.dts'
        for folder in find:
            for file in pathlib.Path(folder).iterdir():
                (self.work / file.name).symlink_to(file)
        command = [ROOT / 'boot/run', '--no-setup', '--cpus', str(cpus), '--memory', str(memory)]
        command += ['--icount'] * icount + [*options, system, '--', *qemu]
        self.terminal, end = pty.openpty()
        mode = termios.tcgetattr(end)
        mode[1] &= ~termios.ONLCR  # QEMU switches OPOST on
        mode[3] &= ~termios.ECHO  # what is typed before QEMU takes the terminal is not seen twice
        termios.tcsetattr(end, termios.TCSANOW, mode)
        self.process = subprocess.Popen(command, stdin=end, stdout=end, stderr=end,
                                        start_new_session=True)
        os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    def _read(self, seconds):
        """Takes what the terminal shows; False: nothing came. Ends the session when it is closed."""
        if not select.select([self.terminal], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # nobody has it open any more
            data = b''
        if not data:
            self.status = self.process.wait()
            return False
        self.output += data.decode('latin-1')
        return True

    def _gather(self, seconds):
        """The same, and what comes right behind it: QEMU writes bytes, and to look for a pattern takes longer."""
        if self._read(seconds):
            end = time.monotonic() + GATHER
            while self.status is None and time.monotonic() < end:
                self._read(end - time.monotonic())

    def type(self, text):
        """Types, and reads meanwhile: neither side waits for the other."""
        data = text.encode('latin-1')
        while data and self.status is None:
            readable, writable, _ = select.select([self.terminal], [self.terminal], [], SECONDS)
            if readable:
                self._read(0)
            elif writable:
                data = data[os.write(self.terminal, data[:64]):]

    def wait(self, pattern, seconds=SECONDS, anywhere=False):
        """The match of the pattern behind what was last waited for (or anywhere); None: not seen."""
        end = time.monotonic() + seconds
        expression = re.compile(pattern, re.MULTILINE)
        start = 0 if anywhere else self.position
        while True:
            match = expression.search(self.output, start)
            if match:
                self.position = self.position if anywhere else match.end()
                return match
            if self.status is not None or time.monotonic() > end:
                return None
            self._gather(min(end - time.monotonic(), 5))

    def expect(self, pattern, seconds=SECONDS, anywhere=False):
        match = self.wait(pattern, seconds, anywhere)
        if not match:
            how = 'before the end' if self.status is not None else f'in {seconds} s'
            raise Failure(f'not seen {how}: {pattern}')
        return match

    def said(self, name):
        """Lines that a domain said, in focus or not; a bare-metal guest begins them with its program's name."""
        lines = [line.strip('\r') for line in self.output.split('\n')[:-1]]
        return [line.removeprefix(f'[{name}] ') for line in lines
                if line.startswith((f'[{name}] ', f'{name}: '))]

    def says(self, name, lines, seconds=SECONDS):
        """Whether a guest says these lines, and no others; the last of them is waited for."""
        self.wait(rf'^(\[{name}\] )?{re.escape(lines[-1])}\r?$', seconds, anywhere=True)
        return self.said(name) == lines

    def guest_says(self, name, texts, seconds=SECONDS):
        """The same where a test's devices service prints for the guest, on its own console."""
        self.wait(rf'{name}: {re.escape(texts[-1])}\r?$', seconds, anywhere=True)
        return [line.removeprefix(f'{name}: ') for line in self.said(f'{name}.devices')
                if line.startswith(f'{name}: ')] == texts

    def key(self, key, pattern):
        """A key of the console, and what it answers."""
        self.type(PREFIX + key)
        return self.expect(pattern)

    def focus(self, name):
        """Gives a domain's console the keyboard."""
        self.type(PREFIX + 'l')
        number = int(self.expect(rf'^\[console\] +(\d+)\*? +{name} ')[1])
        if number > 9:  # behind those that have a key
            self.key('9', r'focus: 9 ')
        for _ in range(9, number - 1):
            self.key('n', r'focus: \d+ ')
        self.key('n' if number > 9 else str(number), rf'focus: \d+ {name}')

    def answers(self, line, *answers):
        """Whether a line typed on the console that has the focus is answered so."""
        self.type(line + '\r')
        return all(self.wait(rf'^{answer}\r?$', 20) for answer in answers)

    def shell(self, command, seconds=SECONDS):
        """A command at the prompt of the focused Linux; what it prints."""
        self.serial += 1
        # The mark as typed is not the mark as printed.
        self.type(f'echo b"egin-{self.serial}"; {command}; echo e"nd-{self.serial}"\r')
        match = self.expect(rf'(?s)^begin-{self.serial}\r\n(.*?)end-{self.serial}\r\n', seconds)
        return re.sub(r'^\[[\w.-]+\] .*\n', '', match[1].replace('\r', ''), flags=re.MULTILINE)

    def wait_quiet(self, seconds=1):
        """Until nothing has been shown for so long."""
        while self._read(seconds):
            pass

    def wait_end(self, seconds=60):
        """The status of boot/run, which says how the system ended; None: it goes on."""
        end = time.monotonic() + seconds
        while self.status is None and time.monotonic() < end:
            self._read(end - time.monotonic())
        return self.status

    def end(self, seconds=60):
        """The system has to switch itself off now."""
        status = self.wait_end(seconds)
        if status != 0:
            raise Failure('the system goes on' if status is None else f'boot/run: status {status}')

    def leave(self, seconds=60):
        """Leaves by the console's key; the status of boot/run, None if it goes on."""
        self.type(PREFIX + 'q')
        return self.wait_end(seconds)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)  # the group is this session's own
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        while self.status is None:
            self._read(5)
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
            shutil.rmtree(self.work)


def terminated(number, frame):
    sys.exit(f'ended by signal {number}')


class Tap:
    """Results in TAP. Used as a context, it turns a Failure into a result, and ends the program."""

    def __init__(self):
        self.results = []
        self.sessions = []

    def check(self, what, holds):
        self.results.append(bool(holds))
        print(f'{"ok" if holds else "not ok"} {len(self.results)} - {what}', flush=True)
        return bool(holds)

    def known(self, what, holds, why):
        """A result that is known to be bad: as such it does not count, and a good one is a failure, until this is a check."""
        self.results.append(True)
        print(f'{"ok" if holds else "not ok"} {len(self.results)} - {what} # TODO {why}', flush=True)

    def session(self, *args, **options):
        """A Session whose output is shown if anything fails."""
        self.sessions.append(Session(*args, **options))
        return self.sessions[-1]

    def __enter__(self):
        signal.signal(signal.SIGTERM, terminated)  # a time-out: the sessions are closed all the same
        return self

    def __exit__(self, kind, value, traceback):
        for session in self.sessions:
            session.close()
        if kind is None or kind is Failure:
            if kind:
                self.check(str(value), False)
            sys.exit(self.finish(''.join(session.output for session in self.sessions)))
        self.finish(''.join(session.output for session in self.sessions))

    def finish(self, output=''):
        print(f'1..{len(self.results)}')
        if not all(self.results):
            for line in output.splitlines():
                print('# ' + ''.join(c if c.isprintable() else '?' for c in line.rstrip('\r')))
        return 0 if all(self.results) else 1


def report(text):
    """A line that test/run shows."""
    print(f'# report: {text}', flush=True)
