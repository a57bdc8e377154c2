#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""boot/check and boot/run on good and bad systems: what they print, and their status. TAP on standard output.

KEEL_BUILD, KEEL_CACHE and KEEL_QEMU are what they are for boot/run.
"""
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / 'system'))
from keel import SYSTEMS, Tap, console, guest, service, system  # noqa: E402

BAD = system(service('log', 'example', 'colour = <1>; uses = "disc";'),
             service('disk', 'exmaple', 'provides = <7>;'))
WRONG = ['4: /log: colour: unknown property, expected one of compatible, image, args, memory, cpu-affinity, role, '
         'schedules, provides, uses, sends, devices, console, fp, start, reserve, deadline-ms, starving-ms, limits-fall',
         '4: /log: uses: there is no "disc" (perhaps "disk"?), expected the name of a service or guest',
         '5: /disk: image: there is no "exmaple" (perhaps "example"?) in the bundle, expected one of its files']


def others():
    """Systems of tests that have no words to be filled in."""
    return [path for path in sorted((ROOT / 'test').rglob('*.dts')) if path.parts[-2] not in ('bad', 'fuzz') and
            'keel,system' in path.read_text() and '@"' not in path.read_text()]


def run(tool, *words):
    return subprocess.run([ROOT / 'boot' / tool, '--no-setup', *map(str, words)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False)


def test_bad(tap, folder):
    path = folder / 'bad.dts'
    path.write_text(BAD)
    wrong = [f'{path}:{line}' for line in WRONG]
    ran = run('check', path)
    tap.check('boot/check prints every mistake', ran.stderr.splitlines() == wrong and ran.stdout == '')
    tap.check('and fails', ran.returncode == 1)
    ran = run('run', path)
    tap.check('boot/run prints the same',
              ran.stderr.splitlines() == [*wrong, f'boot/run: {path} has mistakes, and is not booted'])
    tap.check('fails, and boots nothing', ran.returncode == 1 and ran.stdout == '')
    path.write_text(BAD.replace('provides = <7>;', 'provides = <7>'))
    ran = run('run', path)
    tap.check('boot/run says where the source is none', ran.returncode == 1 and re.fullmatch(
        rf'{path}:5: syntax error at character \d+, expected device-tree source\nboot/run: {path} is no system\n',
        ran.stderr))


def test_good(tap, folder):
    for path in sorted(SYSTEMS.glob('*.dts')) + others():
        ran = run('check', path)
        if not tap.check(f'{path.name} has no mistakes', ran.returncode == 0 and ran.stderr == '' and
                         f'{path}: no mistakes for qemu-virt (linux,dummy-virt) with 2 CPUs and 2048M: '
                         in ran.stdout):
            print('# ' + '\n# '.join(ran.stderr.splitlines()))
    ran = run('check', '--cpus', 4, '--memory', 1024, SYSTEMS / 'hello.dts')
    tap.check('the machine is as large as was said', 'with 4 CPUs and 1024M' in ran.stdout)
    path = folder / 'zcu102.dts'
    path.write_text(system(console().replace('/pl011@9000000', 'serial0'), guest('hello'))
                    .replace('qemu-virt', 'zcu102'))
    ran = run('check', path)
    tap.check('and the one that the system names',
              f'{path}: no mistakes for zcu102 (xlnx,zynqmp-zcu102) with 4 CPUs and 512M: 4 domains' in ran.stdout)


def test_picture(tap, folder):
    """Each domain is a box and a row and a column; each pair that reaches the other says how."""
    for name in ('two-linux.dts', 'passthrough.dts'):
        picture = folder / 'picture.svg'
        ran = run('check', '--graph', '--picture', picture, SYSTEMS / name)
        lines = ran.stdout.splitlines()
        domains = sorted({word for line in lines for word in re.findall(r'^(\S+) (?:->|~>)', line)})
        svg = xml.etree.ElementTree.parse(picture).getroot()
        words = [text.text for text in svg.iter('{http://www.w3.org/2000/svg}text')]
        titles = [title.text for title in svg.iter('{http://www.w3.org/2000/svg}title')]
        tap.check(f'{name}: everybody is in the picture, three times', ran.returncode == 0 and len(domains) > 6 and all(
            words.count(domain) == 3 for domain in domains))
        tap.check(f'{name}: everybody can be looked up with everybody', len(titles) == len(domains) ** 2)
        said = [line.replace('\u2192', '->') for title in titles for line in title.split('\n')]
        said = {re.sub(r'^(\S+) through (.*) -> (\S+)$', r'\1 ~> \3: through \2', line) for line in said}
        tap.check(f'{name}: with all that the text says',
                  {line.replace(',', ', ') if '->' in line else line for line in lines} ==
                  {line for line in said if 'does not reach' not in line})


def main():
    with Tap() as tap, tempfile.TemporaryDirectory() as folder:
        test_bad(tap, pathlib.Path(folder))
        test_good(tap, pathlib.Path(folder))
        test_picture(tap, pathlib.Path(folder))


if __name__ == '__main__':
    main()
