#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a domain is refused for want of a right is counted by call, the last ones are kept, whoever has the right reads
it, and too many end the domain. TAP on standard output."""
import pathlib
import re
import tomllib

from keel import PREFIX, Tap, service, system

CALLS = tomllib.loads((pathlib.Path(__file__).parents[2] / 'abi/calls.toml').read_text())['call']
OFF, STOP, READ = ([call['name'] for call in CALLS].index(name) for name in ('system_off', 'domain_stop', 'refusals'))
NO_EDGE = 7 << 32 | 63


def main():
    with Tap() as tap:
        session = tap.session(system(
            service('audit', 'test-refused', 'args = "audit"; rights { self { allow = "audit"; }; };'),
            service('free', 'test-refused', 'args = "5";'),
            service('limited', 'test-refused', 'args = "5"; quota { refusals = <7>; }; restart { limit = <1>; };'),
            service('exact', 'test-refused', 'args = "5"; quota { refusals = <15>; };')))
        session.wait(r'builder: limited is not started again', anywhere=True)
        for domain, refused in ((3, 15), (4, 16), (5, 15)):
            session.wait(rf'^(\[audit\] )?domain {domain}: {refused} refused.*\n', anywhere=True)
        found = {int(number): rest for number, rest in re.findall(r'^(?:\[audit\] )?domain (\d+): (.*?)\r?\n', session.output, re.MULTILINE)}
        print('\n'.join(f'# {number}: {text}' for number, text in found.items()))
        by_number = ', '.join(f'5 of {n}' for n in sorted((STOP, OFF, READ)))
        each = f'15 refused, {by_number}; last {READ} in life 1 with 0x0, 0x0'
        tap.check('each call is counted, and the last one kept', list(found.values()).count(each) == 2)
        tap.check('nobody else was refused anything, but who was ended', len(found) == 3)
        counts = ', '.join(f'{n} of {call}' for call, n in sorted({OFF: 6, STOP: 6, READ: 4}.items()))
        tap.check('both lives of who was ended count', f'16 refused, {counts}; last {STOP} in life 2 with '
                  f'{NO_EDGE:#x}, 0x5' in found.values())
        ends = re.findall(r'builder: limited was refused too often: call (\d+) \((0x[0-9a-f]+), (0x[0-9a-f]+)\)', session.output)
        tap.check('the call above the limit ends it, in each life',
                  ends == [(str(STOP), f'{NO_EDGE:#x}', '0x5')] * 2)
        tap.check('who stays at its limit goes on', session.wait(r'\[exact\] 15 calls were refused', anywhere=True))
        tap.check('and so does who has none', session.wait(r'\[free\] 15 calls were refused', anywhere=True))
        session.type(PREFIX + 'l')
        tap.check('the list of domains says how many',
                  session.wait(r'\] .* limited .* 16 refusals', 60, anywhere=True))
        session.leave()


if __name__ == '__main__':
    main()
