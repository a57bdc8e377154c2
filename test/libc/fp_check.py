#!/usr/bin/env python3
"""Checks that a program without FP can't reach an FP/SIMD instruction: fp_check.py OBJDUMP PROGRAM

Functions that contain such instructions may be called only by each other, and by the parts of musl
that handle conversions like %f, which a program without FP can't ask for (it can't have a double).
Calls through pointers are not seen; test/libc runs with FP trapped for what this misses.
"""

import re
import subprocess
import sys

# See libs/third-party/packagefiles/musl-general-registers.diff.
DOORS = {'fmt_fp', 'pop_fp', 'scan_fp'}

FUNCTION = re.compile(r'^[0-9a-f]+ <(.+)>:$')
REGISTER = re.compile(r'(?<![\w.])[bhsdqv](?:[12]?\d|3[01])(?![\w])')
BRANCH = re.compile(r'^(?:b|bl|b\.\w+|cbn?z|tbn?z)$')
TARGET = re.compile(r'<([^>+]+)(?:\+0x[0-9a-f]+)?>')


def main():
    objdump, program = sys.argv[1:]
    listing = subprocess.run([objdump, '-d', '--no-show-raw-insn', program], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    calls, dirty, function, instructions = {}, set(), None, 0
    for line in listing.splitlines():
        start = FUNCTION.match(line)
        if start:
            function = start[1]
            calls[function] = set()
            continue
        parts = line.split('\t')
        if function is None or len(parts) < 2:
            continue
        instructions += 1
        name = parts[1].strip()
        operands = parts[2].split('//')[0] if len(parts) > 2 else ''
        if BRANCH.match(name):
            target = TARGET.search(operands)
            if target and target[1] != function:
                calls[function].add(target[1])
        elif name not in ('adr', 'adrp') and REGISTER.search(re.sub(r'<[^>]*>', '', operands)):
            dirty.add(function)
    if instructions == 0:
        sys.exit('fp_check: no code found')
    bad = sorted((caller, callee) for caller, callees in calls.items() if caller not in dirty
                 for callee in callees & dirty if callee not in DOORS)
    # A wrapper without FP instructions of its own, that only FP functions call, is fine.
    callers = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    for _ in range(len(calls)):
        fine = {f for f in calls if f not in dirty and callers.get(f) and callers[f] <= dirty}
        if not fine:
            break
        dirty |= fine
    bad = [(caller, callee) for caller, callee in bad if caller not in dirty]
    for caller, callee in bad:
        print(f'fp_check: {caller} calls {callee}, which uses FP/SIMD registers')
    sys.exit(1 if bad else 0)


main()
