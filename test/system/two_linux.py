#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests, each on its own console. TAP on standard output."""
from keel import PROMPT, SYSTEMS, Tap


def main():
    with Tap() as tap:
        session = tap.session(SYSTEMS / 'two-linux.dts', cpus=2)
        session.expect(r'focus: 1 linux1')
        # In whichever order: the one with the focus as it is, the other in lines behind its name.
        tap.check('one has the focus', session.wait(r'^Keel guest ready: .* 2 CPUs', anywhere=True))
        tap.check('the other is told apart', session.wait(
            r'^\[linux2\] Keel guest ready: .* 2 CPUs', anywhere=True))
        session.type('hostname one; hostname\r')
        tap.check('keys go to the first', session.wait(r'^one\r$'))

        # Both talk at once: no line of one is inside a line of the other.
        session.type('(sleep 2; seq 1 300 | sed "s/.*/one & one/") &\r')
        session.expect(r'\r\n')
        session.key('2', r'focus: 2 linux2')
        session.type('hostname two; hostname\r')
        tap.check('and then to the second', session.wait(r'^two\r$'))
        session.type('sleep 2; seq 1 300 | sed "s/.*/two & two/"; echo two" done"\r')
        session.expect(r'^two done\r$')
        session.expect(r'^\[linux1\] one 300 one\r$', anywhere=True)
        mine = session.output.count('two 300 two\r\n')
        lines = session.output.split('\r\n')
        tap.check('no line of one is within a line of the other', mine == 1 and all(
            f'[linux1] one {i} one' in lines and f'two {i} two' in lines for i in range(1, 301)))
        tap.check('each has kept its name', session.shell('hostname') == 'two\n')

        session.type('poweroff\r')
        session.expect(r'builder: linux2 powered off')
        session.key('1', r'focus: 1 linux1')
        tap.check('the first goes on alone', session.shell('hostname') == 'one\n')
        session.type('poweroff\r')
        session.expect(r'builder: linux1 powered off')
        tap.check('the machine goes off with the last one', session.wait_end() == 0)


if __name__ == '__main__':
    main()
