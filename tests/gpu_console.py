#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console's deadlines on a GPU: three networks on 1080p frames at 60 a second.

    tests/gpu_console.py [-o DIR] [--frames N] [--device cuda] [--precision fp16]
                         [--no-trial]

Draws frames with the simulator, builds segmentation, detector and depth for them, and runs trocard
without media on frames paced as a camera's: once with the three networks, and once while a fourth
plan is loaded and then runs at the lowest priority (in a second process where CUDA MPS is there).
Each run must have the findings of all networks for every frame within the budget of 10 ms, with
p99.9 at most 5 ms.

Prints a table and "PASS name: figures" or "FAIL name: why"; exit code 1 when one fails.
"""
import argparse
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NETWORKS = (('tissue', 'endoscopy_unet', 0), ('instruments', 'endoscopy_detector', 1),
            ('depth', 'endoscopy_depth', 2))
TRIAL = 'endoscopy_landmarks'
FORM = (1920, 1080)
FPS = 60
BUDGET_MS, P999_MS = 10, 5
DRAWN = 96  # frames, shown there and back


def call(*command, show=False):
    command = [str(c) for c in command]
    done = subprocess.run(command, capture_output=not show, text=True, check=False)
    if done.returncode != 0 and not show:
        sys.exit(f'{" ".join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}')
    return done.returncode


def path(options, name):
    return os.path.join(options.output, name)


def draw(options):
    if not os.path.exists(path(options, 'frames')):
        call(options.trocar, 'sim', 'endoscopy', '-o', path(options, 'frames.new'), '--frames',
             DRAWN, '--first', 4000, '--size', '%dx%d' % FORM, '--fps', FPS, '--seed', 4000003)
        for name in os.listdir(path(options, 'frames.new')):
            if not name.startswith('frame_'):
                os.remove(os.path.join(path(options, 'frames.new'), name))
        os.rename(path(options, 'frames.new'), path(options, 'frames'))


def build(options, model):
    plan = path(options, model + '.plan')
    base = os.path.join(ROOT, 'models', model)
    call(options.trocar, 'build', base + '.onnx', '--record', base + '.json', '--frames',
         'nv12:%dx%d' % FORM, '--device', options.device, '--precision', options.precision,
         '--tune', 2, '-o', plan)
    return plan


def configure(options):
    lines = ['console: {name: "deadlines", language: en}', 'source:', '  kind: frames',
             '  location: frames', '  width: %d' % FORM[0], '  height: %d' % FORM[1],
             f'  fps: {FPS}', '  format: nv12', '  matrix: bt709', '  range: limited',
             '  focal_length: 0.75', '  loop: true', f'budget_ms: {BUDGET_MS}', 'networks:']
    for name, model, priority in NETWORKS:
        lines.append(f'  - {{name: {name}, plan: {model}.plan, device: "{options.device}", '
                     f'priority: {priority}}}')
    with open(path(options, 'console.yaml'), 'w', encoding='utf-8') as file:
        file.write('\n'.join(lines) + '\n')


def run(options, name, *more):
    out = path(options, name + '.json')
    print(f'--- {name}', flush=True)
    code = call(options.trocard, '--config', path(options, 'console.yaml'), '--no-media',
                '--frames', options.frames, '--json', out, *more, show=True)
    if code != 0:
        print(f'FAIL {name}: trocard ended with {code}')
        return False
    with open(out, encoding='utf-8') as file:
        found = json.load(file)
    latency = found['latency_ms']
    figures = (f'{found["complete"]} of {found["frames"]} frames complete, {found["over_budget"]} '
               f'after {BUDGET_MS} ms, p50 {latency["p50"]:.2f}, p99 {latency["p99"]:.2f}, p99.9 '
               f'{latency["p999"]:.2f}, max {latency["max"]:.2f} ms')
    holds = (found['frames'] == options.frames and found['complete'] == options.frames and
             found['over_budget'] == 0 and latency['p999'] <= P999_MS)
    print(('PASS' if holds else 'FAIL') + f' {name}: {figures}', flush=True)
    return holds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('-o', '--output', default=os.path.join(ROOT, 'build', 'gpu-console'))
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'),
                        help='where the programs are')
    parser.add_argument('--frames', type=int, default=18000)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--precision', default='fp16')
    parser.add_argument('--no-trial', action='store_true')
    options = parser.parse_args()
    options.trocar = os.path.join(options.build, 'trocar')
    options.trocard = os.path.join(options.build, 'trocard')
    os.makedirs(options.output, exist_ok=True)
    draw(options)
    for model in [model for _, model, _ in NETWORKS] + [TRIAL]:
        build(options, model)
    configure(options)
    call(options.trocard, '--config', path(options, 'console.yaml'), '--check', show=True)
    holds = run(options, 'three networks')
    if not options.no_trial:
        holds = run(options, 'and a fourth on trial', '--trial',
                    f'{path(options, TRIAL + ".plan")}@2') and holds
    return 0 if holds else 1


sys.exit(main())
