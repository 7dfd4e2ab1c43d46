#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The console's start: the picture does not wait for the workers, and what is refused all the same.

Workers are held by a script in place of trocar-worker, until a file says that they may go on."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

from _kit import TROCAR, Mismatch, Skip, equal, holds, main, read, test, write
from _theatre import make_frames, make_plans

BUILD = os.path.dirname(TROCAR)
FORM = 'nv12:240x144'
EXPERT, OPERATOR = 'a' * 20, 'b' * 20
CONFIG = '''source: {{kind: frames, location: frames, width: 240, height: 144, fps: 15,
         loop: {loop}}}
budget_ms: 1000
networks:
  - {{name: tissue, plan: tissue.plan, deadline_ms: {deadline}{worst}}}
  - {{name: outside, plan: outside.plan, worst_ms: 1, deadline_ms: 1000, every: 2}}{more}
display: [{{kind: none}}]
server: {{listen: "127.0.0.1:0", tokens: tokens}}
'''
WORKER = '''#!/bin/sh
[ "$CUDA_MPS_CLIENT_PRIORITY" != 1 ] || exit 7    # that of trials is of no use
: >{folder}/held
while [ ! -e {folder}/go ] && kill -0 $PPID; do sleep 0.05; done
exec {worker} "$@"
'''
PATIENCE_S = 120  # sanitizers look on


def setup(deadline=1000, worst=', worst_ms: 1', loop='true', more=''):
    make_frames(240, 144)
    make_plans(FORM)
    write('console.yaml', CONFIG.format(deadline=deadline, worst=worst, loop=loop, more=more))
    write('tokens', f'expert {EXPERT} Dr. Chen\noperator {OPERATOR} Operator\n')
    os.chmod('tokens', 0o600)
    # The worker's program is looked for beside that of the console.
    shutil.copy(os.path.join(BUILD, 'trocard'), 'trocard')
    worker = os.path.abspath(os.path.join(BUILD, 'trocar-worker'))
    write('trocar-worker', WORKER.format(folder=os.getcwd(), worker=worker))
    os.chmod('trocar-worker', 0o755)


class Console:
    """trocard for a test's time."""

    def __init__(self, *arguments):
        self.log = open('log', 'w', encoding='utf-8')
        self.process = subprocess.Popen(['./trocard', '--config', 'console.yaml', *arguments],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def until(self, what, found):
        """What `found` gives, once it gives something."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            value = found()
            if value:
                return value
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.skip_or_fail(what)

    def skip_or_fail(self, what):
        said = read('log')
        if self.process.poll() == 3 and re.search('built|libyaml', said):
            raise Skip(said.strip()[-200:])
        raise Mismatch(f'{what}: {said.strip()[-500:]!r}, exit {self.process.poll()}')

    def port(self):
        found = re.search(r'http://127.0.0.1:(\d+)/', read('log'))
        return int(found.group(1)) if found else 0

    def ask(self, path, token=EXPERT):
        port = self.until('its address', self.port)
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE_S)
        try:
            connection.request('GET', path, headers={'Authorization': 'Bearer ' + token})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def status(self, holds_now=lambda status: True):
        """The status, once it is so."""
        def ask():
            status = json.loads(self.ask('/api/v1/status')[1])
            return status if holds_now(status) else None
        return self.until('its status', ask)

    def ends(self, code):
        self.process.wait(PATIENCE_S)
        if self.process.returncode != code:
            self.skip_or_fail(f'expected exit {code}')
        return read('log')


def states(status):
    return [network['state'] for network in status['networks']]


@test
def a_picture_that_does_not_wait():
    setup()
    with Console() as console:
        status = console.status(lambda s: s['frame'] >= 10 and s['counters']['displayed'] >= 5)
        equal(states(status), ['loading', 'loading'])
        equal([n['labels'] for n in status['networks']], [[], []])
        equal([n['age_ms'] for n in status['networks']], [None, None])
        equal([w['state'] for w in status['workers']], ['starting'])
        code, png = console.ask('/api/v1/display.png', OPERATOR)
        equal((code, png[:4]), (200, b'\x89PNG'))
        write('go', '')
        later = console.status(lambda s: all(n['findings'] for n in s['networks']))
        equal(states(later), ['running', 'running'])
        if not later['networks'][0]['labels'] or later['frame'] <= status['frame']:
            raise Mismatch(f'{later}')
        console.process.send_signal(signal.SIGTERM)
        console.ends(0)


@test
def one_that_is_ended_while_it_loads():
    setup()
    with Console() as console:
        console.status(lambda s: s['frame'] >= 2)
        console.process.send_signal(signal.SIGTERM)
        console.ends(0)


@test
def a_trial_that_crashes_holds_up_nothing():
    setup(more='\n  - {name: new, plan: outside.plan, trial: true}')
    with Console() as console:
        console.status(lambda s: states(s) == ['loading', 'loading', 'refused'])
        write('go', '')
        status = console.status(lambda s: all(n['findings'] for n in s['networks'][:2]))
        equal(states(status), ['running', 'running', 'refused'])
        equal([(w['process'], w['state'], w['restarts']) for w in status['workers']],
              [('main', 'running', 0), ('trials', 'ended', 2)])
        console.process.send_signal(signal.SIGTERM)
        console.ends(0)


@test
def a_source_with_an_end_waits_for_the_workers():
    setup(loop='false')
    with Console('--record', 'r.jsonl') as console:
        console.status(lambda s: os.path.exists('held'))
        time.sleep(0.5)
        equal(console.status()['frame'], 0)
        write('go', '')
        console.ends(0)
    lines = [json.loads(line) for line in read('r.jsonl').splitlines()]
    seen = [line['findings']['frame'] for line in lines if 'findings' in line]
    if not seen:
        raise Mismatch(f'expected findings of some of three frames, found none: {lines}')


@test
def a_plan_that_cannot_be_opened():
    setup()
    os.remove('outside.plan')
    with Console() as console:
        console.status(lambda s: s['frame'] >= 2)
        write('go', '')
        holds(console.ends(2), 'outside.plan')


@test
def what_is_known_not_to_fit_does_not_start():
    setup(worst=', worst_ms: 70')
    with Console() as console:
        log = console.ends(1)
    holds(log, 'DOES NOT FIT', 'tissue: its lane would be busy')
    equal(os.path.exists('held'), False)


@test
def what_is_measured_not_to_fit_ends():
    setup(deadline=0.1, worst='')
    with Console() as console:
        console.status(lambda s: s['frame'] >= 2)
        write('go', '')
        holds(console.ends(1), 'DOES NOT FIT', 'tissue: ')


main()
