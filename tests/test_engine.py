#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole networks through the optimizing engine against the reference kernels.

    tests/test_engine.py [--all] [PATTERN...]     only networks whose name holds one of the patterns

Networks are the trained ones of the test data with their recorded inputs, and with --all (or
TROCAR_TEST_ALL) those of bench/nets.py, which are written to build/nets when they are not there.
Each is read once and runs in many variants (tests/tool_engine.c): with all passes, none, and all
but one; at every level of the processor; tuned; by one thread and by two; from a plan file.

    floating point   max |error| / max |value| of each output at most 1e-4
    quantized        |error| at most one quantum of the last dequantization
"""
import argparse
import os
import subprocess
import sys
import tempfile

import onnx

import test_networks as trained

ROOT = trained.ROOT
BUILD = os.environ.get('TROCAR_BUILD', os.path.join(ROOT, 'build'))
TOOL = os.path.join(BUILD, 'tests', 'tool_engine')
NETS = os.environ.get('TROCAR_NETS', os.path.join(ROOT, 'build', 'nets'))
FLOAT_LIMIT = 1e-4
QUANTUM_LIMIT = 1.001
TIMEOUT = 3000
SEED = '3'  # with it no pixel of the tracker's masks is near its threshold


class Network:
    def __init__(self, name, path, inputs):
        self.name, self.path, self.inputs = name, path, inputs
        self.limits = quantum(path)


def quantum(path):
    """The scale of the last dequantization, None where the network ends in floating point."""
    model = onnx.load(path, load_external_data=False)
    node = trained.last_dequantize(model)
    return None if node is None else float(trained.constant(model, node.input[1]).max())


def lines_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


# ---- networks ------------------------------------------------------------------------------


def trained_networks():
    folder = trained.DATA
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if os.path.exists(os.path.join(folder, name, 'io.txt')):
            net = trained.Network(name)
            yield Network(name, net.path, [f'{tensor}={file}' for tensor, file in net.inputs])


def reference_networks(folder):
    sys.path.insert(0, os.path.join(ROOT, 'bench'))
    import nets
    from netkit import record
    for name in nets.NETS:
        path = os.path.join(NETS, name + '.onnx')
        if not os.path.exists(path):
            subprocess.run([os.path.join(ROOT, 'bench', 'nets.py'), '-o', NETS, name], check=True,
                           stdout=subprocess.DEVNULL)
        files = nets.write_inputs(nets.define(name, record.Params(0)), int(SEED), folder)
        yield Network(name, path, [f'{tensor}={file}' for tensor, file in files.items()])


# ---- variants ------------------------------------------------------------------------------


def variants(is_long, folder):
    """Settings of tool_engine, those that every network runs with first."""
    plan, cache = os.path.join(folder, 'net.plan'), os.path.join(folder, 'cache')
    yield 'passes=all'
    yield 'passes=none'
    yield f'passes=all threads=2 file={plan}'
    for level in lines_of(TOOL, '--levels')[:-1]:
        yield f'passes=all cpu={level}'
    if is_long:
        yield f'passes=all tune=1 threads=2 blocks=1 cache={cache}'
        for name in lines_of(TOOL, '--passes'):
            yield f'passes=all,-{name}'


def judge(network, fields):
    """None, or what is wrong with the outputs of a variant."""
    if fields[0] != 'ok':
        return ' '.join(fields[1:]) or 'no answer'
    rows = [fields[i:i + 4] for i in range(1, len(fields), 4)]
    for name, error, value, _ in rows:
        if network.limits is not None:
            if not float(error) <= QUANTUM_LIMIT * network.limits:
                return f'{name}: |error| {error}, one quantum is {network.limits:.6g}'
        elif not float(error) <= FLOAT_LIMIT * float(value):
            return f'{name}: max |error| {error}, max |value| {value}'
    return None if rows else 'no outputs'


def run(network, settings):
    """PASS and FAIL lines."""
    try:
        done = subprocess.run([TOOL, network.path, *network.inputs], input='\n'.join(settings),
                              capture_output=True, text=True, timeout=TIMEOUT, errors='replace')
        out, ended = done.stdout, f'exit {done.returncode}: {done.stderr.strip()[-300:]}'
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b'').decode('utf-8', 'replace')
        ended = f'not done after {TIMEOUT} s'
    answers = dict(line.split('\t', 1) for line in out.splitlines() if '\t' in line)
    if 'error' in answers:
        yield f'FAIL {network.name}: on the reference kernels: {answers["error"]}'
        return
    for variant in settings:
        fields = answers.get(variant, '').split('\t')
        wrong = judge(network, fields) if fields[0] else ended
        name = f'{network.name} {" ".join(v.split("/")[0] for v in variant.split())}'
        yield f'FAIL {name}: {wrong}' if wrong else f'PASS {name}'
        if not fields[0]:
            return


def is_quick(network):
    return os.path.getsize(network.path) < 2e6 and 'superres' not in network.name


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--all', action='store_true')
    parser.add_argument('patterns', nargs='*')
    args = parser.parse_args(argv)
    is_all = args.all or os.environ.get('TROCAR_TEST_ALL') == '1'
    n_failed = 0
    with tempfile.TemporaryDirectory() as folder:
        networks = list(trained_networks())
        if not networks:
            print(f'SKIP engine: no networks with recorded inputs in {trained.DATA}')
        networks += reference_networks(folder) if is_all else []
        for network in networks:
            if args.patterns and not any(p in network.name for p in args.patterns):
                continue
            settings = list(variants(is_all or is_quick(network), folder))
            for line in run(network, settings):
                print(line, flush=True)
                n_failed += line.startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
