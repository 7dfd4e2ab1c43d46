#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Do the networks of models/ hold their gates on a GPU, at fp16 and in integers?

    tests/gpu_gates.py pack [-o TAR] [--int8 DIR] [--calib SET=DIR]... [--only NAME,...]
    tests/gpu_gates.py run TAR [-o DIR] [--device cuda] [--jobs N] [--only NAME,...]

pack, where the project is built with all its libraries: into one archive go the program with its
libraries, small data sets of procedures that training never saw, and integer plans (of "make
precision": build/precision). With --calib, each network is looked at before: does it fit 16 bits?

run, on a machine with a GPU, NVRTC, python3 and the models of this checkout, and no more than that:
builds each network for the GPU at fp32, fp16 and bf16 and evaluates these and the integer plan by
the gates of models/precision_gates.json, which say how much less than fp32 on the same GPU they may
find. Writes NAME.json (trocar eval) and NAME.txt into DIR; exit code 1 when a gate is missed. bf16
is shown and not judged.

Prints "PASS name: figures", "FAIL name: why" and "SKIP name: reason"; the last line counts them.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'scripts'))

from failure_modes import find_tasks  # noqa: E402
from precision import SETS, SEED, read_json  # noqa: E402

# Of "trocar sim dataset": procedures and frames, as scripts/precision.py has them.
SIZES = {'frames': (4, 2), 'seconds': (2, 1), 'clips': (2, 1)}
SYSTEM_LIBRARIES = re.compile(r'lib(c|m|dl|pthread|gcc_s|stdc\+\+)\.so|ld-linux')
PRECISIONS = ('fp32', 'fp16', 'bf16')
JUDGED = ('fp16', 'int8')
TIMEOUT = 240


def chosen(options):
    for task in find_tasks(os.path.join(ROOT, 'models')):
        for network in task.networks:
            if not options.only or network.tier in options.only:
                yield task, network


# ---- pack ----------------------------------------------------------------------------------


def call(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}: exit {done.returncode}\n{done.stderr}')
    return done.stdout


def add_program(options, folder):
    os.makedirs(os.path.join(folder, 'lib'))
    shutil.copy(options.trocar, os.path.join(folder, 'trocar'))
    for path in re.findall(r'=> (/\S+)', call('ldd', options.trocar)):
        if not SYSTEM_LIBRARIES.search(os.path.basename(path)):
            shutil.copy(path, os.path.join(folder, 'lib'))


def add_data(options, folder):
    for name in sorted({task.set for task, _ in chosen(options)}):
        print(f'rendering {name}', flush=True)
        call(options.trocar, 'sim', 'dataset', '-o', os.path.join(folder, name), '--size',
             '256x144', '--seed', SEED, *SETS[name](*SIZES[name]))


def look_at_ranges(options, task, network, folder):
    data = dict(c.split('=', 1) for c in options.calib).get(task.set)
    if not data:
        return
    for precision in ('fp16', 'bf16'):
        out = call(options.trocar, 'build', network.path, '--record', network.record, '--precision',
                   precision, '--calib', data, '--tune', 0, '--golden', 0, '-o',
                   os.path.join(folder, 'looked-at.plan'))
        print(f'  {network.tier}: {out.splitlines()[0]}', flush=True)
    os.remove(os.path.join(folder, 'looked-at.plan'))


def add_plans(options, folder):
    for task, network in chosen(options):
        look_at_ranges(options, task, network, folder)
        plan = os.path.join(options.int8, network.name + '.int8.plan')
        if os.path.exists(plan):
            shutil.copy(plan, folder)
        else:
            print(f'{plan} is not there: {network.tier} goes without integers', flush=True)


def pack(options):
    with tempfile.TemporaryDirectory() as folder:
        add_program(options, folder)
        add_data(options, folder)
        add_plans(options, folder)
        with tarfile.open(options.output, 'w:xz', preset=4) as tar:
            for name in sorted(os.listdir(folder)):
                tar.add(os.path.join(folder, name), name)
    print(f'{options.output}: {os.path.getsize(options.output) / 1e6:.1f} MB')
    return 0


# ---- run -----------------------------------------------------------------------------------


class Failure(Exception):
    pass


class Machine:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        library_path = os.path.join(folder, 'lib')
        if os.environ.get('LD_LIBRARY_PATH'):
            library_path += ':' + os.environ['LD_LIBRARY_PATH']
        self.env = {**os.environ, 'LD_LIBRARY_PATH': library_path}
        os.makedirs(options.output, exist_ok=True)

    def trocar(self, log, *arguments, codes=(0,)):
        command = [os.path.join(self.folder, 'trocar'), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=self.env,
                                  timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failure(f'trocar {arguments[0]}: more than {TIMEOUT} s') from e
        log.write(f'$ {" ".join(command)}\n{done.stdout}{done.stderr}\n')
        if done.returncode not in codes:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise Failure(f'trocar {arguments[0]}: exit {done.returncode}: {" ".join(lines[-1:])}')
        return done

    def plans_of(self, network, log):
        """One for each precision, fp32 first; those that are there."""
        plans = {}
        for precision in PRECISIONS:
            plans[precision] = os.path.join(self.folder, f'{network.name}.{precision}.plan')
            self.trocar(log, 'build', network.path, '--record', network.record, '--device',
                        self.options.device, '--precision', precision, '--tune', 0, '--golden', 0,
                        '-o', plans[precision])
        int8 = os.path.join(self.folder, network.name + '.int8.plan')
        if os.path.exists(int8):
            plans['int8'] = int8
        return plans

    def check_place(self, plans, out, log):
        """Did it run where and as it was asked to?"""
        for precision, plan in plans.items():
            self.trocar(log, 'bench', plan, '--device', self.options.device, '--duration', 0.05,
                        '--json', out + '.bench.json')
            report = read_json(out + '.bench.json')
            found = (report['device'].split(':')[0], report['precision'])
            wanted = (self.options.device.split(':')[0],
                      'fp32' if precision == 'int8' else precision)
            if wanted[0] != 'cpu' and found != wanted:
                raise Failure(f'{precision}: expected to run as {wanted}, found {found}')
        os.remove(out + '.bench.json')

    def evaluate(self, task, network):
        """What was found: {precision: gates}."""
        out = os.path.join(self.options.output, network.name)
        gates = os.path.join(self.folder, network.name + '.gates.json')
        all_gates = read_json(os.path.join(ROOT, 'models', 'precision_gates.json'))
        with open(gates, 'w', encoding='utf-8') as f:
            json.dump(all_gates[task.name], f)
        with open(out + '.txt', 'w', encoding='utf-8') as log:
            plans = self.plans_of(network, log)
            limit = ['--limit', self.options.limit] if self.options.limit else []
            self.trocar(log, 'eval', os.path.join(self.folder, task.set), *plans.values(),
                        '--device', self.options.device, '--gate', gates, '--json', out + '.json',
                        *limit, codes=(0, 1))
            self.check_place(plans, out, log)
        found = read_json(out + '.json')['gates']
        return {precision: [g for g in found if g['engine'] == path]
                for precision, path in plans.items() if precision != 'fp32'}


def figures(gates):
    g = next(g for g in gates if g['max_loss'] is not None)
    return f"{g['metric']} {g['value']:.4f}, fp32 {g['first']:.4f}"


def missed(gates):
    return [f"{g['metric']} {g['of']}{' of ' + g['group'] if g['group'] else ''}: {g['value']}, "
            f"{g['first']} at fp32" for g in gates if not g['pass']]


class Results:
    def __init__(self):
        self.counts = {'PASS': 0, 'FAIL': 0, 'SKIP': 0}

    def add(self, verdict, text):
        self.counts[verdict] += 1
        print(f'{verdict} {text}', flush=True)

    def judge(self, network, by_precision):
        for precision, gates in by_precision.items():
            label, wrong = f'{network.tier} {precision}', missed(gates)
            if precision not in JUDGED:
                print(f'# {label}: {figures(gates)}' + (f'; {len(wrong)} missed' if wrong else ''))
            elif wrong:
                self.add('FAIL', f'{label}: {"; ".join(wrong)}')
            else:
                self.add('PASS', f'{label}: {figures(gates)}, {len(gates)} gates')
        if 'int8' not in by_precision:
            self.add('SKIP', f'{network.tier} int8: there is no plan of integers')


def run(options):
    results = Results()
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(options.tar) as tar:
            tar.extractall(folder)
        machine = Machine(options, folder)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            futures = {pool.submit(machine.evaluate, task, network): network
                       for task, network in chosen(options)}
            for future in concurrent.futures.as_completed(futures):
                try:
                    results.judge(futures[future], future.result())
                except Failure as e:
                    results.add('FAIL', f'{futures[future].tier}: {e}')
    print('{PASS} passed, {FAIL} failed, {SKIP} skipped'.format(**results.counts))
    return 1 if results.counts['FAIL'] else 0


def parse(argv):
    p = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    actions = p.add_subparsers(dest='action', required=True)
    for name in ('pack', 'run'):
        a = actions.add_parser(name)
        a.add_argument('--only', type=lambda text: text.split(','), help='names of networks')
    a = actions.choices['pack']
    a.add_argument('-o', '--output', default=os.path.join(ROOT, 'build', 'gpu_gates.tar.xz'))
    a.add_argument('--trocar', default=os.path.join(ROOT, 'build', 'trocar'))
    a.add_argument('--int8', metavar='DIR', default=os.path.join(ROOT, 'build', 'precision'))
    a.add_argument('--calib', metavar='SET=DIR', action='append', default=[])
    a = actions.choices['run']
    a.add_argument('tar')
    a.add_argument('-o', '--output', default='gpu_gates')
    a.add_argument('--device', default='cuda')
    a.add_argument('--jobs', type=int, default=8, help='networks at a time (8)')
    a.add_argument('--limit', type=int, help='frames of each data set at most')
    return p.parse_args(argv)


def main(argv):
    options = parse(argv)
    return pack(options) if options.action == 'pack' else run(options)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
