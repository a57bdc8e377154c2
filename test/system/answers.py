#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the configuration answers to deaths is done: a service or guest that dies again and again, and a guest that says
that it panicked, is started again after the time that it has to wait; then it stays off, or the machine goes off or is
reset. TAP on standard output."""
import re

from keel import Tap, guest, service, system

LIMIT, WAIT_MS = 11, 1          # of a service: 1 ms to 512 ms, then 1,000-fold, no more
GUEST_LIMIT, GUEST_WAIT_MS = 3, 800
LATE_MS = 2                     # until what has waited runs: it is built anew
PANICKED = r'builder: panic panicked \(0xdead\)'
OTHERS_END = 'the last guest is off'


def waits(output, begins, ends):
    """Milliseconds from each end to the next beginning, by the domain's own counter."""
    began, ended = ([int(us) for us in re.findall(pattern + r' at (\d+) us', output)] for pattern in (begins, ends))
    return [(start - end) / 1000 for end, start in zip(ended, began[1:])]


def holds(got, want):
    return len(got) == len(want) and all(least <= ms < least + LATE_MS for ms, least in zip(got, want))


def back_off(tap):
    """Both at once: one instruction at a time, and no time is lost with waiting."""
    session = tap.session(system(
        service('tired', 'test-mortal', f'args = "exit"; restart {{ limit = <{LIMIT}>; backoff-ms = <{WAIT_MS}>; }};'),
        guest('panic', more=f'restart {{ limit = <{GUEST_LIMIT}>; backoff-ms = <{GUEST_WAIT_MS}>; then = "halt"; }};')),
        cpus=1, icount=True)
    status = session.wait_end(120)
    got = waits(session.output, r'life \d+ begins', r'life \d+ ends')
    tap.check(f'a service waits for twice as long each time, at most 1,000 times, and not longer: {got} ms',
              holds(got, [min(2 ** n, 1000) * WAIT_MS for n in range(LIMIT)]))
    tap.check('above its limit it stays off, and the others go on', re.search(
        r'(?s)builder: tired exited with status 7\r?\n.*tired is not started again: stays off.*panic: begins', session.output))
    got = waits(session.output, 'panic: begins', 'panic: panics')
    tap.check(f'a guest that says that it panicked is started again after the same kind of time: {got} ms',
              holds(got, [2 ** n * GUEST_WAIT_MS for n in range(GUEST_LIMIT)]))
    tap.check('what it says is told, each time', len(re.findall(PANICKED, session.output)) == GUEST_LIMIT + 1)
    tap.check('above its limit the machine goes off, because of it', status == 0 and OTHERS_END not in session.output and
              'panic is not started again: the machine goes off' in session.output)


def halt(tap):
    session = tap.session(system(guest('spin'), service(
        'mortal', 'test-mortal', 'args = "fault"; restart { limit = <1>; then = "halt"; };')))
    status = session.wait_end()
    tap.check('halt: a service has died twice', len(re.findall(r'builder: mortal faulted: pc', session.output)) == 2)
    tap.check('and the machine goes off while a guest works', status == 0 and OTHERS_END not in session.output and re.search(
        r'(?s)mortal is not started again: the machine goes off', session.output) and 'spin: 1' in session.output)


def reset(tap):
    session = tap.session(system(guest('spin'), guest('panic', more='restart { limit = <0>; then = "reset"; };')),
                          qemu=['-action', 'reboot=reset'])
    for boot in ('a guest panics', 'and the machine is reset: it boots again, and all begins anew'):
        tap.check(f'reset: {boot}', session.wait(
            rf'(?s)^Keel loader.*{PANICKED}.*panic is not started again: the machine is reset', 60))
    session.close()
    session = tap.session(system(guest('spin', more='emulation { image = "test-mortal"; args = "fault"; '
                                                    'restart { limit = <1>; then = "reset"; }; };')))
    tap.check('reset: so it is when a guest\'s devices service has died twice', session.wait_end() == 1 and re.search(
        r'(?s)(builder: spin.devices faulted.*){2}spin.devices is not started again: the machine is reset.*'
        'the system gave up and reset itself', session.output))


def stop(tap):
    session = tap.session(system(guest('panic', more='restart { limit = <1>; then = "stop"; };')), cpus=1)
    status = session.wait_end()
    tap.check('stop: a guest has panicked twice, stays off, and the machine goes off after its last guest', status == 0 and
              re.search(rf'(?s)({PANICKED}.*){{2}}panic is not started again: stays off.*{OTHERS_END}', session.output))


def main():
    with Tap() as tap:
        back_off(tap)
        halt(tap)
        reset(tap)
        stop(tap)


if __name__ == '__main__':
    main()
