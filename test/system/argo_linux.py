#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two Linux guests talk over Argo, with linux/argo and linux/tools: streams and datagrams both ways, back-pressure,
what is refused, the death of a peer, removal of the module. TAP on standard output."""
from keel import PREFIX, SYSTEMS, Tap

MIB = 4
DATAGRAMS = MIB * 32  # of 32 KiB


class Guests:
    """Both shells behind one terminal."""

    def __init__(self, session):
        self.session = session
        self.focus = 1

    def on(self, number, command):
        """A command in linux1 or linux2; what it prints."""
        if number != self.focus:
            self.session.key(str(number), rf'focus: {number} linux{number}')
            self.focus = number
        return self.session.shell(command)

    def quiet(self, number):
        """Its kernel keeps what it says to its log: on the console it would be in the middle of what commands print."""
        self.on(number, 'dmesg -n 1')

    def reborn(self):
        """The one in focus has begun again."""
        self.session.expect(r'^Keel guest ready')
        self.session.expect(r'guest# ')
        self.quiet(self.focus)

    def start(self, number, name, command):
        """In the background; its status will be in /tmp/NAME.status, its errors in /tmp/NAME.error."""
        self.on(number, f'(({command}) 2>/tmp/{name}.error & echo $! >/tmp/{name}.pid; '
                        f'wait $!; echo $? >/tmp/{name}.status) & true')

    def end(self, number, name, seconds=60):
        """Its status and errors, when it has ended; (None, ...) if it goes on."""
        # Twenty looks a second: what has ended is not waited for.
        out = self.on(number, f'n={seconds * 20}; while [ ! -e /tmp/{name}.status -a $n -gt 0 ]; do usleep 50000; '
                              f'n=$((n - 1)); done; cat /tmp/{name}.status || echo none; cat /tmp/{name}.error; '
                              f'rm -f /tmp/{name}.status').splitlines()
        return (int(out[0]) if out and out[0].isdigit() else None), ' '.join(out[1:])


    def comes(self, number, test, seconds=60):
        """Waits until the test holds there, however long the machine takes for it; whether it did."""
        return self.on(number, f'n={seconds * 20}; until {test} || [ $n = 0 ]; do usleep 50000; n=$((n - 1)); done; '
                               f'echo $n') != '0\n'


def names(tap, guests):
    for one, other in ((1, 2), (2, 1)):
        out = guests.on(one, 'argo-cat -p')
        tap.check(f'linux{one} finds its peer, and at which ports', out.startswith(f'linux{other}, domain ') and
                  out.endswith(': sends to its ports 5000 5001 receives at own ports 5000 5001\n'))
    name = guests.on(1, "grep -l linux2 /proc/device-tree/argo/peer@*/label")
    number = int(name.partition('@')[2].partition('/')[0], 16)
    guests.start(2, 'got', 'argo-cat -l -r 5000')
    guests.start(1, 'sent', f'echo by number | argo-cat -w 20 -s {number}:5000')
    tap.check('a peer can be named by its id', guests.end(1, 'sent') == (0, '') and guests.end(2, 'got') == (0, ''))


def files(tap, guests):
    """A file each way, by whoever connects; each has the other's checksum."""
    for number in (1, 2):
        guests.on(number, f'dd if=/dev/urandom of=/tmp/file bs=1M count={MIB} 2>/dev/null')
    for listener, sender in ((2, 1), (1, 2), (2, 2), (1, 1)):
        connects = 3 - listener
        receiver = 3 - sender
        listening, connecting = (('-s', '-r') if sender == listener else ('-r', '-s'))
        said = {'-s': '</tmp/file', '-r': '>/tmp/got'}
        guests.start(listener, 'listener', f'argo-cat -l {listening} 5000 {said[listening]}')
        guests.start(connects, 'connects', f'argo-cat -w 20 {connecting} linux{listener}:5000 {said[connecting]}')
        ended = guests.end(connects, 'connects'), guests.end(listener, 'listener')
        sums = guests.on(sender, 'md5sum </tmp/file'), guests.on(receiver, 'md5sum </tmp/got')
        tap.check(f'linux{sender} sends {MIB} MiB, linux{connects} connects', ended == ((0, ''), (0, '')) and
                  sums[0] == sums[1])


def datagrams(tap, guests):
    guests.start(2, 'echo', 'exec argo-echo 5001')
    out = guests.on(1, 'for i in $(seq 50); do echo datagram $i | argo-cat -w 20 -u -n 1 linux2:5001; done')
    tap.check('datagrams come back, each to who sent it', out == ''.join(f'datagram {i}\n' for i in range(1, 51)))
    out = guests.on(1, '(echo stream; sleep 1) | argo-cat linux2:5001')
    tap.check('so does a stream at the same port', out == 'stream\n')
    guests.on(2, 'kill $(cat /tmp/echo.pid)')


def pressure(tap, guests):
    """Who does not read holds up the sender, and nothing is lost."""
    guests.start(2, 'stream', 'exec argo-cat -l -r 5000 >/tmp/got')
    guests.start(2, 'dgram', f'exec argo-cat -l -r -u -n {DATAGRAMS} 5001 >/tmp/got-datagrams')
    guests.on(2, 'usleep 300000; kill -STOP $(cat /tmp/stream.pid /tmp/dgram.pid)')
    guests.start(1, 'stream', 'exec argo-cat -w 20 -s linux2:5000 </tmp/file')
    guests.start(1, 'dgram', 'exec argo-cat -w 20 -s -u linux2:5001 </tmp/file')
    out = guests.on(1, 'sleep 2; kill -0 $(cat /tmp/stream.pid) && kill -0 $(cat /tmp/dgram.pid) && echo both wait')
    tap.check('senders wait while nobody reads', out == 'both wait\n')
    guests.on(2, 'kill -CONT $(cat /tmp/stream.pid /tmp/dgram.pid)')
    ended = [guests.end(number, name) for number in (1, 2) for name in ('stream', 'dgram')]
    tap.check('they are woken, and end', ended == [(0, '')] * 4)
    sums = {guests.on(1, 'md5sum </tmp/file'), guests.on(2, 'md5sum </tmp/got'),
            guests.on(2, 'md5sum </tmp/got-datagrams')}
    tap.check('nothing was lost, twice there, or out of order', len(sums) == 1)


def refusals(tap, guests):
    """No right, or nobody there. It is the hypervisor that refuses: it counts."""
    denied = 'argo-cat: linux2:4999: Permission denied\n'
    tap.check('a datagram to a port without right is refused',
              guests.on(1, 'echo no | argo-cat -u -s linux2:4999 2>&1') == denied)
    tap.check('a connection to it, too', guests.on(1, 'argo-cat -s linux2:4999 </dev/null 2>&1') == denied)
    guests.session.type(PREFIX + 'l')
    tap.check('the kernel has counted them', guests.session.wait(r'linux1 .*, 2 refusals'))
    guests.session.wait(r'linux2 ')
    tap.check('nobody listens', guests.on(1, 'argo-cat -s linux2:5000 </dev/null 2>&1') ==
              'argo-cat: linux2:5000: Connection refused\n')
    tap.check('a port that is not its own can not be listened at', guests.on(1, 'argo-cat -l -r -u 4999 2>&1') ==
              'argo-cat: 4999: Permission denied\n')


def deaths(tap, guests):
    """The peer is restarted in the middle; then it reboots in order, which kills who sends. Nobody asks the peer: what
    is learnt of its death is what Argo says of its rings and its life."""
    reset = 'Connection reset by peer'
    silence = '/sys/module/keel_argo/parameters/silence'
    guests.on(1, f'echo 0 >{silence}')
    guests.start(2, 'reader', 'argo-cat -l -r 5000 | (head -c 1 >/tmp/began; cat >/dev/null)')
    guests.start(2, 'idle', '(echo; sleep 1000) | argo-cat -l -s 5001')
    guests.start(1, 'writer', 'argo-cat -w 20 -s linux2:5000 </dev/zero')
    guests.start(1, 'waiter', 'argo-cat -w 20 -r linux2:5001 >/tmp/waits')
    tap.check('both are connected', guests.comes(1, '[ -s /tmp/waits ]') and guests.comes(2, '[ -s /tmp/began ]'))
    guests.session.type(PREFIX + 'r')
    guests.reborn()
    tap.check('who was sending gets an error', guests.end(1, 'writer') == (1, f'argo-cat: linux2:5000: {reset}'))
    tap.check('who waited does, too', guests.end(1, 'waiter') == (1, f'argo-cat: linux2:5001: {reset}'))

    guests.start(2, 'sender', 'argo-cat -l -s 5000 </dev/zero')
    guests.on(1, 'mkfifo /tmp/pipe; (head -c 1 >/tmp/half; cat >/dev/null) </tmp/pipe & true')
    guests.start(1, 'reader', 'argo-cat -w 20 -r linux2:5000 >/tmp/pipe')
    tap.check('half a file is there', guests.comes(1, '[ -s /tmp/half ]'))
    guests.on(2, 'true')
    guests.session.type('reboot\r')
    guests.reborn()
    tap.check('half a file is no file: the reader gets an error',
              guests.end(1, 'reader') == (1, f'argo-cat: linux2:5000: {reset}'))

    guests.start(2, 'got', 'argo-cat -l -r 5000')
    guests.start(1, 'sent', 'echo again | argo-cat -w 20 -s linux2:5000')
    guests.on(1, f'echo 2 >{silence}')
    tap.check('the next life can be talked to', guests.end(1, 'sent') == (0, '') and guests.end(2, 'got') == (0, ''))


def removal(tap, guests):
    guests.start(1, 'open', 'exec argo-cat -u linux2:5000 <>/tmp/pipe')
    guests.comes(1, '[ $(cat /sys/module/keel_argo/refcnt) != 0 ]')
    out = guests.on(1, 'rmmod keel_argo 2>&1; echo $?')
    tap.check('a module with sockets stays', out.endswith('temporarily unavailable\n1\n'))
    guests.on(1, 'kill $(cat /tmp/open.pid)')
    guests.end(1, 'open')
    guests.start(1, 'listens', 'exec argo-cat -l -r 5000')
    out = guests.on(1, 'usleep 300000; rmmod keel_argo; echo $?; argo-cat linux2:5000 2>&1')
    tap.check('without it goes', out == '0\nargo-cat: linux2:5000: No such device\n')
    guests.on(1, 'insmod /lib/modules/keel-argo.ko')
    guests.start(2, 'sent', 'echo back | argo-cat -w 20 -s linux1:5000')
    tap.check('and comes back, to who still listens', guests.end(2, 'sent') == (0, '') and
              guests.end(1, 'listens') == (0, ''))


def main():
    with Tap() as tap:
        session = tap.session(SYSTEMS / 'two-linux.dts', cpus=2)
        session.expect(r'focus: 1 linux1')
        session.expect(r'^\[linux2\] Keel guest ready', anywhere=True)
        session.expect(r'^Keel guest ready', anywhere=True)
        guests = Guests(session)
        for number in (1, 2):
            guests.quiet(number)
        for part in (names, files, datagrams, pressure, refusals, deaths, removal):
            part(tap, guests)
        for number in (1, 2):
            said = guests.on(number, "dmesg | grep -iE 'warning|bug:|oops|damaged|no ring|call trace|hung' ; true")
            tap.check(f"linux{number}'s kernel has nothing to complain of", said == '')
        session.type('poweroff\r')
        session.expect(r'builder: linux2 powered off')
        session.key('1', r'focus: 1 linux1')
        session.type('poweroff\r')
        session.end()


if __name__ == '__main__':
    main()
