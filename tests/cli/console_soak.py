#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A short soak of the console: two viewers, peers that misbehave, a worker killed twice."""
import os
import subprocess
import sys

from _kit import ROOT, TROCAR, Mismatch, Skip, holds, main, test, write
from _theatre import make_frames, make_plans

BUILD = os.path.dirname(TROCAR)
FORM = 'nv12:240x144'
CONFIG = '''source: {kind: frames, location: frames, width: 240, height: 144, fps: 15, mark: true}
budget_ms: 1000
networks:
  - {name: tissue, plan: tissue.plan, worst_ms: 1, deadline_ms: 1000}
  - {name: outside, plan: outside.plan, worst_ms: 1, deadline_ms: 1000, every: 2}
rules: rules.yaml
display: [{kind: none}]
encoder: {bitrate_kbps: 500}
server: {listen: "127.0.0.1:0", tokens: tokens, viewers: 16}
'''
RULES = '''facts:
  outside: {value: outside.out-of-body, max_age: 5 s}
rules:
  - name: always
    priority: 1
    when: {fact: outside, above: -1}
    say: {en: "{outside}", zh: "体外 {outside}"}
'''


def setup():
    make_frames(240, 144)
    make_plans(FORM)
    write('console.yaml', CONFIG)
    write('rules.yaml', RULES)
    write('tokens', f'expert {"a" * 20} Dr. Chen\noperator {"b" * 20} Operator\n')


@test
def a_short_one():
    setup()
    script = os.path.join(ROOT, 'scripts', 'console_soak.py')
    done = subprocess.run([sys.executable, script, '--seconds', '20', '--viewers', '2', '--kills',
                           '2', '--config', 'console.yaml', '--build', BUILD],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 3:
        raise Skip(done.stdout.strip())
    if done.returncode != 0:
        raise Mismatch(f'{done.stdout}{done.stderr}')
    holds(done.stdout, 'PASS no video frame lost', 'PASS findings come back: 2 kills',
          'PASS viewers see and leave nothing', 'PASS trocard ends: exit 0')


main()
