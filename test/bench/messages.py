# SPDX-License-Identifier: Apache-2.0
"""The second table of the bench: messages of several sizes between services and guests (messages.h), beside a plain copy
of as many bytes by the kernel's own memcpy."""
import collections
import functools

from rows import Row
from runs import BUILD
from symbols import Program

SIZES = {'0': 0, '64': 64, '1K': 1 << 10, '4K': 1 << 12, '64K': 1 << 16, '1M': 1 << 20}
RUNS = {'messages-services': 'service to service', 'messages-guests': 'guest to guest', 'messages-mixed': 'guest to service'}

# send: the kernel's instructions in the send call. one-way: all, from the call until the receiver has found the message
# in its ring. round: all, until the answer, of the same size, is found.
KINDS = {'send': 'SEND', 'one-way': 'ONE_WAY', 'round': 'ROUND'}

# Of issue 5: of the send call, and of the round trip of 64 bytes between guests. Xen: measured once, as rows.py says:
# sendv to itself, and between two guests through VIRQ and WFI.
SOURCE = 'issue 5'
SEND_LIMIT, SEND_COPIES, ROUND_LIMIT = 450, 1.15, 3500
SEND_MORE = 500
LIMITS = (f'`send-0-*`, `send-64-*` {SEND_LIMIT}; from `send-4K-*` on {SEND_COPIES} copies and {SEND_MORE}; '
          f'`round-64-guests` {ROUND_LIMIT:,}')
XEN_SEND = {'64': 2166, '1K': 2402, '4K': 3135, '64K': 21758}
XEN_ROUND = {'64': 13921, '1K': 14396, '4K': 15860, '64K': 53111}

RET = 0xd65f03c0
CS, CC, EQ = 2, 3, 0


def signed(value, bits):
    return value - (1 << bits) if value >> (bits - 1) else value


@functools.cache
def copy_cost(n):
    """Instructions of the kernel's memcpy of n bytes, a multiple of 64: its code is followed, as n decides. The kernel itself
    never copies more than 4 KiB at a time."""
    kernel = Program(BUILD / 'kernel/kernel.elf')
    pc = dict(zip(kernel.names, kernel.addresses))['memcpy']
    left, cost = n, 0
    while (code := kernel.code(pc)) != RET:
        cost += 1
        offset = 4
        if code & 0xff000010 == 0x54000000:  # B.cond, behind SUBS x2, x2, #64, or TST of what is left
            taken = {CC: left < 0, CS: left >= 0, EQ: True}[code & 15]
            offset = 4 * signed(code >> 5 & 0x7ffff, 19) if taken else 4
        elif code & 0x7f000000 == 0x36000000:  # TBZ: no part of 64 bytes is left
            offset = 4 * signed(code >> 5 & 0x3fff, 14)
        elif code & 0xfc000000 == 0x14000000:  # B
            offset = 4 * signed(code & 0x3ffffff, 26)
        elif code == 0xf1010042:  # SUBS x2, x2, #64
            left -= 64
        pc += offset
    return cost + 1


def rows():
    """For --list and --profile."""
    for run, between in RUNS.items():
        for size in SIZES:
            for kind, mark in KINDS.items():
                yield Row(f'{kind}-{size}-{run.partition("-")[2]}', run, f'{mark}_{size}',
                          f'{between}, {size} bytes, {kind}', None, None)


def of_run(run, output):
    """Values of that run: name -> instructions."""
    values = {}
    for row in rows():
        if row.run == run:
            parts = output.mark(row.mark)
            values[row.name] = parts[0] if row.name.startswith('send-') else sum(parts)
    return values


Limit = collections.namedtuple('Limit', 'value xen')


def limits():
    """name -> Limit, of those that have one, or a figure of Xen's."""
    found = {}
    for row in rows():
        kind, size, between = row.name.rsplit('-', 2)
        value = xen = None
        if kind == 'send':
            n = SIZES[size]
            value = SEND_LIMIT if n <= 64 else int(SEND_COPIES * copy_cost(n) + SEND_MORE) if n >= 4096 else None
            xen = XEN_SEND.get(size) if between == 'guests' else None
        elif kind == 'round' and between == 'guests':
            value = ROUND_LIMIT if size == '64' else None
            xen = XEN_ROUND.get(size)
        if value or xen:
            found[row.name] = Limit(value, xen)
    return found


def lines(values, other):
    """The table, for people; other: what was measured of a Xen."""
    limit = limits()
    yield f'{"instructions, messages of so many bytes":42}' + ''.join(f'{size:>11}' for size in SIZES)
    yield f'{"plain copy (the memcpy of EL2, computed)":42}' + ''.join(f'{copy_cost(n):>11,}' for n in SIZES.values())
    for run, between in RUNS.items():
        for kind in KINDS:
            names = {size: f'{kind}-{size}-{run.partition("-")[2]}' for size in SIZES}
            yield f'{between + ", " + kind:42}' + ''.join(f'{values[name]:>11,}' for name in names.values())
            of = [limit.get(name) for name in names.values()]
            for what, field in ('limit', 'value'), ('Xen 4.22', 'xen'):
                if any(each and getattr(each, field) for each in of):
                    yield f'{"    " + what:42}' + ''.join(
                        f'{getattr(each, field):>11,}' if each and getattr(each, field) else ' ' * 11 for each in of)
            if other.messages.keys() >= set(names.values()):
                yield f'{"    Xen " + other.version:42}' + ''.join(f'{other.messages[name]:>11,}' for name in names.values())
    missed = [name for name, each in limit.items() if each.value and values[name] > each.value]
    yield f'limits: {sum(1 for each in limit.values() if each.value) - len(missed)} met, not met: {", ".join(missed) or "none"}'
