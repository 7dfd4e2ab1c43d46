#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills workers of a console at random moments and looks whether it takes note of nothing else.

    scripts/console_kill.py --config FILE [--kills 100] [--seconds 300] [--build build] [--seed 1]
                            [-- OPTION OF TROCARD...]

Runs `trocard --no-media` with that configuration, kills -9 one of its workers after random pauses,
and checks what it measured: no frame was lost to the workers, each worker was started once more for
each of its kills, nothing it said was refused, and all frames that came while a worker ran are
accounted for. Prints how long findings were missing after a kill. Exit 1 when anything is off.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time


def children(pid):
    """Workers of the process, by their ids."""
    found = []
    for task in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{task}/children', encoding='ascii') as f:
                found += [int(word) for word in f.read().split()]
        except OSError:
            continue
    return found


def is_worker(pid):
    """Not one that has been made and does not yet run its program, nor one that has ended."""
    try:
        with open(f'/proc/{pid}/comm', encoding='ascii') as f:
            if f.read().strip() != 'trocar-worker':
                return False
        with open(f'/proc/{pid}/stat', encoding='ascii') as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def kill_some(process, options, chance):
    """Returns how many were killed."""
    pause = options.seconds / (options.kills + 1)
    n_killed = 0
    while n_killed < options.kills and process.poll() is None:
        time.sleep(pause * chance.uniform(0.5, 1.5))
        workers = [p for p in children(process.pid) if is_worker(p)]
        if not workers:
            continue
        try:
            os.kill(chance.choice(workers), signal.SIGKILL)
            n_killed += 1
        except ProcessLookupError:
            continue
    return n_killed


def check(result, n_killed, options):
    """Messages of what is off."""
    wrong = []
    starts = sum(w['starts'] for w in result['workers'])
    hangs = sum(w['hangs'] for w in result['workers'])
    expected = n_killed + hangs + len(result['workers'])
    if starts != expected:
        wrong.append(f'expected {expected} starts of workers, found {starts}')
    if result['unseen_frames']:
        wrong.append(f'{result["unseen_frames"]} frames could not be seen by any worker')
    for worker in result['workers']:
        if worker['refused'] or worker['hangs'] > options.hangs:
            wrong.append(f'worker of {worker["device"]}: {worker["refused"]} messages refused, '
                         f'{worker["hangs"]} hangs, expected at most {options.hangs}')
    for network in result['networks']:
        if network['ran'] < 1:
            wrong.append(f'{network["name"]}: no findings at all')
        if network['longest_gap_ms'] > options.gap:
            wrong.append(f'{network["name"]}: no findings for {network["longest_gap_ms"]:.0f} ms, '
                         f'expected at most {options.gap:.0f}')
    return wrong


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--config', required=True)
    parser.add_argument('--kills', type=int, default=100)
    parser.add_argument('--seconds', type=float, default=300)
    parser.add_argument('--build', default='build')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--gap', type=float, default=8000,
                        help='ms that findings may be missing: pauses grow to 1 s, and plans are '
                             'opened again')
    parser.add_argument('--hangs', type=int, default=0,
                        help='of a worker, that are no fault: on a machine that has too much to do')
    parser.add_argument('rest', nargs='*')
    return parser.parse_args()


def main():
    options = parse_arguments()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'result.json')
        command = [os.path.join(options.build, 'trocard'), '--config', options.config,
                   '--no-media', '--json', path, *options.rest]
        with open(os.path.join(folder, 'log'), 'w+', encoding='utf-8') as log:
            with subprocess.Popen(command, stderr=log) as process:
                n_killed = kill_some(process, options, chance)
                time.sleep(options.gap / 1000)
                process.send_signal(signal.SIGTERM)
                code = process.wait(60)
            log.seek(0)
            sys.stderr.write(''.join(log.readlines()[-5:]))
        if code != 0:
            print(f'FAIL console_kill: trocard ended with {code}')
            return 1
        with open(path, encoding='utf-8') as f:
            result = json.load(f)
    n_starts = sum(w['starts'] for w in result['workers'])
    gaps = ', '.join(f'{n["name"]} {n["longest_gap_ms"]:.0f} ms' for n in result['networks'])
    print(f'{n_killed} kills, {result["frames"]} frames, {result["unseen_frames"]} of them lost to '
          f'workers, {n_starts} starts; longest without findings: {gaps}')
    wrong = check(result, n_killed, options)
    for text in wrong:
        print('FAIL console_kill: ' + text)
    return 1 if wrong or n_killed < options.kills else 0


if __name__ == '__main__':
    sys.exit(main())
