# SPDX-License-Identifier: Apache-2.0
"""What policies cost: their own work, and the kernel's for it, in a second with 64 vCPUs of guests on 4 CPUs, under a load of all
kinds (test/guests/load.c). In percent of a CPU that executes an instruction in a nanosecond, as the emulated machine does; all
its CPUs together, but that is the load's matter."""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'system'))
from keel import console, guest, service, system  # noqa: E402
from runs import Failure, boot  # noqa: E402

CPUS = 4
SECOND = 1_000_000_000
VICTIM = '1040000000-1080000000'  # where the policies that are measured are linked

NAMES = 'abcdefghijklmnop'  # short: all that a policy is told has to fit in 512 bytes

# What a policy is told of guest i.
ARGUMENTS = {
    'credit2': lambda i, name: [f'weight.{name}={64 << i % 4}', *([f'cap.{name}=50'] if i % 8 == 7 else [])],
    'rtds': lambda i, name: [f'budget-us.{name}={400 << i % 2}', *([f'period-us.{name}=20000'] if i % 2 else [])],
    'arinc653': lambda i, name: [f'window-us.{name}=500', *([f'offset-us.{name}={600 * i}'] if i else [])],
}
# How often those that sleep wake up until they tell, all guests together, at least: what shows that there was a load.
WOKEN = 20_000, 2_000, 700


def the_system(policy):
    arguments = ', '.join(f'"{argument}"' for i, name in enumerate(NAMES) for argument in ARGUMENTS[policy](i, name))
    args = f'args = {arguments};' if arguments else ''
    return system(console(), service('scheduler', f'bench-scheduler-{policy}', args),
                  service('window', 'bench-turns', 'args = "window"; rights { self { allow = "system"; }; };'),
                  *(guest(name, 'load.bin', f'cpus = <{CPUS}>;') for name in NAMES))


def run(policy, *options):
    """A boot of it."""
    with tempfile.TemporaryDirectory(prefix='keel-bench-') as folder:
        path = pathlib.Path(folder) / 'system.dts'
        path.write_text(the_system(policy))
        output = boot(path, CPUS, f'victim={VICTIM}', *options)
    told = [tuple(map(int, each)) for each in
            re.findall(r'load: woke up (\d+), (\d+) and (\d+) times', output.text)]
    if len(told) != len(NAMES) or any(sum(each) < least for each, least in zip(zip(*told), WOKEN)):
        raise Failure(f'the load under {policy} is not what it must be: {told}', output.text)
    return output


def work(output):
    """Percent of a CPU, and what it consists of."""
    own, kernel, led = map(int, output.search(r'^count: victim: rounds 1 own (\d+) kernel (\d+) led (\d+)').groups())
    return (round(100 * (own + kernel + led) / SECOND, 3),
            f'in a second: policy {own}, kernel for its calls {kernel}, to switch to it {led}')
