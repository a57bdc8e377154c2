#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Linux with two CPUs: to the shell, commands, interrupts between its CPUs, the console's keys, reboot,
poweroff. TAP on standard output.

    boot.py CPUS        physical ones
"""
import hashlib
import re
import sys
import zlib

from keel import PREFIX, PROMPT, SYSTEMS, Tap


def lines(numbers):
    return ''.join(f'{n}\n' for n in numbers)


def digest(name, text):
    return hashlib.new(name, text.encode()).hexdigest()


def primes(n):
    return [p for p in range(2, n) if all(p % q for q in range(2, int(p ** 0.5) + 1))]


COUNT = lines(range(1, 20001))
SQUARES = lines(n * n for n in range(1, 5001))
WORDS = 'the quick brown fox jumps over the lazy dog'

# Commands and what they have to print, exactly, or as a regular expression.
COMMANDS = [
    ('seq 1 20000 | md5sum', digest('md5', COUNT) + '  -'),
    ('seq 1 20000 | sha1sum', digest('sha1', COUNT) + '  -'),
    ('seq 1 20000 | sha256sum', digest('sha256', COUNT) + '  -'),
    ('seq 1 20000 | sha512sum', digest('sha512', COUNT) + '  -'),
    ('seq 1 20000 | sha3sum -a 256', digest('sha3_256', COUNT) + '  -'),
    ('seq 1 20000 | wc', f'{20000:>9}{20000:>10}{len(COUNT):>10}'),
    ("awk 'BEGIN { for (i = 1; i <= 5000; i++) print i * i }' | md5sum", digest('md5', SQUARES) + '  -'),
    ("awk 'BEGIN { printf \"%.10f %.3e\\n\", 355 / 113, 2 * 1e70 }'", f'{355 / 113:.10f} {2e70:.3e}'),
    ("awk 'BEGIN { for (n = 2; n < 500; n++) { p = 1; for (q = 2; q * q <= n; q++) if (n % q == 0)"
     " { p = 0; break }; if (p) print n } }' | sha256sum", digest('sha256', lines(primes(500))) + '  -'),
    ('i=0; s=0; while [ $i -lt 500 ]; do i=$((i + 1)); s=$((s + i * i)); done; echo $s',
     str(sum(i * i for i in range(501)))),
    ('echo $((7 ** 20)) $((-17 % 5)) $((0x7fffffff * 2))', f'{7 ** 20} -2 {0x7fffffff * 2}'),
    ('echo "2 64 ^ p" | dc', str(2 ** 64)),
    ('echo "scale=30; sqrt(2)" | bc', '1.414213562373095048801688724209'),
    (f'echo {WORDS} | tr a-z A-Z', WORDS.upper()),
    (f'echo {WORDS} | rev', WORDS[::-1]),
    (f'echo {WORDS} | tr " " "\\n" | sort | uniq | tr "\\n" " "; echo',
     ' '.join(sorted(set(WORDS.split()))) + ' '),
    (f'echo {WORDS} | sed "s/o/0/g"', WORDS.replace('o', '0')),
    (f'echo {WORDS} | grep -o "[a-z]*o[a-z]*" | wc -l', '4'),
    (f'echo {WORDS} | cut -d " " -f 4-5', 'fox jumps'),
    ('echo abc | od -A n -t x1', ' 61 62 63 0a'),
    ('echo keel | base64', 'a2VlbAo='),
    ('echo a2VlbAo= | base64 -d', 'keel'),
    ('seq 1 5 | tac | tr "\\n" ,; echo', '5,4,3,2,1,'),
    ('seq 1 100 | sort -r -n | head -3 | paste -s -d+', '100+99+98'),
    ('expr 12345 \\* 6789', str(12345 * 6789)),
    ('printf "%08.3f %x %o %s\\n" 3.14159 255 8 end', '0003.142 ff 10 end'),
    ('factor 600851475143', '600851475143: 71 839 1471 6857'),
    ('yes keel | head -n 5000 | md5sum', digest('md5', 'keel\n' * 5000) + '  -'),
    ('dd if=/dev/zero bs=4096 count=512 2>/dev/null | sha256sum',
     hashlib.sha256(bytes(4096 * 512)).hexdigest() + '  -'),
    ('seq 1 20000 > /tmp/count; wc -c < /tmp/count', str(len(COUNT))),
    ('gzip -c /tmp/count | gunzip | cmp - /tmp/count && echo same', 'same'),
    ('bzip2 -c /tmp/count | bunzip2 | md5sum', digest('md5', COUNT) + '  -'),
    ('cd /tmp; tar cf t.tar count; rm count; tar xf t.tar; md5sum count; cd',
     digest('md5', COUNT) + '  count'),
    ('crc32 /tmp/count', f'{zlib.crc32(COUNT.encode()):08x} /tmp/count'),
    ('sed -n "1,7000p" /tmp/count > /tmp/a; sed -n "7001,\$p" /tmp/count | cat /tmp/a - | md5sum',
     digest('md5', COUNT) + '  -'),
    ('cp /tmp/count /tmp/copy; echo x >> /tmp/copy; cmp -s /tmp/count /tmp/copy; echo $?', '1'),
    ('mkfifo /tmp/fifo; seq 1 3000 > /tmp/fifo & md5sum < /tmp/fifo; wait; rm /tmp/fifo',
     r'(?s)(.*\n)?' + digest('md5', lines(range(1, 3001))) + r'  -(\n.*)?'),
    ('taskset 1 seq 1 20000 | taskset 2 md5sum', digest('md5', COUNT) + '  -'),
    ('taskset 2 seq 1 20000 | taskset 1 sort -n | taskset 2 sha1sum', digest('sha1', COUNT) + '  -'),
    ('taskset 1 cat /proc/self/stat | cut -d " " -f 39', '0'),
    ('taskset 2 cat /proc/self/stat | cut -d " " -f 39', '1'),
    ('nproc', '2'),
    ('grep -c ^processor /proc/cpuinfo', '2'),
    ('cat /sys/devices/system/cpu/online', '0-1'),
    ('grep -o "CPU implementer.*" /proc/cpuinfo | uniq', r'CPU implementer\s*: 0x(41|00)'),
    ('cat /proc/cmdline', 'console=ttyAMA0 panic=-1'),
    ('awk \'/MemTotal/ { print ($2 > 400000 && $2 < 524288) }\' /proc/meminfo', '1'),
    ('cat /proc/sys/kernel/ostype; uname -m', 'Linux\naarch64'),
    ('grep -c GICv3 /proc/interrupts | grep -v ^0 > /dev/null; echo $?', '0'),
    ('cat /proc/1/comm', 'init'),
    ('dmesg | grep -o "SMP: Total of . processors activated"', 'SMP: Total of 2 processors activated'),
    ('dmesg | grep -c "psci: PSCIv1.1 detected"', '1'),
    ('a=$(cut -d. -f1 /proc/uptime); sleep 1; b=$(cut -d. -f1 /proc/uptime); '
     'echo $((b - a >= 1 && b - a < 30))', '1'),
    ('for i in 1 2 3 4 5 6 7 8; do (seq 1 2000 | md5sum > /tmp/j$i) & done; wait; cat /tmp/j? | sort -u',
     r'(?s)(.*\n)?' + digest('md5', lines(range(1, 2001))) + r'  -'),
]


def commands(tap, session):
    session.shell('dmesg -n 1')  # on a loaded machine Linux complains now and then
    good = 0
    for command, expected in COMMANDS:
        printed = session.shell(command).rstrip('\n')
        if printed == expected or re.fullmatch(expected, printed):
            good += 1
        else:
            tap.check(f'{command}: {printed!r} instead of {expected!r}', False)
    tap.check(f'{good} of {len(COMMANDS)} commands print what they must, at least 50',
              good == len(COMMANDS) and good >= 50)


def ipis(session):
    """Interrupts between the guest's CPUs so far: of each, both kinds of waking together."""
    text = session.shell('grep -E "^ *IPI[01]:" /proc/interrupts')
    counts = [[int(n) for n in line.split()[1:3]] for line in text.splitlines()]
    return [sum(column) for column in zip(*counts)]


def interrupts(tap, session):
    before = ipis(session)
    session.shell('i=0; while [ $i -lt 60 ]; do taskset 1 echo $i | taskset 2 cat | taskset 1 cat;'
                  ' i=$((i + 1)); done | md5sum')
    after = ipis(session)
    tap.check(f'interrupts between the CPUs: {before} became {after}',
              all(b - a >= 20 for a, b in zip(before, after)) and len(before) == 2)


def entry(session, name):
    """The domain, number of its console, state and life of a domain, as the console lists them."""
    session.type(PREFIX + 'l')
    match = session.expect(rf'^\[console\] +(\S+) {name} +(\w+) +life (\d+), domain (\d+),.*\n')
    return {'console': match[1], 'state': match[2], 'life': int(match[3]),
            'domain': int(match[4])}


def keys(tap, session):
    """Each key that the help names does what it says; the guest runs on all the while."""
    session.key('h', r'^\[console\] keys: Ctrl-\] then n or 1-9: focus, l: list, k: stop, r: restart, '
                     r'q: leave, h: help, Ctrl-\]: send it')
    tap.check('h helps', True)
    session.key('n', r'^\[console\] focus: 2 ')
    session.key('1', r'^\[console\] focus: 1 linux1')
    tap.check('n and 1-9 move the focus', session.shell('echo here') == 'here\n')
    linux = entry(session, 'linux1')
    tap.check('l lists the domains', linux['state'] == 'running' and linux['console'] == '1*')
    session.type('cat -v\r')
    session.expect(r'cat -v\r\n')
    session.type(PREFIX + PREFIX + '\r')
    tap.check('Ctrl-] twice sends it', session.wait(r'^\^\]\r$'))
    session.type('\x03')
    session.expect(PROMPT)


def stop_and_restart(tap, session):
    """A service, and a guest that is asked nothing; it has rebooted once."""
    number = entry(session, 'scheduler')['console']
    session.key(number, r'focus: \d+ scheduler')
    session.key('k', r'builder: scheduler was stopped')
    tap.check('k stops a service', entry(session, 'scheduler')['state'] != 'running')
    session.type(PREFIX + 'r')
    session.wait_quiet()  # a key at once would be refused, with the bell: one wish at a time
    tap.check('r starts it again', entry(session, 'scheduler')['life'] == 2)
    session.key('1', r'focus: 1 linux1')
    session.key('r', r'builder: linux1 was stopped')
    session.expect(r'Keel guest ready')
    session.expect(PROMPT)
    tap.check('r restarts a guest', entry(session, 'linux1')['life'] == 3)
    session.key('k', r'builder: linux1 was stopped')
    tap.check('k stops a guest, and the machine stays on', entry(session, 'linux1')['state'] != 'running')
    session.key('r', r'Keel guest ready')
    session.expect(PROMPT)
    tap.check('r starts it again', entry(session, 'linux1')['life'] == 4)


def reboot(tap, session):
    before = entry(session, 'linux1')
    session.type('reboot\r')
    session.expect(r'builder: linux1 resets')
    session.expect(r'Keel guest ready: Linux \S+, 2 CPUs')
    session.expect(PROMPT)
    after = entry(session, 'linux1')
    tap.check('reboot: the same domain, another life',
              after['domain'] == before['domain'] and after['life'] == before['life'] + 1)
    session.shell('dmesg -n 1')
    tap.check('and it works', session.shell('seq 1 20000 | md5sum') == digest('md5', COUNT) + '  -\n')


def main():
    cpus = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(SYSTEMS / 'linux.dts', cpus=cpus)
        session.expect(r'^\[console\] keys: ')
        session.expect(r'Keel guest ready: Linux \S+, 2 CPUs')
        session.expect(PROMPT)
        tap.check(f'a shell, on {cpus} physical CPUs', True)
        commands(tap, session)
        interrupts(tap, session)
        reboot(tap, session)
        if cpus == 2:  # these depend on the number least
            keys(tap, session)
            stop_and_restart(tap, session)
        if cpus == 1:
            tap.check('q leaves, with status 0', session.leave() == 0)
        else:
            session.type('poweroff\r')
            session.expect(r'builder: linux1 powered off')
            tap.check('poweroff ends the run with status 0', session.wait_end() == 0)


if __name__ == '__main__':
    main()
