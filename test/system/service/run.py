#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots services.dts: what a service stands on. TAP on standard output.

    run.py CPUS
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from keel import Tap  # noqa: E402

FLOOD = 5000 * 100

# Instances that have to end, and how the supervisor says it.  ESR_EL2 0x92, or 0x93 with ISV: a data abort.
ENDS = {
    'overflow': r'faulted: .*ESR 0x9[23][0-9a-f]+, ',  # data abort: below the stack nothing is mapped
    'smash': r'faulted: .*, address 0x0, ',
    'null': r'faulted: .*, address 0x0, ',
    'write-code': r'faulted: .*ESR 0x9[23][0-9a-f]+4f, ',
    'execute-data': r'faulted: pc (0x[0-9a-f]+), ESR 0x82[0-9a-f]+, address \1, ',
    'abort': r'exited with status 134',
    'exit': r'exited with status 7',
}
SAID = [
    'example: example: hello from domain \\d+', 'messages: another port is denied: yes',
    'messages: so is another source: yes', 'messages: an answer is waited for: yes',
    'messages: what it does not know, it says: yes', 'messages: and what is too long: yes', 'messages: 100 echoes',
    'memory: malloc keeps what it holds: yes', 'memory: too much is refused: yes',
    'memory: a page is mapped: yes', 'memory: nothing becomes executable: yes',
    'memory: read-only is accepted: yes', 'memory: and undone: yes', 'memory: done',
    'clocks: it sleeps for its time: yes', 'clocks: there is no entropy: yes',
    'clocks: there are no files: yes', 'clocks: done',
]


def flood_is_accounted_for(output):
    """What was shown and what was said to be dropped make up what was written."""
    dropped = sum(int(n) for n in re.findall(r'flood dropped (\d+) bytes', output))
    seen = sum(line.count('.') for line in output.splitlines() if line.startswith('[flood] '))
    left = FLOOD - dropped
    return 0 < seen and 0.98 * left <= seen + left // 100 <= left + 100


def main():
    with Tap() as tap:
        session = tap.session(HERE / 'services.dts', cpus=int(sys.argv[1]))
        tap.check('the focus is where the configuration says', session.wait(r'focus: \d+ input'))
        for said in SAID:
            name, text = said.split(': ', 1)
            tap.check(said.replace('\\d+', 'N'), session.wait(rf'^\[{name}\] {text}', anywhere=True))
        for name, how in ENDS.items():
            tap.check(f'{name} ends', session.wait(rf'builder: {name} (?:{how})', anywhere=True))
        tap.check('the last is started again once', session.wait(
            r'exit exited with status 7(?s:.*)exit exited with status 7', anywhere=True))
        tap.check('a flood is dropped in part', session.wait(r'flood dropped \d+ bytes', anywhere=True))
        session.type('one word\n')
        tap.check('keys reach the focused service', session.wait(r'^(type: )?read: one word\r?$'))
        tap.check('the console\'s key ends it all', session.leave() == 0)
        tap.check('every byte of the flood is shown or counted', flood_is_accounted_for(session.output))


if __name__ == '__main__':
    main()
