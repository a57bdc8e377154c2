# SPDX-License-Identifier: Apache-2.0
"""Where the instructions of a row go: as text, and as a flame graph."""
import collections
import html
import pathlib
import tempfile

import policies
from rows import ROWS
from runs import BUILD, RUNS, Failure, paths, profiles, run
from symbols import KERNEL, Insn, Symbols, insn_read, stacks

ONCE = {'reset-builder': 'BUILDER', 'reset-guest': 'GUEST', 'hash': 'GUEST', 'shell': 'SHELL'}


def path_stacks(symbols, row):
    """(stack, instructions) in the order of execution: of the cheapest of many times."""
    insns = paths(row.run)[row.mark]
    if row.run == 'turns':
        insns = [insn for insn in insns if KERNEL[0] <= insn.address < KERNEL[1]]
    return stacks(symbols, insns)


def policy_stacks(symbols, row):
    """A second of a policy's work: program and function only."""
    with tempfile.NamedTemporaryFile('r') as file:
        policies.run(row.name.partition('-')[2], f'victim-in={file.name}')
        insns = [insn_read(line) for line in file.read().splitlines()]
    return [(tuple(place), n) for place, n in flat(symbols, insns).most_common()]


def masked_stacks(symbols):
    """The longest stretch of all runs."""
    longest = []
    for name in RUNS:
        with tempfile.NamedTemporaryFile('r') as file:
            run(name, f'longest={file.name}')
            addresses = [int(line, 16) for line in file.read().splitlines()]
        longest = max(longest, addresses, key=len)
    return stacks(symbols, [Insn(address, symbols.kernel.code(address), '', 1) for address in longest])


def flat(symbols, insns):
    places = symbols.places(insns)
    functions = collections.Counter()
    for insn, place in zip(insns, places):
        functions[place] += insn.times
    return functions


def once_stacks(symbols, row):
    """What happens once is too long for a path: program and function only."""
    output, marks = profiles('linux')
    if row.name == 'share':
        functions = flat(symbols, marks['SHELL']) - flat(symbols, marks['GUEST'])
    else:
        functions = flat(symbols, marks[ONCE[row.name]])
        if row.name != 'hash':
            functions[('loader and guest', '-')] = output.mark(ONCE[row.name])[2]
    return [(tuple(place), n) for place, n in functions.most_common()]


def print_functions(found):
    total = sum(n for _, n in found)
    functions = collections.Counter()
    for stack, n in found:
        functions[stack[0], stack[-1]] += n
    for (program, function), n in functions.most_common(60):
        print(f'{n:14,} {100 * n / total:5.1f} %  {program:16} {function}')


def print_order(found):
    print('\nin their order:\n')
    pieces = []
    for stack, n in found:
        if pieces and pieces[-1][0] == stack:
            pieces[-1][1] += n
        else:
            pieces.append([stack, n])
    for stack, n in pieces:
        print(f'{n:14,}  {stack[0]:16} {"  " * (len(stack) - 2)}{stack[-1]}')


class Frame:
    """A function in a flame graph, below those that called it."""

    def __init__(self, name, program):
        self.name, self.program = name, program
        self.n, self.called = 0, {}

    def add(self, stack, n, program):
        self.n += n
        if stack:
            self.called.setdefault(stack[0], Frame(stack[0], program)).add(stack[1:], n, program)

    def depth(self):
        return 1 + max((frame.depth() for frame in self.called.values()), default=0)


WIDTH, HEIGHT, LETTER = 1200, 18, 6.6
# kernel, services, the rest
COLOURS = ('#f2a65a', '#f0955a'), ('#8fb8de', '#7eaad6'), ('#b9c4b1', '#acb8a3')


def colour(program, level):
    kind = 0 if program == 'kernel' else 2 if program in ('bench', 'messages', 'loader and guest', '') else 1
    return COLOURS[kind][level % 2]


def draw(frame, x, level, scale, total, lines, bottom):
    width, y = frame.n * scale, bottom - level * HEIGHT
    name = html.escape(frame.name)
    lines.append(f'<g><title>{name}: {frame.n:,} ({100 * frame.n / total:.1f} %)</title>'
                 f'<rect x="{x:.1f}" y="{y}" width="{max(width - 0.5, 0.3):.1f}" height="{HEIGHT - 1}" '
                 f'fill="{colour(frame.program, level)}"/>')
    letters = int((width - 6) / LETTER)
    if letters >= 3:
        text = frame.name if len(frame.name) <= letters else frame.name[:letters - 1] + '…'
        lines.append(f'<text x="{x + 3:.1f}" y="{y + 13}">{html.escape(text)}</text>')
    lines.append('</g>')
    for called in frame.called.values():
        draw(called, x, level + 1, scale, total, lines, bottom)
        x += called.n * scale


def flame(title, found):
    """The text of an SVG: the row at the bottom, above it who called whom, as wide as there are instructions."""
    root = Frame(title, '')
    for stack, n in found:
        root.add(stack, n, stack[0])
    height = root.depth() * HEIGHT + 44
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="10" y="18" font-size="14">{html.escape(title)}: {root.n:,} instructions</text>']
    draw(root, 10, 0, (WIDTH - 20) / root.n, root.n, lines, height - HEIGHT - 8)
    return '\n'.join([*lines, '</svg>', ''])


def profile(row):
    guest = RUNS[row.run].guest if row.run in RUNS else 'bench'
    symbols = Symbols(BUILD, BUILD / f'test/guests/{guest}.elf')
    if row.name == 'memory':
        raise Failure('that row has no instructions')
    ordered = row.mark or row.name == 'masked'
    if row.mark:
        found = path_stacks(symbols, row)
    elif row.run == 'policies':
        found = policy_stacks(symbols, row)
    else:
        found = masked_stacks(symbols) if ordered else once_stacks(symbols, row)
    print(f'{row.title}: {sum(n for _, n in found):,} instructions\n')
    print_functions(found)
    if ordered:
        print_order(found)
    path = pathlib.Path(BUILD) / f'profile-{row.name}.svg'
    path.write_text(flame(row.title, found))
    print(f'\nflame graph: {path}')


assert {row.name for row in ROWS if not row.mark} == {*ONCE, 'share', 'memory', 'masked', *(f'policy-{name}' for name in policies.ARGUMENTS)}
