#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boots the loader on QEMU; TAP on standard output. See --help.
KEEL_QEMU and KEEL_CPU mean what they do for boot/run."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / 'boot'))
from newc import Archive  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('image')
    parser.add_argument('builder')
    parser.add_argument('--machine', default='virt,virtualization=on,gic-version=3')
    parser.add_argument('--cpu', default=os.environ.get('KEEL_CPU', 'cortex-a72'))
    parser.add_argument('--cpus', default='1')
    parser.add_argument('--memory', default='512M')
    parser.add_argument('--bundle', default='good', choices=BUNDLES)
    parser.add_argument('--tree', help='the platform is this .dts instead of what QEMU says')
    parser.add_argument('--change', help='this .dts is appended to what QEMU says')
    parser.add_argument('--initrd-at', help='put the bundle here; the tree must say so')
    parser.add_argument('--expect', help='the loader must stop with an error that says this')
    return parser.parse_args()


def archive(builder, name='builder'):
    result = Archive()
    result.file('first', b'padding' * 1000)
    result.file(name, builder, executable=True)
    return result.finish()


def changed(builder, at, value):
    return builder[:at] + value + builder[at + len(value):]


BUNDLES = {
    'good': archive,
    'none': lambda builder: None,
    'text': lambda builder: b'not an archive ' * 100,
    'no-builder': lambda builder: archive(builder, name='another'),
    'cut': lambda builder: archive(builder)[:-2048],
    'machine': lambda builder: archive(changed(builder, 18, b'\x3e')),
}


def qemu_command(args, folder):
    command = [os.environ.get('KEEL_QEMU', 'qemu-system-aarch64'), '-M', args.machine,
               '-smp', args.cpus, '-m', args.memory, '-nodefaults', '-display', 'none',
               '-serial', 'stdio', '-no-reboot']
    if args.cpu:
        command += ['-cpu', args.cpu]
    version = subprocess.run([command[0], '--version'], check=True, stdout=subprocess.PIPE).stdout
    if not re.search(rb'version [67]\.', version):
        command += ['-audio', 'none']   # or it looks for a driver when a machine has sound
    tree = platform_tree(args, command, folder)
    bundle = BUNDLES[args.bundle](pathlib.Path(args.builder).read_bytes())
    if bundle:
        (folder / 'bundle').write_bytes(bundle)
        if args.initrd_at:
            command += ['-device', f'loader,file={folder}/bundle,addr={args.initrd_at},force-raw=on']
        else:
            command += ['-initrd', str(folder / 'bundle')]
    if tree:
        start = int(args.initrd_at or '0', 0)
        tree = tree.replace('INITRD_START', f'{start:#x}')
        tree = tree.replace('INITRD_END', f'{start + len(bundle or b""):#x}')
        subprocess.run(['dtc', '-q', '-I', 'dts', '-O', 'dtb', '-o', str(folder / 'tree')],
                       input=tree, text=True, check=True)
        command += ['-dtb', str(folder / 'tree')]
    return command + ['-kernel', args.image]


def platform_tree(args, command, folder):
    """The source of a device tree other than QEMU's, if the test wants one."""
    if args.tree:
        return pathlib.Path(args.tree).read_text()
    if not args.change:
        return None
    dump = folder / 'dump'
    subprocess.run([*command, '-M', f'dumpdtb={dump}'], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    tree = subprocess.run(['dtc', '-q', '-I', 'dtb', '-O', 'dts', str(dump)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    # Reservations come before the root node.
    change = pathlib.Path(args.change).read_text()
    reservations = re.findall(r'^/memreserve/.*$', change, re.M)
    change = re.sub(r'^/memreserve/.*$', '', change, flags=re.M)
    return tree.replace('/dts-v1/;', '\n'.join(['/dts-v1/;'] + reservations), 1) + change


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as name:
        command = qemu_command(args, pathlib.Path(name))
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                timeout=110, check=False)
    output = result.stdout.decode(errors='replace').replace('\r', '')
    if not args.expect:
        # The loader's own lines are no TAP.
        print(re.sub(r'^Keel', '# Keel', output, flags=re.M), end='')
        return result.returncode
    errors = re.findall(r'^Keel loader: error: (.*)$', output, re.M)
    good = len(errors) == 1 and args.expect in errors[0]
    print(re.sub(r'^', '# ', output, flags=re.M))
    print('ok 1' if good else 'not ok 1', '-', args.expect)
    print('1..1')
    return result.returncode


if __name__ == '__main__':
    sys.exit(main())
