#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""keel-simulate as people use it: figures as CSV, pictures that are SVG, mistakes told, and a policy of one's own. Argument: the
program. TAP on standard output."""
import csv
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import Tap, report  # noqa: E402

EXAMPLES = ROOT / 'services/scheduler/simulator/examples'
PICTURES = ['timeline', 'share', 'latency']
# Many CPUs, guests of all kinds: what a simulated second costs.
LARGE = ''.join(['cpus 16\ntime 10s\npolicy equal\n'] +
                [f'guest busy{n} vcpus 8 busy\nguest think{n} vcpus 8 think 1ms 100us\n' for n in range(2)])


def simulate(*words):
    return subprocess.run([sys.argv[1], *map(str, words)], capture_output=True, text=True, check=False)


def rows(text):
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith('#')))


def test_figures(tap, path, folder):
    prefix = folder / path.stem
    result = simulate('--svg', prefix, path)
    table = rows(result.stdout)
    vcpus = sum(int((re.search(r'vcpus (\d+)', line) or [0, 1])[1])
                for line in path.read_text().splitlines() if re.match('guest|service', line))
    shares = sum(float(row['share_percent']) for row in table)
    cpus = int(re.search(r'^cpus (\d+)', path.read_text(), re.MULTILINE)[1])
    tap.check(f'{path.name}: a row for each vCPU', result.returncode == 0 and len(table) == vcpus)
    tap.check(f'{path.name}: shares of the CPUs that there are', 0 < shares < 100 * cpus + 0.1)
    for picture in PICTURES:
        root = xml.etree.ElementTree.parse(f'{prefix}-{picture}.svg').getroot()
        drawn = len(root.findall('.//{http://www.w3.org/2000/svg}' + ('rect' if picture == 'timeline' else 'path')))
        tap.check(f'{path.name}: {picture} is a picture', root.tag.endswith('svg') and drawn > 10)
    tap.check(f'{path.name}: the same again', simulate(path).stdout == result.stdout)


def test_mistakes(tap, folder):
    path = folder / 'bad.txt'
    for text, words, want in [('cpus 0\n', [], ':1: expected 1 to 64 CPUs'),
                              ('guest a\n\nguest b what\n', [], ':3: expected busy'),
                              ('policy none\nguest a\n', [], "no such policy: 'none'"),
                              ('guest a\n', ['--policy', 'nobody'], "no such policy: 'nobody'"),
                              ('policy equal\nguest a\nset speed.a=1\n', [], 'not understood: speed.a=1')]:
        path.write_text(text)
        result = simulate(*words, path)
        tap.check(f'told: {want}', result.returncode == 1 and want in result.stderr and not result.stdout)
    tap.check('told: no such file', simulate(folder / 'none.txt').returncode == 1)
    tap.check('told: an unknown option', 'Usage' in simulate('--nonsense').stderr)


def test_speed(tap, folder):
    path = folder / 'large.txt'
    path.write_text(LARGE)
    result = simulate(path)
    events, seconds = re.search(r'(\d+) events in ([\d.]+) s', result.stderr).groups()
    report(f'simulator, 16 CPUs: {int(events) / float(seconds) / 1e6:.1f} million events a second')
    tap.check('events are counted', int(events) > 100000)


def replace(path, old, new):
    text = path.read_text()
    assert old in text, f'{path.name} has no {old}'
    path.write_text(text.replace(old, new))


def test_own(tap, folder):
    """What the sample policy's README says to do: copy it, name it, change its rule, simulate."""
    tree = folder / 'tree'
    for name in 'kernel', 'abi', 'libs':
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).symlink_to(ROOT / name)
    scheduler = tree / 'services/scheduler'
    shutil.copytree(ROOT / 'services/scheduler', scheduler)
    shutil.copytree(scheduler / 'sample', scheduler / 'mine')
    lines = len((scheduler / 'mine/policy.c').read_text().splitlines())
    tap.check('the sample policy has at most 200 lines', lines <= 200)
    replace(scheduler / 'mine/policy.c', 'sample', 'mine')
    replace(scheduler / 'meson.build', "'sample'", "'sample', 'mine'")
    # As meson.build makes it of the names.
    names = re.findall(r"'(\w+)'", re.search(r'scheduler_policy_names = \[(.*)\]', (scheduler / 'meson.build').read_text())[1])
    (scheduler / 'policies.h').write_text('#define POLICIES(OF) ' + ' '.join(f'OF({name})' for name in names) + '\n')
    # The rule, the other way round: who used little goes last.
    replace(scheduler / 'mine/policy.c', '? RANK_LIGHT', '? RANK_HEAVY /*')
    replace(scheduler / 'mine/policy.c', ': RANK_HEAVY;', '*/ : RANK_LIGHT;')
    sources = [*(scheduler / 'simulator').glob('*.c'), scheduler / 'policy.c', *scheduler.glob('*/policy.c'),
               *(tree / 'kernel/cpu' / f'{name}.c' for name in ('bucket', 'cpu', 'dispatch', 'timer', 'vcpu')),
               tree / 'kernel/arch/host/base.c', tree / 'kernel/arch/host/cpu/bare.c', tree / 'libs/reservation/reservation.c']
    program = tree / 'simulate'
    built = subprocess.run(['cc', '-std=gnu17', '-O1', '-Wall', '-Wextra', '-Werror', '-I', tree / 'abi', '-I', scheduler,
                            '-I', tree / 'kernel', '-I', tree / 'kernel/arch/host', '-I', tree / 'libs', *sources, '-lm', '-o', program],
                           capture_output=True, text=True, check=False)
    tap.check('its copy is built', built.returncode == 0)
    share = {}
    for policy in 'sample', 'mine':
        result = subprocess.run([program, '--policy', policy, EXAMPLES / 'sleepers.txt'], capture_output=True, text=True,
                                check=False)
        share[policy] = sum(float(row['share_percent']) for row in rows(result.stdout) if row['vcpu'] == 'control.0')
    tap.check('the rule that was changed shows: who used little gets nothing', share['sample'] > 4.9 and share['mine'] < 1)


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        for path in sorted(EXAMPLES.glob('*.txt')):
            test_figures(tap, path, pathlib.Path(folder))
        test_mistakes(tap, pathlib.Path(folder))
        test_speed(tap, pathlib.Path(folder))
        test_own(tap, pathlib.Path(folder))


if __name__ == '__main__':
    main()
