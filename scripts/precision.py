#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the networks of models/ lose and gain in integers: "make precision".

    scripts/precision.py [-o DIR] [--procedures N] [--frames N] [--calibrate N] [--only NAME,...]
                         [--keep]

Renders procedures to calibrate with and others to judge on, that training never saw; builds an
INT8 engine of each network by the gates of models/precision_gates.json; times it beside the one at
fp32, the two in turns. Writes to build/precision

    NAME.html, NAME.json   layers, gates, slices, worst frames (trocar build)
    table.md               all networks

The exit code is 1 when a network has no engine that passes. --keep takes data sets that are there.
"""
import argparse
import json
import os
import subprocess
import sys

from failure_modes import ROOT, find_tasks

SEED, CALIBRATION_SEED = 5000003, 4600003
TURNS, SECONDS = 5, 1

# Options of "trocar sim dataset" for the frames that a task sees; all have each disturbance.
SETS = {
    'frames': lambda procedures, frames: [
        '--procedures', procedures, '--frames', frames, '--every', 11, '--first', 50,
        '--strengths', 0.5, '--cameras'],
    'seconds': lambda procedures, frames: [
        '--procedures', max(procedures // 2, 1), '--frames', 8 * frames, '--every', 1,
        '--strengths', 0.5],
    'clips': lambda procedures, frames: [
        '--procedures', max(procedures // 2, 1), '--frames', 4 * frames, '--fps', 12.5,
        '--every', 0.08, '--first', 100, '--strengths', 0.5],
}


def trocar(options, *arguments, codes=(0,)):
    command = [options.trocar, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in codes:
        sys.exit(f'{" ".join(command)}: exit {done.returncode}\n{done.stderr}')
    return done


def render(options, name, what, seed, frames):
    folder = os.path.join(options.output, f'{what}-{name}')
    is_there = options.keep and os.path.exists(os.path.join(folder, 'frames.jsonl'))
    if folder not in options.rendered and not is_there:
        print(f'rendering {name} to {what} on', flush=True)
        trocar(options, 'sim', 'dataset', '-o', folder, '--size', options.size, '--seed', seed,
               *SETS[name](options.procedures, frames))
    options.rendered.add(folder)
    return folder


def read_json(path):
    with open(path, encoding='utf-8') as f:
        return json.load(f)


def time_both(options, first, second):
    """Medians in ms of two plans that take turns: the least of each, which noise has spared."""
    found = {first: [], second: []}
    for _ in range(TURNS):
        for plan, times in found.items():
            out = os.path.join(options.output, 'bench.json')
            trocar(options, 'bench', plan, '--duration', SECONDS, '--threads', options.threads,
                   '--json', out)
            result = read_json(out)
            times.append(result['latency_ms']['p50'])
    return min(found[first]), min(found[second])


def build(options, task, network):
    """A row of the table; None where no engine passes."""
    out = os.path.join(options.output, network.name)
    gates = read_json(os.path.join(ROOT, 'models', 'precision_gates.json'))[task.name]
    with open(out + '.gates.json', 'w', encoding='utf-8') as f:
        json.dump(gates, f)
    print(f'building {network.name}', flush=True)
    base = ['build', network.path, '--record', network.record, '--threads', options.threads]
    trocar(options, *base, '-o', out + '.plan')
    done = trocar(options, *base, '-o', out + '.int8.plan', '--precision', 'int8',
                  '--calib', render(options, task.set, 'calibrate', CALIBRATION_SEED,
                                    options.calibrate),
                  '--eval', render(options, task.set, 'judge', SEED, options.frames),
                  '--gate', out + '.gates.json', '--html', out + '.html', '--json', out + '.json',
                  codes=(0, 1))
    for line in (done.stdout + done.stderr).splitlines():
        if line.startswith(('gate: ', 'trocar: ', 'trial ')):
            print(f'  {line}', flush=True)
    if done.returncode:
        return None
    return row_of(network, read_json(out + '.json')['quantization'],
                  time_both(options, out + '.plan', out + '.int8.plan'))


def row_of(network, result, times):
    losses = [g for g in result['gates'] if g['loss'] is not None]
    first = losses[0]
    worst = [g for g in losses if g['each']]
    floats = [layer['name'] for layer in result['layers'] if layer['precision'] != 'int8']
    return [network.name, f"{100 * result['int_share']:.0f} %", str(len(floats)),
            f"{first['metric']} {first['first']:.4f}", f"{first['value']:.4f}",
            f"{first['loss']:+.4f}",
            ', '.join(f"{g['of'] or g['group']} {g['loss']:+.4f}" for g in worst) or '-',
            f'{times[0]:.2f}', f'{times[1]:.2f}', f'{times[0] / times[1]:.2f}']


HEADS = ['network', 'MACs in INT8', 'layers in floats', 'FP32', 'INT8', 'loss', 'worst of each',
         'FP32, ms', 'INT8, ms', 'times as fast']


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('-o', '--output', default=os.path.join(ROOT, 'build', 'precision'))
    parser.add_argument('--trocar', default=os.path.join(ROOT, 'build', 'trocar'))
    parser.add_argument('--procedures', type=int, default=8)
    parser.add_argument('--frames', type=int, default=4, help='of each procedure, to judge on')
    parser.add_argument('--calibrate', type=int, default=25, help='likewise, to calibrate with')
    parser.add_argument('--size', default='256x144')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--only', type=lambda text: text.split(','), help='names of networks')
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    options.rendered = set()
    os.makedirs(options.output, exist_ok=True)
    rows, n_missed = [], 0
    tasks = list(find_tasks(os.path.join(ROOT, 'models')))
    names = [network.tier for task in tasks for network in task.networks]
    unknown = sorted(set(options.only or []) - set(names))
    if unknown:
        parser.error(f'--only: expected some of {", ".join(names)}, found {", ".join(unknown)}')
    for task in tasks:
        for network in task.networks:
            if options.only and network.tier not in options.only:
                continue
            row = build(options, task, network)
            rows.append(row or [network.name, *['-'] * (len(HEADS) - 1)])
            n_missed += row is None
    lines = [HEADS, ['---'] * len(HEADS), *rows]
    table = ''.join(f'| {" | ".join(cells)} |\n' for cells in lines)
    with open(os.path.join(options.output, 'table.md'), 'w', encoding='utf-8') as f:
        f.write(table)
    print(table)
    sys.exit(1 if n_missed else 0)


if __name__ == '__main__':
    main()
