#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A guest that sets every register that it may set to hostile values changes nothing for the services that serve
it, and for other guests; and what is hidden from a guest is not there. TAP on standard output."""
import re

from keel import Tap, expected, guest, service, system

# A CPU with all that QEMU has, and one without.
CPUS = {'max': ['-cpu', 'max', '-M', 'mte=on'], 'cortex-a53': ['-cpu', 'cortex-a53']}
FORBIDDEN = 14  # what test/system/services/probe.c tries, with each of two sets of hostile values

# What a guest may be shown, by CRm and op2 of ID_AA64*_EL1: of each field the highest value. To add to this list is
# to say that the feature needs nothing of EL2, or that the kernel has it in its contexts.
SHOWN = {
    (4, 0): 0x1100000001110011,  # PFR0: CSV3, CSV2 without SCXTNUM, GIC, AdvSIMD, FP with FP16; AArch64 EL1, EL0
    (5, 0): 0x00000000f0f0f009,  # DFR0: CTX_CMPs, WRPs, BRPs, DebugVer
    (6, 0): 0x0221111110212120,  # ISAR0: not RNDR, TME
    (6, 1): 0x0011101100211002,  # ISAR1: not LS64, XS, SPECRES, pointer authentication
    (7, 0): 0x0000000000111122,  # MMFR0: 40 bits of addresses
    (7, 1): 0x0000000000302002,  # MMFR1: PAN, HPDS, HAFDBS
    (7, 2): 0x1000000100100011,  # MMFR2: E0PD, AT, CCIDX, UAO, CnP
}
NOT_THERE = {(4, 0): [16, 20], (5, 0): [8, 36, 48], (7, 0): [24, 28]}  # signed fields, in which 15 is -1


def passes(session, name):
    """Whether a guest says what it must; after a failure, its own or a service's, nothing is waited for."""
    session.wait(rf'^(\[{name}\] )?{name}: (passed|failed)|builder: \S+ faulted', anywhere=True)
    return session.said(name) == [line for line in expected(name) if not line.startswith('> ')]


def wrongly_shown(session):
    """What a guest sees that is not on the list."""
    seen = {(int(crm), int(op2)): int(value, 16) for crm, op2, value in re.findall(
        r'identification (\d) (\d): ([0-9a-f]+)', session.output)}
    wrong = [] if len(seen) == 7 * 8 else ['not all were read']
    for (crm, op2), value in seen.items():
        for low in range(0, 64, 4):
            field = value >> low & 15
            if field > SHOWN.get((crm, op2), 0) >> low & 15 and not (
                    field == 15 and low in NOT_THERE.get((crm, op2), [])):
                wrong.append(f'CRm {crm}, op2 {op2}, bit {low}: {field}')
    return wrong


def main():
    with Tap() as tap:
        # One physical CPU: what the hostile guest leaves behind, the others run with.
        session = tap.session(system(
            guest('gic', more='cpus = <2>;'), guest('hostile'), guest('hostile-other'),
            service('example', 'example', 'provides = <7>;')), cpus=1, options=['--cpu', 'cortex-a72'])
        for name in ['hostile', 'hostile-other']:
            tap.check(f'{name}: its registers are its own, and hold', passes(session, name))
        session.expect(r'^gic: type a line', anywhere=True)
        session.type('ping pong\r')
        session.expect(r'^gic: got "ping pong"')
        tap.check('the other guest notices nothing', passes(session, 'gic'))
        session.end()
        tap.check('no service ended', not re.search(r'builder: \S+ (faulted|exited|ended)', session.output))

        for cpu, options in CPUS.items():
            session = tap.session(system(guest('hidden', more='cpus = <2>;')), cpus=1, qemu=options)
            tap.check(f'{cpu}: what is hidden is undefined', passes(session, 'hidden'))
            wrong = wrongly_shown(session)
            tap.check(f'{cpu}: what is shown is on the list {wrong or ""}', not wrong)
            session.end()

            # One that looks at itself at each exit, on the guest's time and with its registers, and tries what it
            # must die of.
            emulation = ('emulation { image = "test-probe"; fp; ' + 'args = "all"; ' * (cpu == 'max') +
                         'restart { limit = <100>; }; };')
            session = tap.session(system(guest('hostile', more=emulation)), cpus=1, qemu=options)
            session.wait(r'builder: hostile powered off|hostile: failed|probe: .* was', anywhere=True)
            said = session.said('hostile.devices')
            tap.check(f'{cpu}: the service sees no difference',
                      [line for line in said if line.startswith('probe: ')] == ['probe: all is as it was'])
            tap.check(f'{cpu}: and can do no more', [line for line in said if line.startswith('hostile: ')] ==
                      expected('hostile') and
                      len(re.findall('builder: hostile.devices faulted', session.output)) == 2 * FORBIDDEN)
            session.end()


if __name__ == '__main__':
    main()
