#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules that a linked program has to keep, seen in its instructions. TAP on standard output.

    binary.py OBJDUMP RULE PROGRAM...

eret      behind each ERET stands a barrier that no speculation passes: DSB and ISB, or SB
unmask    interrupts are unmasked for one instruction at a time: DAIFCLR, ISB, DAIFSET with the same
          mask; nothing else writes DAIF; the ways in and out of the kernel, from the vectors to the
          last of entry.S, do not touch it; and what state a return goes to is said only there
"""
import re
import subprocess
import sys

LINE = re.compile(r'^ *([0-9a-f]+):\t(\S+) *\t?(.*?)(?: *//.*)?$')
SYMBOL = re.compile(r'^[0-9a-f]+ <(.+)>:$')
ENTRY = ('vectors', 'fp_save')  # from where to where entry.S is the ways in and out


def instructions(objdump, program):
    """(address, label and offset, mnemonic, operands) of all that is code."""
    listing = subprocess.run([objdump, '-d', '--no-show-raw-insn', program], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    label, start = '?', 0
    for line in listing.splitlines():
        if symbol := SYMBOL.match(line):
            label, start = symbol[1], int(line.split()[0], 16)
        elif code := LINE.match(line):
            address = int(code[1], 16)
            yield address, f'{label}+{address - start:#x}', code[2], code[3].strip()


def symbols(objdump, program):
    listing = subprocess.run([objdump, '-t', program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[-1]: int(line.split()[0], 16) for line in listing.splitlines()
            if re.match(r'^[0-9a-f]{16} ', line)}


def rule_eret(code, _):
    """How many ERETs there are, and those without a barrier."""
    found, bad = 0, []
    for n, (_, where, name, _) in enumerate(code):
        if name not in ('eret', 'eretaa', 'eretab'):
            continue
        found += 1
        behind = [entry[2] for entry in code[n + 1:n + 3]]
        if behind[:1] != ['sb'] and behind != ['dsb', 'isb']:
            bad.append(f'{where}: {name} is followed by {" ".join(behind) or "nothing"}')
    return found, bad


def rule_unmask(code, symbol):
    """How many windows there are, and what unmasks or returns in another way."""
    found, bad = 0, []
    first, last = (symbol[name] for name in ENTRY)
    for n, (address, where, name, operands) in enumerate(code):
        register, _, value = operands.partition(', ')
        if name != 'msr' or register.lower() not in ('daif', 'daifclr', 'daifset', 'spsr_el2'):
            continue
        register = register.lower()
        inside = first <= address < last
        if register == 'spsr_el2':
            if not inside:
                bad.append(f'{where}: the state to return to is set outside entry.S')
        elif inside or register == 'daif':
            bad.append(f'{where}: msr {operands}')
        elif register == 'daifclr':
            found += 1
            behind = [f'{entry[2]} {entry[3].lower()}'.strip() for entry in code[n + 1:n + 3]]
            if behind != ['isb', f'msr daifset, {value}']:
                bad.append(f'{where}: msr {operands} is followed by {"; ".join(behind)}')
    return found, bad


def main():
    objdump, rule, *programs = sys.argv[1:]
    check = {'eret': rule_eret, 'unmask': rule_unmask}[rule]
    for number, program in enumerate(programs, 1):
        found, bad = check(list(instructions(objdump, program)), symbols(objdump, program))
        for line in bad:
            print('#', line)
        print(f'# {found} in {program}')
        print('ok' if found and not bad else 'not ok', number, '-', f'{rule}: {program.rpartition("/")[2]}')
    print(f'1..{len(programs)}')


main()
