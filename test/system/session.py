# SPDX-License-Identifier: Apache-2.0
"""A booted system and its terminal, for system tests: what is seen can be waited for, keys be typed."""
import os
import pathlib
import re
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PREFIX = '\x1d'  # Ctrl-], before a key of the console


class Session:
    """boot/run of a built system; KEEL_BUILD, KEEL_CACHE and KEEL_QEMU mean what they mean there."""

    def __init__(self, system, build=None, options=()):
        environment = dict(os.environ)
        if build:
            environment['KEEL_BUILD'] = str(build)
        self.output = ''
        self.position = 0  # behind what was last waited for
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [ROOT / 'boot/run', '--no-setup', *options, system], env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        pipe = self.process.stdout.fileno()
        while data := os.read(pipe, 65536):
            with self.changed:
                self.output += data.decode('latin-1')
                self.changed.notify_all()

    def type(self, text):
        self.process.stdin.write(text.encode('latin-1'))
        self.process.stdin.flush()

    def wait(self, pattern, seconds=30, anywhere=False):
        """The match of the pattern behind what was last waited for (or anywhere); None: not seen."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                match = re.compile(pattern, re.MULTILINE).search(
                    self.output, 0 if anywhere else self.position)
                if match:
                    if not anywhere:
                        self.position = match.end()
                    return match
                left = end - time.monotonic()
                if left <= 0 or not self.changed.wait(min(left, 1)) and not self.reader.is_alive():
                    return None

    def leave(self, seconds=20):
        """Leaves by the console's key; the status of boot/run, None if it did not end."""
        self.type(PREFIX + 'q')
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.reader.join(5)


class Tap:
    """Results in TAP; finish() is the exit status."""

    def __init__(self):
        self.results = []

    def check(self, what, holds):
        self.results.append(bool(holds))
        print(f'{"ok" if holds else "not ok"} {len(self.results)} - {what}', flush=True)
        return bool(holds)

    def finish(self, output=''):
        print(f'1..{len(self.results)}')
        if not all(self.results):
            for line in output.splitlines():
                print('# ' + ''.join(c if c.isprintable() else '?' for c in line.rstrip('\r')))
        return 0 if all(self.results) else 1
