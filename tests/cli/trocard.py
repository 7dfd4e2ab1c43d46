#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""trocard without media: admission, frames through workers, what was measured."""
import json
import os
import socket
import subprocess
import sys

from _kit import (F32, ROOT, TROCAR, Mismatch, Skip, emulator, equal, holds, info, main, model,
                  node, read_json, test, trocar, write)
from _theatre import make_frames, make_plan, make_plans

TROCARD = os.path.join(os.path.dirname(TROCAR), 'trocard')
FORM = 'nv12:64x36'
CONFIG = '''source: {{kind: frames, location: frames, width: 64, height: 36, fps: {fps}}}
budget_ms: 1000
networks:
  - {{name: tissue, plan: tissue.plan, worst_ms: {worst}, deadline_ms: 1000, device: {device}}}
  - {{name: outside, plan: outside.plan, worst_ms: 1, deadline_ms: 1000, every: 2,
     device: {device}}}
'''


def trocard(*arguments, code=0, env=None):
    done = subprocess.run([TROCARD, *map(str, arguments)], capture_output=True, text=True,
                          timeout=300, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    if 'libyaml' in done.stderr or 'jansson' in done.stderr:
        raise Skip('built without libyaml or jansson')
    if done.returncode != code:
        raise Mismatch(f'trocard {" ".join(map(str, arguments))}: exit {done.returncode}, expected '
                       f'{code}: {(done.stderr + done.stdout).strip()[-500:]}')
    return done


def setup(fps=20, worst=1):
    make_frames(64, 36)
    make_plans(FORM)
    write('console.yaml', CONFIG.format(fps=fps, worst=worst, device='cpu'))


def refused(*arguments, says, code=2):
    err = trocard(*arguments, code=code).stderr
    if not err.startswith('trocard: ') or says not in err:
        raise Mismatch(f'expected "trocard: ... {says} ...", found {err!r}')


@test
def what_it_is_asked():
    holds(trocard('--help').stdout, '--config FILE', '--no-media', '--check')
    refused(says='--config FILE')
    refused('--config', 'none.yaml', says='none.yaml')
    refused('--config', 'none.yaml', '--frames', 'x', says="found 'x'")
    refused('--config', 'none.yaml', 'more', says="found 'more'")


@test
def a_set_that_fits():
    setup()
    holds(trocard('--config', 'console.yaml', '--check').stdout, 'tissue', 'outside', 'fits')


@test
def a_set_that_does_not_fit():
    setup(worst=60)
    table = trocard('--config', 'console.yaml', '--check', code=1).stdout
    holds(table, 'DOES NOT FIT', 'tissue: its lane would be busy')
    done = trocard('--config', 'console.yaml', '--no-media', '--frames', 5, code=1)
    holds(done.stderr, 'DOES NOT FIT')
    equal(done.stdout, '')


@test
def plans_that_cannot_be_opened():
    setup()
    os.remove('outside.plan')
    refused('--config', 'console.yaml', '--no-media', '--frames', 5, says='outside.plan')
    make_plan('outside', 'outside_small', FORM)
    with open('console.yaml', encoding='utf-8') as f:
        text = f.read()
    write('console.yaml', text.replace('width: 64', 'width: 128'))
    refused('--config', 'console.yaml', '--check', says='trocar build --frames nv12:128x36')
    write('console.yaml', text.replace('kind: frames', 'kind: file'))
    refused('--config', 'console.yaml', '--no-media', says='must be frames')


def check_run(result, n_frames):
    equal((result['frames'], result['unseen_frames']), (n_frames, 0))
    equal(result['complete'] + result['incomplete'], n_frames)
    tissue, outside = result['networks'][:2]
    equal((tissue['name'], outside['name']), ('tissue', 'outside'))
    for network, n in ((tissue, n_frames), (outside, n_frames // 2)):
        counted = network['ran'] + network['skipped_busy'] + network['skipped_late']
        # The last frames may be on their way when it ends.
        if not n - 2 <= counted <= n or network['ran'] < 1:
            raise Mismatch(f'expected {n} frames to be accounted for, found {network}')
        times = network['latency_ms']
        if not 0 < times['min'] <= times['p50'] <= times['p999'] <= times['max']:
            raise Mismatch(f'{times}')
        stages = sum(network['stages_ms'][s]['mean'] for s in
                     ('wake', 'wait', 'run', 'decode', 'send'))
        if abs(stages - times['mean']) > 0.01 * times['mean'] + 0.01:
            raise Mismatch(f'stages are {stages} ms, the whole is {times["mean"]} ms')


@test
def frames_through_workers():
    setup()
    done = trocard('--config', 'console.yaml', '--no-media', '--frames', 40, '--json', 'r.json')
    holds(done.stdout, '40 frames', 'tissue', 'outside')
    result = read_json('r.json')
    check_run(result, 40)
    equal(workers_of(result), [('cpu', 'main', 1)])


def workers_of(result):
    equal([w['refused'] for w in result['workers']], [0] * len(result['workers']))
    return [(w['device'], w['process'], w['starts']) for w in result['workers']]


@test
def a_plan_on_trial():
    setup()
    for n_frames in (60, 400):  # a plan takes its time to open where sanitizers look on
        trocard('--config', 'console.yaml', '--no-media', '--frames', n_frames, '--json', 'r.json',
                '--trial', 'outside.plan@0.5')
        result = read_json('r.json')
        check_run(result, n_frames)
        trial = result['networks'][2]
        equal((trial['name'], trial['trial']), ('trial', True))
        equal(workers_of(result), [('cpu', 'main', 1), ('cpu', 'trials', 1)])
        if trial['ran'] >= 1:
            break
    else:
        raise Mismatch('the plan on trial never ran')
    refused('--config', 'console.yaml', '--no-media', '--frames', 60, '--trial', 'none.plan@0',
            says='none.plan')


def add_trial(plan):
    with open('console.yaml', 'a', encoding='utf-8') as f:
        f.write(f'  - {{name: new, plan: {plan}, trial: true}}\n')


@test
def a_trial_of_the_configuration():
    setup()
    add_trial('outside.plan')
    table = trocard('--config', 'console.yaml', '--check').stdout
    holds(table, 'new              cpu      on trial, in a process of its own\n')
    trocard('--config', 'console.yaml', '--no-media', '--frames', 40, '--json', 'r.json')
    result = read_json('r.json')
    check_run(result, 40)
    equal(workers_of(result), [('cpu', 'main', 1), ('cpu', 'trials', 1)])
    os.remove('outside.plan')
    make_plan('outside', 'outside_small', FORM)
    write('console.yaml', CONFIG.format(fps=20, worst=1, device='cpu'))
    add_trial('none.plan')
    refused('--config', 'console.yaml', '--check', says='network new, on trial: none.plan')


@test
def privacy_that_nothing_guards():
    setup()
    with open('console.yaml', 'a', encoding='utf-8') as f:
        f.write('privacy: {network: tissue, name: liver}\n')
    refused('--config', 'console.yaml', '--check',
            says="console.yaml:7:34: privacy.name: expected a score of the network 'tissue', found "
                 "'liver'")


RULES = '''facts:
  outside: {value: outside.out-of-body, max_age: 5 s}
  wall: {share: tissue.abdominal-wall, max_age: 5 s}
rules:
  - name: inside-or-not
    priority: 1
    when: {any: [{fact: outside, above: -1}, {unknown: wall}], for: 2 frames}
    say: {en: "{outside} {wall} %", zh: "体外 {outside}"}
'''


def sentences(path):
    with open(path, encoding='utf-8') as f:
        return [line for line in f if line.startswith('{"sentence"')]


@test
def rules_and_records():
    setup()
    with open('console.yaml', 'a', encoding='utf-8') as f:
        f.write('rules: rules.yaml\n')
    write('rules.yaml', RULES)
    done = trocard('--config', 'console.yaml', '--no-media', '--frames', 60, '--record', 'r.jsonl')
    holds(done.stdout, ': inside-or-not: ', '60 frames')
    said = sentences('r.jsonl')
    if not said:
        raise Mismatch('no sentence was recorded')
    equal(json.loads(said[0])['sentence']['event'], 'began')
    for _ in range(2):
        equal(trocard('--config', 'console.yaml', '--replay', 'r.jsonl').stdout, ''.join(said))
    write('rules.yaml', RULES.replace('fact: outside', 'fact: elsewhere'))
    for how in (('--no-media', '--frames', 5), ('--replay', 'r.jsonl')):
        refused('--config', 'console.yaml', *how,
                says='rules.yaml:7:25: rules[0].when.any[0].fact: expected one of the facts, found '
                     "'elsewhere'")
    write('rules.yaml', RULES)
    write('r.jsonl', '{"recording": 2}\n')
    refused('--config', 'console.yaml', '--replay', 'r.jsonl',
            says='r.jsonl:1: recording: expected 1 to 1, found 2')
    refused('--config', 'console.yaml', '--no-media', '--frames', 5, '--record', 'no/such',
            says='no/such: cannot write')


@test
def killed_workers():
    setup()
    script = os.path.join(ROOT, 'scripts', 'console_kill.py')
    hangs = '3' if 'ASAN_OPTIONS' in os.environ else '0'  # AddressSanitizer is slow
    done = subprocess.run([sys.executable, script, '--config', 'console.yaml', '--kills', '3',
                           '--seconds', '6', '--gap', '10000', '--hangs', hangs, '--build',
                           os.path.dirname(TROCAR)], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Mismatch(f'{done.stdout}{done.stderr}')
    holds(done.stdout, '3 kills', ' 0 of them lost')


def setup_gpu(fps):
    """A small network of its own: the emulator takes its time."""
    env = emulator()
    make_frames(64, 36)
    net = model('net.onnx', [node('GlobalAveragePool', 'image', 'mean'),
                             node('Flatten', 'mean', 'score')],
                [info('image', F32, [1, 3, 18, 32])], [info('score', F32, [1, 3])])
    write('net.json', json.dumps({
        'inputs': {'image': {'format': 'rgb8', 'scale': 1 / 255}},
        'outputs': {'score': {'decode': 'scores', 'names': ['red', 'green', 'blue']}}}))
    for name in ('tissue', 'outside'):
        trocar('build', net, '--record', 'net.json', '--frames', FORM, '-o', name + '.plan',
               '--tune', 0, '--golden', 0)
    write('console.yaml', CONFIG.format(fps=fps, worst=1, device='cuda'))
    env['CUDA_MPS_PIPE_DIRECTORY'] = 'mps'  # not that of this machine
    return env


def run_gpu_with_trial(env):
    """Processes. The plan takes its time to open where the machine is busy."""
    trocard('--config', 'console.yaml', '--no-media', '--frames', 10, '--json', 'r.json',
            '--trial', 'outside.plan@0.3', env=env)
    result = read_json('r.json')
    check_run(result, 10)
    equal([w['notice'] for w in result['workers']], [''] * len(result['workers']))
    return workers_of(result)


@test
def on_an_emulated_gpu():
    env = setup_gpu(fps=5)
    equal(run_gpu_with_trial(env), [('cuda:0', 'main', 1)])


def pretend_mps():
    """The socket of a control daemon, which takes what comes and says nothing."""
    os.mkdir('mps')
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.bind('mps/control')
    control.listen(16)
    return control


@test
def trials_beside_an_emulated_gpu():
    """In a process of their own where MPS is, else in the worker of the others."""
    env = setup_gpu(fps=5)
    with pretend_mps():
        equal(run_gpu_with_trial(env), [('cuda:0', 'main', 1), ('cuda:0', 'trials', 1)])
        with open('console.yaml', 'a', encoding='utf-8') as f:
            f.write('  - {name: new, plan: outside.plan, trial: true, device: cuda}\n')
        table = trocard('--config', 'console.yaml', '--check', env=env).stdout
        holds(table, 'new              cuda:0   on trial, in a process of its own\n')
        with open('console.yaml', 'a', encoding='utf-8') as f:
            f.write('workers: {cuda_mps: never}\n')
        table = trocard('--config', 'console.yaml', '--check', env=env).stdout
        holds(table, 'in the worker of the others: no CUDA MPS (workers.cuda_mps is never)\n')
        equal(run_gpu_with_trial(env), [('cuda:0', 'main', 1)])


@test
def a_gpu_that_faults():
    """Nothing runs on it any more in that process: another one takes its place."""
    env = setup_gpu(fps=10)
    env['TRO_EMU_FAULT'] = 'cuGraphLaunch:12'
    done = trocard('--config', 'console.yaml', '--no-media', '--frames', 40, '--json', 'r.json',
                   env=env)
    result = read_json('r.json')
    worker = result['workers'][0]
    if worker['starts'] < 2 or worker['refused'] or result['networks'][0]['ran'] < 10:
        raise Mismatch(f'expected a second worker to go on, found {worker} {done.stderr}')
    holds(worker['why'], 'worker of cuda:0', 'CUDA')


main()
