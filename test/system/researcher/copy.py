#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a researcher does by hand: copies the sample policy under another name, and changes its rule: guests that used more go first.

    copy.py SAMPLE MINE
"""
import pathlib
import sys

RULE = '(vcpu->run_time - before->vcpu.run_time) * 100 < mine.light * passed'
CHANGED = ('vcpu->kind == KEEL_DOMAIN_USER || '
           '(vcpu->run_time - before->vcpu.run_time) * 100 > mine.light * passed')


def main():
    text = pathlib.Path(sys.argv[1]).read_text().replace('sample', 'mine')
    if text.count(RULE) != 1:
        sys.exit(f'{sys.argv[1]}: the rule is not there any more: {RULE}')
    text = text.replace(RULE, CHANGED).replace('#include <policy.h>\n', '#include <keel/domain.h>\n#include <policy.h>\n')
    pathlib.Path(sys.argv[2]).write_text(text)


if __name__ == '__main__':
    main()
