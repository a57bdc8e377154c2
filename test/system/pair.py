#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two services, of which now one and now the other is killed in the middle of requests and of streams, each in every
way there is: nothing of the streams is lost or doubled, nothing is noted twice, and what became of each request is
told. TAP on standard output.

    pair.py LIVES [unwatched]       of each; neither may watch the other: what it learns is what Argo says
"""
import re
import sys

from keel import Tap, report, service, system

LIVES = 'deadline-ms = <100>; restart { limit = <1000000>; };'


def the_system(lives, watched):
    rights = ' '.join(f'{name} {{ allow = "read", "registers", "stop", "watch"; }};' for name in ('server', 'client'))
    watches = {peer: f'rights {{ {peer} {{ allow = "watch"; }}; }};' if watched else '' for peer in ('server', 'client')}
    return system(
        service('server', 'test-pair-server', f'provides = <7 8>; sends = "client:9"; {LIVES} {watches["client"]}'),
        service('client', 'test-pair-client', f'provides = <9>; uses = "server:7"; sends = "server:8"; '
                f'args = "{lives}"; {LIVES} {watches["server"]}'),
        service('saboteur', 'test-saboteur', f'args = "count={lives}", "every=30", "server", "client"; '
                f'rights {{ {rights} }};'))


def main():
    lives = int(sys.argv[1])
    with Tap() as tap:
        session = tap.session(the_system(lives, sys.argv[2:] != ['unwatched']), cpus=2)
        heard = session.wait(r'^(?:\[server\] )?heard (\d+) bytes, (\d+) wrong, (\d+) lost', anywhere=True)
        if not tap.check('the server hears the end', heard):
            return
        told = session.wait(r'^\[client\] of (\d+) bytes (\d+) came back, (\d+) wrong, (\d+) lost; (\d+) answered, '
                            r'(\d+) looked, (\d+) waited, (\d+) stale, (\d+) other, (\d+) wrong', anywhere=True)
        if not tap.check('the client hears it back', told):
            return
        put, came, wrong, lost, answered, looked, waited, stale, other, misnoted = map(int, told.groups())
        tap.check(f'of {put} bytes none is lost, doubled or wrong on the way there',
                  tuple(map(int, heard.groups())) == (put, 0, 0))
        tap.check('nor on the way back', (came, wrong, lost) == (put, 0, 0))
        tap.check(f'{answered} requests were answered, and done once', answered > 0 and misnoted == 0)
        tap.check(f'{stale} died with the server, which was told', stale > 0)
        tap.check(f'{looked} that may be done twice were answered, whoever died', looked > 0 and other == 0)
        tap.check(f'{waited} were waited for, each at the beginning of a life', waited > 0)
        tap.check('no vault was found spoilt', 'makes no sense' not in session.output)
        tap.check('nobody waited in vain', 'in vain' not in session.output)
        session.leave()
        deaths = len(re.findall(r'builder: (?:server|client) ', session.output))
        report(f'{deaths} deaths in the middle of {put} bytes there and back, and of {answered + stale + looked} requests')


if __name__ == '__main__':
    main()
