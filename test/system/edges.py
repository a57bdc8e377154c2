#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a service does ends when the configuration does not give it the edge for it. Each variant has a control
that has it. TAP on standard output."""
from keel import PREFIX, Tap, console, guest, service, system

# The right to watch gives the scheduler, which has to know whom the weights are for, their names.
WEIGHTS = ('args = "weight.one=3", "weight.two=1"; '
           'rights { one { allow = "watch"; }; two { allow = "watch"; }; };')
CONSOLE_ID = 1  # the first node's


def output(tap):
    """Of a service, and of a guest through its devices service."""
    for edge in ('console', 'none'):
        session = tap.session(system(
            service('example', 'example', f'provides = <7>; console = "{edge}";'),
            service('bold', 'test-bold', f'args = "{CONSOLE_ID}"; console = "{edge}";'),
            guest('hello', more=f'console = "{edge}";'),
            guest('abort')), cpus=1)
        session.expect(r'builder: hello powered off', anywhere=True)
        session.expect(r'builder: abort powered off', anywhere=True)
        session.end()
        service_heard = '[example] example: hello from domain' in session.output
        bold_heard = 'sent without asking' in session.output
        guest_heard = 'hello: passed' in session.output
        if edge == 'console':
            tap.check('with the edge: the service is heard', service_heard)
            tap.check('with the edge: so is one that does not look whether it may', bold_heard)
            tap.check('with the edge: the guest is heard', guest_heard)
        else:
            tap.check('without: the service is not heard', not service_heard)
            tap.check('without: the kernel refuses one that does not look', not bold_heard)
            tap.check('without: the guest is not heard, though it runs to its end', not guest_heard)


def supervisor(tap):
    """The console's requests to the builder."""
    for edge in ('console', 'none'):
        session = tap.session(system(console(f'console = "{edge}";'), guest('spin')), cpus=1)
        session.expect(r'spin: 25')
        session.type(PREFIX + 'l')
        if edge == 'console':
            tap.check('with the edge: the console lists', session.wait(r'^\[console\] +1\* spin +running'))
            tap.check('with the edge: its key ends the system', session.leave() == 0)
        else:
            tap.check('without: the list is refused',
                      session.wait(r'the supervisor does not hear: Permission denied'))
            tap.check('without: so is the end', session.leave(5) is None and
                      session.wait(r'spin: \d+') is not None)
            tap.check('without: no list was shown', 'spin                 running' not in session.output)


def schedule(tap):
    """The scheduler's plans: without the right there is the kernel's rotation."""
    for role, want in (('scheduler', 3), ('none', 1)):
        session = tap.session(system(
            service('scheduler', 'scheduler-equal', f'role = "{role}"; {WEIGHTS}'),
            guest('one', 'spin.bin'), guest('two', 'spin.bin')), cpus=1, icount=True)
        session.expect(r'^(\[one\] )?spin: 300\r?$')
        other = [int(line.split()[-1]) for line in session.said('two') if 'spin: ' in line]
        session.leave()
        got = 300 / max(other[-1:] or [1])
        with_it = 'with' if want == 3 else 'without'
        tap.check(f'{with_it} the right to schedule: {want} to 1 ({got:.2f})', abs(got / want - 1) < 0.2)


def main():
    with Tap() as tap:
        output(tap)
        supervisor(tap)
        schedule(tap)


if __name__ == '__main__':
    main()
