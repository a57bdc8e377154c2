#!/usr/bin/env python3
"""Prints the sources of one group: sources.py FOLDER ARCH GROUP, run by Meson.

The rule is that of musl's Makefile: a file of the architecture replaces the generic one of the
same stem, and files of ours (keel/src/ARCH) replace both. ldso/ and crt/ are not part of the
library. The group `bits` is not one of sources: it is the headers of bits/, by the same rule.
"""

import glob
import os
import sys

# Assembly that makes system calls; the generic C next to it goes through keel_syscall().
SYSTEM_CALLS = {'thread/clone', 'thread/syscall_cp', 'thread/__unmapself', 'signal/restore',
                'process/vfork', 'thread/__set_thread_area'}
# On AArch64 this one only writes tpidr_el0, which EL0 may.
HARMLESS = {'aarch64': {'thread/__set_thread_area'}}

EARLY = {'env/__libc_start_main', 'env/__init_tls', 'env/__stack_chk_fail',
         'thread/__set_thread_area'}

FLOATING_POINT_FOLDERS = ('math/', 'complex/', 'fenv/')
FLOATING_POINT = {
    'internal/floatscan', 'legacy/getloadavg', 'locale/strfmon', 'locale/strtod_l',
    'prng/drand48', 'stdio/vfprintf', 'stdio/vfscanf', 'stdio/vfwprintf', 'stdlib/atof',
    'stdlib/ecvt', 'stdlib/fcvt', 'stdlib/gcvt', 'stdlib/strtod', 'stdlib/wcstod',
    'time/difftime'}

# Variadic functions that may be given a double, and what saves callee-saved FP registers: built
# once without FP and once with.
BOTH = {
    'legacy/err', 'misc/syslog', 'setjmp/setjmp', 'setjmp/longjmp',
    'stdio/asprintf', 'stdio/dprintf', 'stdio/fprintf', 'stdio/fwprintf', 'stdio/printf',
    'stdio/snprintf', 'stdio/sprintf', 'stdio/swprintf', 'stdio/wprintf'}


def group_of(stem):
    if stem in BOTH:
        return 'both'
    if stem in EARLY:
        return 'early'
    if stem.startswith('string/'):
        return 'string'
    if stem.startswith(FLOATING_POINT_FOLDERS) or stem in FLOATING_POINT:
        return 'floating_point'
    return 'general'


def sources(arch, ours):
    """The chosen file for each stem; later ones replace earlier ones."""
    chosen = {}
    for path in glob.glob('src/*/*.c') + glob.glob('src/malloc/mallocng/*.c'):
        chosen[os.path.splitext(path[len('src/'):])[0]] = path
    for path in glob.glob(f'src/*/{arch}/*.[csS]'):
        stem = os.path.splitext(path[len('src/'):].replace(f'/{arch}/', '/'))[0]
        if stem not in SYSTEM_CALLS or stem in HARMLESS.get(arch, ()):
            chosen[stem] = path
    for path in glob.glob(f'{ours}/*/*.[csS]'):
        chosen[os.path.splitext(path[len(ours) + 1:])[0]] = path
    return chosen


def main():
    folder, arch, group = sys.argv[1:]
    os.chdir(folder)
    if group == 'bits':
        headers = {os.path.basename(path): path for kind in ('generic', arch)
                   for path in glob.glob(f'arch/{kind}/bits/*.h')}
        print('\n'.join(sorted(headers.values())))
        return
    # With FP, upstream's setjmp and longjmp are the right ones.
    ours = 'none' if group == 'both_fp' else f'keel/src/{arch}'
    wanted = 'both' if group.startswith('both_') else group
    print('\n'.join(sorted(path for stem, path in sources(arch, ours).items()
                           if group_of(stem) == wanted)))


main()
