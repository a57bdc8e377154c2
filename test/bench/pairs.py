#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a message costs when 1, 4 and 16 pairs of services send at the same time, each to its own partner: the send call,
and all that the pairs and the kernel do for it. On one CPU, counted by a plugin (count.c) under -icount. TAP on
standard output."""
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from counting import counting  # noqa: E402
from isolation import VICTIM  # noqa: E402
from keel import Failure, Tap, console, report, service, system  # noqa: E402
from runs import BUILD, CPU, ROOT, Failure as RunFailure, execute  # noqa: E402

PAIRS = 1, 4, 16
TOLERANCE = 5  # percent


def the_system(pairs):
    """There are always as many services; those without a partner do nothing."""
    nodes = [console(), service('scheduler', 'scheduler-equal'),
             service('off', 'bench-pairs', 'args = "off"; rights { self { allow = "system"; }; };')]
    for i in range(max(PAIRS)):
        nodes.append(service(f'to{i}', 'bench-pairs', 'args = "to"; provides = <7>;'))
        args = f'args = "from", "to{i}";' if i < pairs else 'args = "off-duty"; provides = <7>;'
        nodes.append(service(f'from{i}', 'bench-pairs', f'{args} sends = "to{i}:7";'))
    return system(*nodes)


def cost(tap, pairs):
    """Instructions of the send call (median), and for each message, of the pairs and of the kernel on their behalf."""
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        path = pathlib.Path(folder) / 'system.dts'
        path.write_text(the_system(pairs))
        try:
            output = execute([ROOT / 'boot/run', '--no-setup', '--icount', '--cpus', '1', path, '--', '-cpu', CPU,
                              *counting(BUILD, f'victim={VICTIM}')])
        except RunFailure as error:
            for line in error.output.splitlines():
                print(f'# {line}')
            raise Failure(str(error)) from None
    messages, own, kernel = map(int, output.search(r'^count: victim: rounds (\d+) own (\d+) kernel (\d+)').groups())
    sent = sum(int(n) for n in re.findall(r'^\[from\d+\] sent (\d+)', output.text, re.MULTILINE))
    # The last one has no mark behind it.
    tap.check(f'{pairs} pairs sent {sent} messages', sent == messages + 1 and sent % pairs == 0 and sent > 0)
    return sum(output.mark('ARGO_SEND')), (own + kernel) / messages


def main():
    if not counting(BUILD):
        print("1..0 # SKIP this QEMU's interface for plugins")
        return
    with Tap() as tap:
        costs = {pairs: cost(tap, pairs) for pairs in PAIRS}
        told = ', '.join(f'{pairs}: {send} (all {every:.0f})' for pairs, (send, every) in costs.items())
        report(f'instructions to send 64 bytes, as many pairs at a time: {told}')
        for pairs in PAIRS[1:]:
            send, every = (100 * (now / one - 1) for now, one in zip(costs[pairs], costs[1]))
            tap.check(f'with {pairs} pairs a send costs {send:+.1f} %: at most {TOLERANCE} % from what it costs with one',
                      abs(send) <= TOLERANCE)
            # A single pair alternates more often.
            tap.check(f'with {pairs} pairs all of it costs {every:+.1f} %: at most {TOLERANCE} % more', every <= TOLERANCE)


if __name__ == '__main__':
    main()
