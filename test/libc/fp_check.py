#!/usr/bin/env python3
"""Checks that programs without FP can't reach an FP/SIMD instruction: fp_check.py OBJDUMP PATH...

A path is a program, or a folder of which every program is checked.

Functions that contain such instructions may be called only by each other, and by the parts of musl
that handle conversions like %f, which a program without FP can't ask for (it can't have a double),
and by the builder's hashing, which asks whether it may, and its copying.
Calls through pointers are not seen; test/libc runs with FP trapped for what this misses.
"""

import os
import re
import subprocess
import sys

# See libs/third-party/packagefiles/musl-general-registers.diff.
DOORS = {'fmt_fp', 'pop_fp', 'scan_fp', 'sha256_instructions', 'copy_lines'}

FUNCTION = re.compile(r'^[0-9a-f]+ <(.+)>:$')
REGISTER = re.compile(r'(?<![\w.])[bhsdqv](?:[12]?\d|3[01])(?![\w])')
BRANCH = re.compile(r'^(?:b|bl|b\.\w+|cbn?z|tbn?z)$')
TARGET = re.compile(r'<([^>+]+)(?:\+0x[0-9a-f]+)?>')


def check(objdump, program):
    """The calls by which clean functions of a program reach FP: pairs of names."""
    listing = subprocess.run([objdump, '-d', '--no-show-raw-insn', program], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    calls, dirty, function = {}, set(), None
    for line in listing.splitlines():
        start = FUNCTION.match(line)
        if start:
            function = start[1]
            calls[function] = set()
            continue
        parts = line.split('\t')
        if function is None or len(parts) < 2:
            continue
        name = parts[1].strip()
        operands = parts[2].split('//')[0] if len(parts) > 2 else ''
        if BRANCH.match(name):
            target = TARGET.search(operands)
            if target and target[1] != function:
                calls[function].add(target[1])
        elif name not in ('adr', 'adrp') and REGISTER.search(re.sub(r'<[^>]*>', '', operands)):
            dirty.add(function)
    if not calls:
        sys.exit(f'fp_check: no code in {program}')
    # A function without FP instructions of its own that only FP functions call is fine.
    callers = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    inner = set(dirty)
    while True:
        more = {f for f in calls if f not in inner and callers.get(f) and callers[f] <= inner}
        if not more:
            break
        inner |= more
    return sorted((caller, callee) for caller, callees in calls.items() if caller not in inner
                  for callee in callees & dirty if callee not in DOORS)


def programs(path):
    if not os.path.isdir(path):
        yield path
        return
    for folder, below, files in os.walk(path):
        below[:] = [b for b in below if not b.endswith('.p')]
        for file in sorted(files):
            with open(os.path.join(folder, file), 'rb') as content:
                head = content.read(18)
            if head[:4] == b'\x7fELF' and head[16] == 2:    # ET_EXEC
                yield os.path.join(folder, file)


def main():
    objdump, *paths = sys.argv[1:]
    failed, count = False, 0
    for program in (p for path in paths for p in programs(path)):
        count += 1
        for caller, callee in check(objdump, program):
            failed = True
            print(f'{program}: {caller} calls {callee}, which uses FP/SIMD registers')
    if count == 0:
        print('no programs found')
        sys.exit(77)
    sys.exit(1 if failed else 0)


main()
