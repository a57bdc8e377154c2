#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws who can reach whom: what keel-check prints with --domains --graph on standard input, SVG on standard output.

    picture.py TITLE

Above, each domain is a box: services in rows, below them each guest under its devices service. An arrow is what one may
do to the other by its own edges. Those who have to do with many are named in the others' boxes instead. Below, a table of
everybody and everybody: by own edges, as somebody else, or only through others.
"""
import re
import sys
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

# What rights amount to, the strongest first: colour, meaning, rights.
CLASSES = [
    ('#c0392b', 'can act as it', {'build', 'write', 'registers', 'vcpu'}),
    ('#ca6f1e', 'answers or interrupts it, or ends it', {'serve', 'calls', 'interrupt', 'stop'}),
    ('#2471a3', 'sends to it', {'send', 'exits'}),
    ('#1e8449', 'looks at it', {'read', 'watch'}),
]
OWN = '#909497'      # edges of a domain to itself
THROUGH = '#d5d8dc'
FILL = {'builder': '#fdf2e9', 'service': '#eaf2f8', 'devices': '#f4ecf7', 'guest': '#e9f7ef'}

HUB = 4              # has to do with so many: named in their boxes
COLUMNS = 5
WIDTH, LINE, PAD = 216, 15, 10
TRACK = 14           # between parallel arrows
CELL = 18

DOMAIN = re.compile(r' *\d+ (\w+) +(\S+) +(\d+)K cpus=\S+ vcpus=(\d+) image=(\S+)')
EDGE = re.compile(r'(\S+)(?: as (\S+))? -> (\S+): (\S+)')
VIA = re.compile(r'(\S+) ~> (\S+): through (.*)')


@dataclass
class Box:
    """A domain as a rectangle in the grid."""
    name: str
    kind: str
    lines: list
    row: int = 0
    column: int = 0
    x: float = 0
    y: float = 0
    height: float = 0
    ports: dict = field(default_factory=lambda: {'left': 0, 'right': 0})

    def port(self, side):
        """The next free place of an arrow on a side."""
        self.ports[side] += 1
        return self.y + min(8 + TRACK * self.ports[side], self.height - 6)


class Graph:
    def __init__(self, text):
        self.domains = {'builder': ('builder', '')}
        self.direct, self.acting, self.through = {}, {}, {}
        for line in text:
            if match := DOMAIN.fullmatch(line.rstrip()):
                kind, name, size, vcpus, image = match.groups()
                memory = f'{int(size) >> 10}M' if int(size) % 1024 == 0 else f'{size}K'
                cpus = f', {vcpus} CPU{"s" * (vcpus != "1")}' if kind == 'guest' else ''
                self.domains[name] = (kind, f'{image}, {memory}{cpus}')
            elif match := EDGE.fullmatch(line.rstrip()):
                holder, other, target, rights = match.groups()
                if other:
                    self.acting.setdefault((holder, target), []).append((other, rights.split(',')))
                else:
                    self.direct[holder, target] = rights.split(',')
            elif match := VIA.fullmatch(line.rstrip()):
                self.through[match[1], match[2]] = match[3]

    def is_pair(self, one, other):
        return other == f'{one}.devices' or one == f'{other}.devices'

    def neighbours(self, name):
        return {a if b == name else b for a, b in self.direct
                if name in (a, b) and a != b and 'builder' not in (a, b) and not self.is_pair(a, b)}

    def hubs(self):
        return ['builder'] + [name for name in self.domains
                              if name != 'builder' and len(self.neighbours(name)) >= HUB]


def colour(rights):
    """Of the strongest of them."""
    return next((paint for paint, _, strong in CLASSES if strong & set(rights)), OWN)


def text(x, y, what, size=11, anchor='start', fill='#1b2631', weight='normal', more=''):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" '
            f'font-weight="{weight}" {more}>{escape(what)}</text>')


def label(x, y, what, fill, anchor='start'):
    """Text that stays legible on lines."""
    return text(x, y, what, 10, anchor, fill,
                more='stroke="white" stroke-width="3" paint-order="stroke" stroke-linejoin="round"')


def wrap(words, width):
    lines = ['']
    for word in words:
        joined = f'{lines[-1]}, {word}' if lines[-1] else word
        if len(joined) > width and lines[-1]:
            lines[-1] += ','
            lines.append(word)
        else:
            lines[-1] = joined
    return lines


class Picture:
    def __init__(self, graph, title):
        self.graph, self.title = graph, title
        self.shapes, self.labels = [], []
        self.hubs = graph.hubs()
        self.boxes = {name: Box(name, kind, self.describe(name, about))
                      for name, (kind, about) in graph.domains.items() if kind != 'builder'}
        self.arrows = [(a, b, rights) for (a, b), rights in graph.direct.items()
                       if a != b and not {a, b} & set(self.hubs) and not graph.is_pair(a, b) and
                       not self.is_second(a, b)]
        self.place()

    def is_both(self, a, b):
        """Whether two may do the same to each other: one arrow is enough."""
        return self.graph.direct.get((a, b)) == self.graph.direct.get((b, a))

    def is_second(self, a, b):
        names = list(self.graph.domains)
        return self.is_both(a, b) and names.index(a) > names.index(b)

    def describe(self, name, about):
        """What stands in a box: what it is made of, what it has, and its edges with hubs."""
        own = [right for right in self.graph.direct.get((name, name), ())
               if right in ('device', 'schedule', 'audit', 'system')]
        lines = [about] + ([f'has: {", ".join(own)}'] if own else [])
        for hub in self.hubs:
            if hub == name:
                continue
            to = self.graph.direct.get((name, hub), [])
            back = self.graph.direct.get((hub, name), [])
            if hub == 'builder':
                back = [right for right in back if right not in self.builders()]
            if to and to == back:
                lines += wrap([f'\u2194 {hub}: {to[0]}', *to[1:]], 34)
            else:
                lines += wrap([f'\u2192 {hub}: {to[0]}', *to[1:]], 34) if to else []
                lines += wrap([f'\u2190 {hub}: {back[0]}', *back[1:]], 34) if back else []
        return lines

    def builders(self):
        """What the builder may do to everybody."""
        sets = [set(self.graph.direct.get(('builder', name), ())) for name in self.graph.domains if name != 'builder']
        return set.intersection(*sets) if sets else set()

    # Where everything lies.

    def place(self):
        services = [box for box in self.boxes.values() if box.kind == 'service']
        guests = [box for box in self.boxes.values() if box.kind == 'guest']
        for box in self.boxes.values():
            box.height = 24 + LINE * len(box.lines) + PAD
        for n, box in enumerate(services):
            box.row, box.column = n // COLUMNS, n % COLUMNS
        first = -(-len(services) // COLUMNS)
        for n, box in enumerate(guests):
            box.row, box.column = first + 2 * (n // COLUMNS) + 1, n % COLUMNS
            above = self.boxes[f'{box.name}.devices']
            above.row, above.column = box.row - 1, box.column
        self.tracks()

        columns = max((box.column for box in self.boxes.values()), default=0) + 1
        self.gap_x = [0.0] * (columns + 1)
        x = 20.0
        for column in range(columns + 1):
            self.gap_x[column] = x + 12
            x += 34 + TRACK * self.in_gap.get(column, 0)
            for box in self.boxes.values():
                if box.column == column:
                    box.x = x
            x += WIDTH
        self.width = x - WIDTH + 20

        rows = max((box.row for box in self.boxes.values()), default=0) + 1
        self.channel_y = [0.0] * (rows + 1)
        y = 110.0
        for row in range(rows + 1):
            self.channel_y[row] = y + 16
            pairs = any(box.row == row and box.kind == 'guest' for box in self.boxes.values())
            y += max(56 if pairs else 20, 20 + TRACK * self.in_channel.get(row, 0))
            inside = [box for box in self.boxes.values() if box.row == row]
            for box in inside:
                box.y = y
                box.height = max(box.height, max(other.height for other in inside))
            y += max((box.height for box in inside), default=0)
        self.height = y

    def tracks(self):
        """Each arrow gets a track of its own in two gaps between columns and in one channel between rows."""
        self.in_gap, self.in_channel, self.ways = {}, {}, []
        for a, b, rights in self.arrows:
            source, target = self.boxes[a], self.boxes[b]
            channel = source.row + 1 if target.row > source.row else source.row
            out, into = source.column + 1, target.column
            way = [out, self.take(self.in_gap, out), channel, self.take(self.in_channel, channel), into, None]
            way[5] = way[1] if into == out else self.take(self.in_gap, into)
            self.ways.append((source, target, rights, way))

    @staticmethod
    def take(counts, key):
        counts[key] = counts.get(key, 0) + 1
        return counts[key] - 1

    # Shapes.

    def draw(self):
        self.draw_builder()
        for source, target, rights, way in self.ways:
            self.draw_way(source, target, rights, way)
        for box in self.boxes.values():
            self.draw_box(box)
            if box.kind == 'guest':
                self.draw_pair(self.boxes[f'{box.name}.devices'], box)
        self.draw_legend()
        self.draw_table()

    def draw_builder(self):
        rights = ', '.join(right for right in self.graph.direct.get(('builder', 'builder'), ()) if right != 'self')
        everybody = [right for (_, entry) in self.graph.direct.items() for right in entry
                     if right in self.builders()]
        words = ', '.join(dict.fromkeys(everybody))
        self.shapes.append(f'<rect x="20" y="52" width="{max(self.width - 40, 500):.1f}" height="44" rx="6" '
                           f'fill="{FILL["builder"]}" stroke="{CLASSES[0][0]}" stroke-width="1.5"/>')
        self.labels.append(text(32, 70, 'builder', 13, weight='bold'))
        self.labels.append(text(32, 87, f'everybody: {words}. Itself: {rights}', 11))

    def draw_box(self, box):
        self.shapes.append(f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{WIDTH}" height="{box.height:.1f}" rx="6" '
                           f'fill="{FILL[box.kind]}" stroke="#566573"/>')
        self.labels.append(text(box.x + PAD, box.y + 18, box.name, 13, weight='bold'))
        for n, line in enumerate(box.lines):
            self.labels.append(text(box.x + PAD, box.y + 35 + LINE * n, line, 11, fill='#424949'))

    def arrow(self, points, rights, both=False):
        path = 'M' + ' L'.join(f'{x:.1f},{y:.1f}' for x, y in points)
        head = f'url(#head{[entry[0] for entry in CLASSES].index(colour(rights))})'
        start = f'marker-start="{head}" ' if both else ''
        self.shapes.append(f'<path d="{path}" fill="none" stroke="{colour(rights)}" stroke-width="1.6" '
                           f'stroke-linejoin="round" {start}marker-end="{head}"/>')

    def draw_way(self, source, target, rights, way):
        out, out_track, channel, channel_track, into, in_track = way
        x1 = self.gap_x[out] + TRACK * out_track
        x2 = self.gap_x[into] + TRACK * in_track
        y = self.channel_y[channel] + TRACK * channel_track
        y1, y2 = source.port('right'), target.port('left')
        both = self.is_both(source.name, target.name)
        # To the next box in a row there is no need to leave the gap.
        bend = [] if source.row == target.row and x1 == x2 else [(x1, y), (x2, y)]
        self.arrow([(source.x + WIDTH, y1), (x1, y1), *bend, (x2, y2), (target.x, y2)], rights, both)
        sign = '\u2194' if both else '\u2192'
        what = f'{source.name} {sign} {target.name}: {", ".join(rights)}'
        self.labels.append(label(min(x1, x2) + 4, y - 3, what, colour(rights)))

    def draw_pair(self, above, guest):
        """A guest and its devices service."""
        top, bottom = above.y + above.height, guest.y
        down = self.graph.direct.get((above.name, guest.name), [])
        up = self.graph.direct.get((guest.name, above.name), [])
        if down:
            self.arrow([(guest.x + 16, top), (guest.x + 16, bottom)], down)
            for n, line in enumerate(wrap(down, 26)):
                self.labels.append(label(guest.x + 23, (top + bottom) / 2 + 13 * n - 3, line, colour(down)))
        if up:
            self.arrow([(guest.x + WIDTH - 16, bottom), (guest.x + WIDTH - 16, top)], up)
            self.labels.append(label(guest.x + WIDTH - 22, (top + bottom) / 2 + 4, ', '.join(up), colour(up), 'end'))

    def draw_legend(self):
        self.height += 40
        x = 20.0
        for paint, meaning, rights in CLASSES:
            what = f'{meaning} ({", ".join(sorted(rights))})'
            self.shapes.append(f'<rect x="{x:.1f}" y="{self.height - 9:.1f}" width="12" height="12" fill="{paint}"/>')
            self.labels.append(text(x + 18, self.height + 1, what, 11))
            self.height += 18
        self.width = max(self.width, 540)

    def draw_table(self):
        names = list(self.graph.domains)
        left = 30 + 7.2 * max(len(name) for name in names)
        top = self.height + 66 + 5.4 * max(len(name) for name in names)
        self.labels.append(text(20, self.height + 30, 'Who (rows) can reach whom (columns)', 15, weight='bold'))
        self.labels.append(text(20, self.height + 48, 'filled: by own edges; framed: more by acting as another; '
                                'grey, with how many between: only through others', 11))
        for n, name in enumerate(names):
            y, x = top + CELL * n + CELL - 5, left + CELL * n + CELL / 2 + 4
            self.labels.append(text(left - 6, y, name, 11, 'end'))
            self.labels.append(text(x, top - 6, name, 11, more=f'transform="rotate(-50 {x:.1f} {top - 6:.1f})"'))
            for m, other in enumerate(names):
                self.draw_cell(left + CELL * m, top + CELL * n, name, other)
        self.width = max(self.width, left + CELL * len(names) + 5 * max(len(name) for name in names) + 20)
        self.height = top + CELL * len(names) + 20

    @staticmethod
    def rank(rights):
        return next((n for n, entry in enumerate(CLASSES) if entry[2] & set(rights)), len(CLASSES))

    def draw_cell(self, x, y, name, other):
        direct = self.graph.direct.get((name, other))
        acting = self.graph.acting.get((name, other), [])
        through = self.graph.through.get((name, other))
        as_other = [right for _, rights in acting for right in rights]
        fill, stroke, width, mark = 'white', '#e5e7e9', 1, ''
        if direct:
            fill = OWN if name == other else colour(direct)
        elif through:
            fill, mark = THROUGH, str(through.count(',') + 1)
        if acting and name != other and self.rank(as_other) < self.rank(direct or ()):
            stroke, width = colour(as_other), 3
        said = [f'{name} \u2192 {other}: {", ".join(direct)}'] if direct else []
        said += [f'{name} as {who} \u2192 {other}: {", ".join(rights)}' for who, rights in acting]
        said += [f'{name} through {through} \u2192 {other}'] if through else []
        inset = width / 2 + 0.5
        self.shapes.append(f'<rect x="{x + inset:.1f}" y="{y + inset:.1f}" width="{CELL - 2 * inset:.1f}" '
                           f'height="{CELL - 2 * inset:.1f}" fill="{fill}" stroke="{stroke}" stroke-width="{width}">'
                           f'<title>{escape(chr(10).join(said) or f"{name} does not reach {other}")}</title></rect>')
        if mark:
            self.labels.append(text(x + CELL / 2, y + CELL - 5, mark, 10, 'middle', more='pointer-events="none"'))

    def svg(self):
        self.draw()
        heads = ''.join(f'<marker id="head{n}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
                        f'orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="{paint}"/></marker>'
                        for n, (paint, _, _) in enumerate(CLASSES))
        return '\n'.join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:.0f}" height="{self.height:.0f}" '
            f'viewBox="0 0 {self.width:.0f} {self.height:.0f}" font-family="DejaVu Sans, Verdana, sans-serif">',
            f'<defs>{heads}</defs>', '<rect width="100%" height="100%" fill="white"/>',
            text(20, 34, self.title, 18, weight='bold'), *self.shapes, *self.labels, '</svg>', ''])


def main():
    title, = sys.argv[1:]
    print(Picture(Graph(sys.stdin), title).svg(), end='')


main()
