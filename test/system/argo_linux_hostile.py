#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Linux guest with linux/argo whose peer is hostile (test/guests/foe.c): connections that go wrong in every way, floods, garbage, death
in the middle. What its programs see is what linux/argo/README.md says; its kernel and its other peer do not notice. TAP on standard output."""
from argo_linux import Guests
from keel import PREFIX, Tap, console, guest, service, system

MIB = 2
INTERRUPTS = "awk '/keel-argo/ { print $2 + $3 }' /proc/interrupts"
SOCKETS = "awk '/^sockets/ { print $3 }' /proc/net/sockstat"
RESET, REFUSED = 'Connection reset by peer', 'Connection refused'

# What foe does with a connection to it, by number in foe.c: what the program finds, its status and what it has got.
ANSWERS = (
    (1, 'says nothing', 'Operation timed out', ''),
    (2, 'refuses', REFUSED, ''),
    (3, 'accepts another one', 'Operation timed out', ''),
    (4, 'sends before it has accepted', REFUSED, ''),
    (5, 'ends without a reason', None, 'a line'),
    (11, 'ends with a reason that is cut off', None, 'a line'),
    (6, 'aborts', RESET, 'a line'),
    (7, 'takes its rings away', RESET, ''),
    (9, 'dies', RESET, 'a line'),
)


def linux(name, more):
    return guest(name, 'linux-arm64', f'ramdisk = "busybox-arm64.cpio"; bootargs = "console=ttyAMA0 panic=-1"; cpus = <2>; {more}', '256M')


class Hostile(Guests):
    """The same, with foe at the third console."""
    lives = 1  # of foe

    def foe(self, command, answer):
        """A command of foe's; the match of what it says."""
        self.tell(command)
        return self.session.expect(rf'^foe: {answer}')

    def tell(self, command):
        if self.focus != 3:
            self.session.key('3', r'focus: 3 foe')
            self.focus = 3
        self.session.type(command + '\r')

    def foe_again(self, victim):
        """It has begun another life."""
        self.lives += 1
        self.session.expect(r'(?s)(?:^(?:\[foe\] )?foe: ready.*?){%d}' % self.lives, anywhere=True)
        self.foe(f'v{victim}', 'attacks')

    def number(self, command):
        return int(self.on(1, command).split()[0])

    def file(self, tap, what, listens):
        """A file between the other two, by a connection to linux2; it arrives whole."""
        sends, receives = ('-s', '-r') if listens == '-r' else ('-r', '-s')
        sender, receiver = (1, 2) if listens == '-r' else (2, 1)
        ends = {'-s': '</tmp/file', '-r': '>/tmp/got'}
        self.start(2, 'listens', f'argo-cat -l {listens} 5000 {ends[listens]}')
        self.start(1, 'connects', f'argo-cat -w 20 {sends} linux2:5000 {ends[sends]}')
        ended = self.end(1, 'connects'), self.end(2, 'listens')
        sums = self.on(sender, 'md5sum </tmp/file'), self.on(receiver, 'md5sum </tmp/got')
        tap.check(f'{what}: {MIB} MiB from linux{sender} to linux{receiver} arrive whole',
                  ended == ((0, ''), (0, '')) and sums[0] == sums[1])


def answers(tap, guests, victim):
    """Connections from here."""
    for number, what, error, got in ANSWERS:
        guests.foe(f'l{number}', f'answers {number}')
        guests.start(1, 'cat', 'argo-cat -r foe:5000 >/tmp/line')
        ended = guests.end(1, 'cat')
        line = guests.on(1, 'cat /tmp/line').strip()
        tap.check(f'a peer that {what}: {ended} "{line}"', line == got and ended == (
            (1, f'argo-cat: foe:5000: {error}') if error else (0, '')))
        if what == 'dies':
            guests.foe_again(victim)
    for number, what in ((10, 'has room for no data'), (8, 'takes nothing, and dies')):
        guests.foe(f'l{number}', f'answers {number}')
        guests.start(1, 'cat', 'argo-cat -s foe:5000 </dev/zero')
        if number == 8:
            waits = guests.on(1, 'sleep 1; kill -0 $(cat /tmp/cat.pid) && echo waits')
            guests.tell('')
            guests.session.type(PREFIX + 'r')
            guests.foe_again(victim)
            tap.check('who sends to a peer that takes nothing waits', waits == 'waits\n')
        ended = guests.end(1, 'cat')
        tap.check(f'a peer that {what}: {ended}', ended == (1, f'argo-cat: foe:5000: {RESET}'))


def wire(tap, guests, victim):
    """What linux/argo sends, byte by byte: written by hand from OpenXT's published headers (argo.md, A3 and A12)."""
    guests.foe('l8', 'answers 8')
    guests.start(1, 'cat', 'echo hello | argo-cat -s foe:5000')
    sent = guests.end(1, 'cat') == (0, '')
    found = bytes.fromhex(guests.foe('w96', r'bytes ([0-9a-f]{192})')[1])
    source = bytes((0x88, 0x13, 0, 0, victim, 0, 0, 0)) + b'mRt5'  # port 5000, domain, pad; message type 0x3574526d
    conid = found[20:24]
    for what, at, expected in (
            ('a connection is asked for', 0, b'\x18\0\0\0' + source + b'\x01\0\0\0' + conid),
            ('data', 32, b'\x1e\0\0\0' + source + b'\0\0\0\0' + conid + b'hello\n'),
            ('the end, with a reason', 64, b'\x1c\0\0\0' + source + b'\x04\0\0\0' + conid + b'\0\0\0\0')):
        tap.check(f"{what}: the bytes are the protocol's", sent and found[at:at + len(expected)] == expected)


def half_open(tap, guests, victim):
    """Connections from there that nobody accepts: so many are kept, and no more; they go with who made them."""
    before = guests.number(SOCKETS)
    guests.start(1, 'echo', 'exec argo-echo 5001')
    guests.on(1, 'usleep 300000; kill -STOP $(cat /tmp/echo.pid)')
    match = guests.foe('s1000', r'of 1000 connections (\d+) were accepted, (\d+) refused')
    accepted, refused = int(match[1]), int(match[2])
    kept = guests.number(SOCKETS) - before
    tap.check(f'of 1000 connections {accepted} are taken, {refused} refused, {kept} sockets kept', 0 < accepted <= 33 and
              accepted + refused == 1000 and kept <= accepted + 8)
    guests.tell('')
    guests.session.type(PREFIX + 'r')
    guests.foe_again(victim)
    guests.on(1, 'kill -CONT $(cat /tmp/echo.pid)')
    out = guests.on(2, '(echo mine; sleep 1) | argo-cat -w 20 linux1:5001')
    tap.check('when it has died there is room for others', out == 'mine\n')


def signals(tap, guests):
    """Who does not read is not interrupted for what is added to what he has not read."""
    guests.on(1, 'kill -STOP $(cat /tmp/echo.pid)')
    taken = int(guests.foe('d1000', r'of 1000 datagrams (\d+) were taken')[1])
    before = guests.number(INTERRUPTS)
    more = int(guests.foe('d300', r'of 300 datagrams (\d+) were taken')[1])
    interrupts = guests.number(INTERRUPTS) - before
    tap.check(f'{more} messages behind {taken} that are not read: {interrupts} interrupts',
              more >= 100 and interrupts <= more // 10)
    guests.on(1, 'kill -CONT $(cat /tmp/echo.pid)')


def garbage(tap, guests, victim):
    """While files go between the other two; then the foe is killed in the middle of it."""
    # Real connections between both, from either side, so that some of the garbage is about them.
    guests.start(1, 'tries', 'until [ -e /tmp/stop ]; do argo-cat -r foe:5000; echo x | argo-cat -s -u foe:5001; done >/dev/null')
    for ends in ('at its end', 'killed'):
        guests.tell('g4' if ends == 'at its end' else 'g1000')
        for listens in ('-r', '-s'):
            guests.file(tap, f'beside garbage ({ends})', listens)
        if ends == 'killed':
            guests.tell('')
            guests.session.type(PREFIX + 'r')
            guests.foe_again(victim)
        else:
            match = guests.session.expect(r'^(?:\[foe\] )?foe: (\d+) messages of garbage', anywhere=True)
            tap.check(f'{match[1]} messages of garbage were taken', int(match[1]) > 1000)
    guests.on(1, 'touch /tmp/stop')
    tap.check('who tried to talk to it comes to an end', guests.end(1, 'tries')[0] is not None)
    out = guests.on(2, '(echo mine; sleep 1) | argo-cat -w 20 linux1:5001')
    tap.check('the one that it was all sent to still serves', out == 'mine\n')


def ending(tap, guests, before):
    """Nothing is left of all this."""
    guests.on(1, 'kill $(cat /tmp/echo.pid)')
    tap.check('no socket is left', guests.comes(1, f'[ $({SOCKETS}) -le {before} ]') and
              guests.comes(1, '[ $(cat /sys/module/keel_argo/refcnt) = 0 ]', 5))
    tap.check('the module can be removed', guests.on(1, 'rmmod keel_argo && insmod /lib/modules/keel-argo.ko && echo done') == 'done\n')
    guests.file(tap, 'afterwards', '-r')
    for number in (1, 2):
        said = guests.on(number, "dmesg | grep -iE 'warning|bug:|oops|damaged|no ring|call trace|hung|stall' ; true")
        tap.check(f"linux{number}'s kernel has nothing to complain of {said}", said == '')


def main():
    with Tap() as tap:
        ports = ', '.join(f'"linux1:{port}"' for port in (5000, 5001))
        session = tap.session(system(
            console(), service('scheduler', 'scheduler-equal'), linux('linux1', 'provides = <5000 5001>;'), linux('linux2', f'uses = {ports};'),
            guest('foe', more=f'uses = {ports}; restart {{ limit = <100>; }};')), cpus=2)
        for line in (r'^\[linux2\] Keel guest ready', r'^Keel guest ready', r'^\[foe\] foe: ready'):
            session.expect(line, anywhere=True)
        guests = Hostile(session)
        for number in (1, 2):
            guests.quiet(number)
            guests.on(number, f'dd if=/dev/urandom of=/tmp/file bs=1M count={MIB} 2>/dev/null')
        victim = int(guests.on(2, 'argo-cat -p').split('linux1, domain ')[1].split(':')[0])
        before = guests.number(SOCKETS)
        guests.foe(f'v{victim}', 'attacks')
        answers(tap, guests, victim)
        wire(tap, guests, victim)
        half_open(tap, guests, victim)
        signals(tap, guests)
        garbage(tap, guests, victim)
        ending(tap, guests, before)
        session.leave()


if __name__ == '__main__':
    main()
