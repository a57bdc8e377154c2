#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What seven hostile domains cost a pair that sends each other 64 bytes: counted by a plugin (count.c) under -icount, so
that it repeats, with them and with seven that do nothing instead. See README.md. TAP on standard output.

    isolation.py services|guest CPUS

guest: the pair is a guest and a service, and among the enemies is the guest's second virtual CPU.
"""
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from counting import MASKED_LIMIT, counting, functions  # noqa: E402
from keel import Failure, Tap, console, guest, report, service, system  # noqa: E402
from runs import BUILD, CPU, ROOT, Failure as RunFailure, execute  # noqa: E402

HOSTILE = ['flood', 'spam', 'longest', 'storm', 'rings', 'waits', 'calls']
VICTIM = '1800000000-1900000000'  # where bench-victim is linked
# Microseconds of each period that are each service's, whatever anybody does; on 2 CPUs, where the emulator's turns hold the
# pair up, so few that it could use them up.
RESERVE = {1: (700, 10000), 2: (200, 10000)}
LIMIT, SHARE = 1.3, 0.9
# What the plan, equal turns, gives the two on one CPU: these are the virtual CPUs there.
TURNS = {'services': 2 / 9, 'guest': 2 / 10}


def the_system(kind, cpus, hostile):
    def victim(name, other, cpu):
        off = 'self { allow = "system"; };' if name == 'ping' else ''
        return service(name, 'bench-victim', f'args = "{name}"; memory = "4M"; provides = <7 8>; sends = "{other}:7"; deadline-ms = <0>; '
                       f'cpu-affinity = <{cpu}>; reserve = <{RESERVE[cpus][0]} {RESERVE[cpus][1]}>; '
                       f'rights {{ {other} {{ allow = "watch"; }}; {off} }};')

    here = '<0>' if cpus == 1 else '<0 1>'
    if kind == 'services':
        pair = [victim('ping', 'pong', 0), victim('pong', 'ping', cpus - 1)]
    else:  # at the ids of inside.c
        pair = [service('pong', 'bench-victim', f'args = "for-{"enemy" if hostile else "guest"}"; memory = "4M"; '
                        f'provides = <7 8>; sends = "ping:7"; deadline-ms = <0>; cpu-affinity = {here}; '
                        'rights { ping { allow = "watch"; }; self { allow = "system"; }; };'),
                guest('ping', 'inside.elf', f'cpus = <2>; cpu-affinity = {here}; provides = <7 8 9>; sends = "pong:7", "pong:8"; '
                      f'emulation {{ cpu-affinity = {here}; }};', '8M')]
    return system(
        console(), service('scheduler', 'scheduler-equal'), *pair,
        *[service('beat', 'bench-isolation', 'args = "beat"; memory = "4M"; deadline-ms = <0>; cpu-affinity = <2>;')] * (cpus > 1),
        *(service(f'h-{kind}', 'bench-isolation', f'args = "{kind if hostile else "idle"}"; deadline-ms = <0>; '
                  f'memory = "4M"; provides = <9>; sends = "ping:8", "pong:8"; cpu-affinity = {here};') for kind in HOSTILE))


class Measured:
    """One run: instructions of a round of the victims, and their part of the time."""

    def __init__(self, kind, cpus, hostile):
        with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
            path, longest = pathlib.Path(folder) / 'system.dts', pathlib.Path(folder) / 'longest'
            path.write_text(the_system(kind, cpus, hostile))
            output = execute([ROOT / 'boot/run', '--no-setup', '--icount', '--cpus', str(cpus + (cpus > 1)), path, '--', '-cpu', CPU,
                              *counting(BUILD, f'victim={VICTIM}', f'longest={longest}')])
            self.longest_in = functions(BUILD, longest)[0][0]
        self.text = output.text
        rounds, own, kernel, led, self.round = map(int, output.search(
            r'^count: victim: rounds (\d+) own (\d+) kernel (\d+) led (\d+) median (\d+)').groups())
        self.mean, self.led = (own + kernel) // rounds, led // rounds
        self.masked = int(output.search(r'^count: longest masked stretch: (\d+)')[1])
        # Of `other`, of whom is told: how long it ran, of how much time.
        told = re.findall(r'^\[(?:ping|pong)\] other: (\d+) of (\d+) ticks, (\d+) public', output.text, re.MULTILINE)
        # The busier one's: the other waits for it.
        self.share = max((int(ran) / int(of) for ran, of, _ in told), default=0)
        self.ticks = max((int(of) for _, of, _ in told), default=0)
        self.told = len(told)
        self.public = sum(int(public) for *_, public in told)
        self.at_work = len(re.findall(r'^\[h-\w+\] at work', output.text, re.MULTILINE))

    def __str__(self):
        return f'{self.round} (mean {self.mean}, and {self.led} to switch to the pair)'


def main():
    kind, cpus = sys.argv[1], int(sys.argv[2])
    if not counting(BUILD):
        print("1..0 # SKIP this QEMU's interface for plugins")
        return
    with Tap() as tap:
        try:
            alone, among = Measured(kind, cpus, False), Measured(kind, cpus, True)
        except RunFailure as error:
            for line in error.output.splitlines():
                print(f'# {line}')
            raise Failure(str(error)) from None
        tap.check(f'all {len(HOSTILE)} are hostile, and what they sent came ({among.public} messages)',
                  among.at_work == len(HOSTILE) and among.public > 0 and alone.public == 0)
        halves = 2 if kind == 'services' else 1
        tap.check('the pair came to its end', alone.told == among.told == halves and 'FAILED' not in alone.text + among.text)
        factor = among.round / alone.round
        # On 2 CPUs the time of rounds is that of the emulator's turns: see README.md.
        if cpus == 1:
            what, share, plan = 'throughput of the pair', alone.ticks / among.ticks, TURNS[kind]
        elif kind == 'services':
            what, share, plan = 'time of the busier of the two', among.share, RESERVE[cpus][0] / RESERVE[cpus][1]
        else:
            what, share, plan = "time of the guest's partner", among.share, cpus * TURNS[kind] / 2
        inside = ' and a CPU inside' * (kind == 'guest')
        report(f'64 bytes there and back, {kind}, among {len(HOSTILE)} hostile domains{inside}, {cpus} CPU{"s" * (cpus > 1)}: '
               f'{among} instructions, alone {alone}: {factor:.3f} times, limit {LIMIT}; {what} {100 * share:.1f} %, '
               f'planned {100 * plan:.1f} %; longest stretch with interrupts masked {among.masked} ({among.longest_in})')
        tap.check(f'at most {LIMIT} times the instructions: {factor:.3f}', factor <= LIMIT)
        tap.check(f'at least {SHARE} of what is planned: {share / plan:.3f}', share >= SHARE * plan)
        tap.check(f'nothing longer than {MASKED_LIMIT} instructions with interrupts masked: {among.masked}',
                  among.masked <= MASKED_LIMIT)
        for line in (alone.text + among.text).splitlines() if not all(tap.results) else []:
            print(f'# {line}')


if __name__ == '__main__':
    main()
