#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rtds policy on the simulator: random sets of reservations on 1 to 8 CPUs, as many as the bound of global EDF allows less a tenth.
All are admitted, and each job of `budget` that comes each `period` is done when the next one comes. What is more than that is refused, and
those who were admitted miss nothing. Jobs come when the policy's buckets are filled, or at any time. Arguments: the program, and how many sets (1000). TAP on standard output."""
import concurrent.futures
import csv
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import Tap, report  # noqa: E402

PERIODS_MS = [5, 10, 20, 40]
SEVERAL = [2, 3, 4, 8]
TASKS_MAX = 16  # what one commit carries: more have their buckets a look later


def split(rng, total, n):
    """Random parts of a whole, all sums alike likely (UUniFast: Bini, Buttazzo, Real-Time Systems 30, 2005)."""
    parts = []
    for left in range(n - 1, 0, -1):
        rest = total * rng.random() ** (1 / left)
        parts.append(total - rest)
        total = rest
    return [*parts, total]


def bound(cpus, parts):
    return 0.9 * (cpus - (cpus - 1) * max(parts))


def make(rng, cpus):
    """Periods and budgets in microseconds, just within the bound or with some room."""
    parts = split(rng, cpus, rng.randint(1 if cpus == 1 else cpus + 1, min(4 * cpus + 2, TASKS_MAX)))
    # part * scale: their sum is the bound
    scale = 0.9 * cpus / (sum(parts) + 0.9 * (cpus - 1) * max(parts)) * rng.choice([1, 1, 1, 0.9, 0.7])
    tasks = []
    for part in parts:
        period = 1000 * rng.choice(PERIODS_MS)
        tasks.append((period, int(period * min(part * scale, 0.9))))
    return [task for task in tasks if task[1]]


def simulate(program, folder, seed, cpus, over, phase):
    """Of one set: jobs, how many of them were late, what was refused, and what is wrong with all that."""
    rng = random.Random(f'{seed} {cpus} {over}')
    tasks = make(rng, cpus)
    if over:  # somebody who would have to be refused
        rest = bound(cpus, [budget / period for period, budget in tasks]) - sum(budget / period for period, budget in tasks)
        tasks.append((20000, min(int(20000 * (rest + 0.05)), 19999)))
    lines = [f'cpus {cpus}', 'time 130ms', 'policy rtds', f'seed {seed}']
    for i, (period, budget) in enumerate(tasks):
        lines += [f'guest t{i} periodic {period}us {budget}us {phase}', f'set period-us.t{i}={period}',
                  f'set budget-us.t{i}={budget}', f'set extratime.t{i}={rng.randint(0, 1)}']
    if rng.random() < 0.5:
        lines += [f'guest others busy vcpus {cpus}']
    path = folder / f'{cpus}-{seed}-{over}{phase[:1]}.txt'
    path.write_text('\n'.join(lines) + '\n')
    result = subprocess.run([program, path], capture_output=True, text=True, check=False)
    refused = result.stderr.count('refused:')
    jobs = misses = 0
    for row in csv.DictReader(line for line in result.stdout.splitlines() if not line.startswith('#')):
        if over and row['vcpu'] == f't{len(tasks) - 1}.0':
            continue
        jobs += int(row['jobs'])
        misses += int(row['misses'])
    good = result.returncode == 0 and jobs > 0 and misses == 0 and refused == over and ' refused=0 ' in result.stdout
    if not good:
        print(f'# {cpus} CPUs, set {seed}: {misses} of {jobs} jobs late, {refused} refused\n# '
              + '\n# '.join(lines + result.stderr.splitlines()))
    return jobs, good


def test(tap, pool, program, folder, what, cpus, sets, over=0, phase='phase 0ms'):
    runs = pool.map(lambda seed: simulate(program, folder, seed, cpus[seed % len(cpus)], over, phase), range(sets))
    jobs, good = zip(*runs)
    tap.check(f'{what}: {sets} sets', all(good))
    return sum(jobs)


def main():
    program, sets = sys.argv[1], int((sys.argv[2:] or [1000])[0])
    with Tap() as tap, tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = pathlib.Path(name)
        one = test(tap, pool, program, folder, 'one CPU, up to 0.9 of it: all admitted, no deadline missed', [1], sets)
        more = test(tap, pool, program, folder, '2 to 8 CPUs, up to 0.9 of the bound: all admitted, no deadline missed',
                    SEVERAL, sets)
        one += test(tap, pool, program, folder, 'one CPU, jobs at any time: no deadline missed', [1], sets, phase='')
        more += test(tap, pool, program, folder, '2 to 8 CPUs, jobs at any time: no deadline missed', SEVERAL, sets, phase='')
        test(tap, pool, program, folder, 'beyond that: one refused, no deadline of others missed', [1, *SEVERAL], sets // 5, 1)
        report(f'rtds, {2 * sets} sets on one CPU and {2 * sets} on 2 to 8: none of {one} and of {more} jobs late')


if __name__ == '__main__':
    main()
