#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trained networks against the outputs recorded with them, on real pictures and sound.

    tests/test_networks.py [PATTERN...]      only networks whose name holds one of the patterns

Each folder of the data has model.onnx and io.txt: kind, tensor and file of each input and output.

    floating point   max |error| / max |value| of each output at most 1e-5
    quantized        the integers before the last dequantization: equal for 99.9 % of the values,
                     and within one quantum for all. Where the network goes on in floating point
                     behind it, the integers to compare with are ONNX Runtime's, since those of the
                     recorded output are not known
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
from onnx import numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
DATA = os.environ.get('TROCAR_DATA', os.path.join(ROOT, 'build', 'data'))
TIMEOUT = 300

FLOAT_LIMIT = 1e-5
EQUAL_SHARE = 0.999


class Failed(Exception):
    pass


class Network:
    def __init__(self, name):
        self.name = name
        self.folder = os.path.join(DATA, name)
        self.path = os.path.join(self.folder, 'model.onnx')
        self.inputs, self.outputs = [], []
        with open(os.path.join(self.folder, 'io.txt'), encoding='utf-8') as f:
            for line in f:
                kind, tensor, file = line.rstrip('\n').split('\t')
                target = self.inputs if kind == 'input' else self.outputs
                target.append((tensor, os.path.join(self.folder, file)))


def run(model, network, *arguments, may_differ=False):
    command = [TROCAR, 'run', model, '--device', 'ref']
    for tensor, file in network.inputs:
        command += ['-i', f'{tensor}={file}']
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=TIMEOUT,
                          errors='replace')
    if done.returncode not in ((0, 1) if may_differ else (0,)):
        raise Failed(f'exit {done.returncode}: {(done.stderr + done.stdout).strip()}')


# ---- floating point ------------------------------------------------------------------------


def check_floats(network, folder):
    """A line of figures; Failed when they are above the limit."""
    report = os.path.join(folder, 'run.json')
    expected = [a for tensor, file in network.outputs for a in ('--expect', f'{tensor}={file}')]
    run(network.path, network, *expected, '--json', report, may_differ=True)
    with open(report, encoding='utf-8') as f:
        checks = json.load(f)['checks']
    if len(checks) != len(network.outputs):
        raise Failed(f'{len(checks)} outputs checked, {len(network.outputs)} expected')
    errors = [c['max_relative_error'] if c['same_form'] else None for c in checks]
    figures = ', '.join(f'{c["output"]} {"-" if e is None else f"{e:.2e}"}'
                        for c, e in zip(checks, errors))
    if not all(e is not None and e <= FLOAT_LIMIT for e in errors):
        raise Failed(f'max |error| / max |value|: {figures}; at most {FLOAT_LIMIT} expected')
    return f'max |error| / max |value|: {figures}'


# ---- quantized -----------------------------------------------------------------------------


def last_dequantize(model):
    """The DequantizeLinear that makes the only output, or what a Softmax makes it from."""
    if len(model.graph.output) != 1:
        return None
    makers = {name: node for node in model.graph.node for name in node.output}
    node = makers.get(model.graph.output[0].name)
    if node is not None and node.op_type == 'Softmax':
        node = makers.get(node.input[0])
    return node if node is not None and node.op_type == 'DequantizeLinear' else None


def initializer(model, name):
    for tensor in model.graph.initializer:
        if tensor.name == name:
            return tensor
    raise Failed(f'{name} is no initializer')


def constant(model, name):
    return numpy_helper.to_array(initializer(model, name))


def cut_before(model, node, path):
    """The model up to the integers that the node dequantizes."""
    integer = initializer(model, node.input[2]).data_type
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    del cut.graph.output[:]
    cut.graph.output.append(onnx.helper.make_tensor_value_info(node.input[0], integer, None))
    needed, kept = {node.input[0]}, []
    for candidate in reversed(cut.graph.node):
        if needed & set(candidate.output):
            kept.append(candidate)
            needed |= set(candidate.input)
    nodes = [onnx.NodeProto.FromString(n.SerializeToString()) for n in reversed(kept)]
    del cut.graph.node[:]
    cut.graph.node.extend(nodes)
    onnx.save(cut, path)


def integers(model, network, folder):
    run(model, network, '-o', folder)
    return numpy.load(os.path.join(folder, 'output_0.npy')).astype(numpy.int64)


def recorded_integers(model, node, network):
    """Back through the last dequantization, which every integer survives."""
    scale = constant(model, node.input[1]).astype(numpy.float64)
    zero = constant(model, node.input[2]).astype(numpy.int64)
    return numpy.rint(numpy.load(network.outputs[0][1]) / scale).astype(numpy.int64) + zero


def check_integers(network, model, node, folder):
    cut = os.path.join(folder, 'cut.onnx')
    cut_before(model, node, cut)
    got = integers(cut, network, os.path.join(folder, 'own'))
    if node.output[0] == model.graph.output[0].name:
        want = recorded_integers(model, node, network)
    else:
        want = integers('ort:' + cut, network, os.path.join(folder, 'ort'))
    if got.shape != want.shape:
        raise Failed(f'{got.shape} integers, {want.shape} expected')
    equal, distance = float((got == want).mean()), int(numpy.abs(got - want).max())
    figures = f'{equal * 100:.3f} % of {got.size} integers equal, at most {distance} apart'
    if equal < EQUAL_SHARE or distance > 1:
        raise Failed(f'{figures}; {EQUAL_SHARE * 100} % and 1 expected')
    return figures


# ---- all -----------------------------------------------------------------------------------


def is_missing_ort(message):
    return 'exit 3' in message and 'onnxruntime' in message.lower()


def verdict(network):
    model = onnx.load(network.path)
    node = last_dequantize(model)
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = (check_floats(network, folder) if node is None
                       else check_integers(network, model, node, folder))
    except subprocess.TimeoutExpired:
        return f'FAIL {network.name}: not done after {TIMEOUT} s'
    except Failed as e:
        if node is not None and is_missing_ort(str(e)):
            return f'SKIP {network.name}: ONNX Runtime is not there'
        return f'FAIL {network.name}: {e}'
    return f'PASS {network.name}: {figures}'


def main(patterns):
    if not os.path.isdir(DATA):
        print(f'SKIP networks: no test data in {DATA}')
        return 0
    names = [n for n in sorted(os.listdir(DATA)) if os.path.exists(os.path.join(DATA, n, 'io.txt'))]
    if not names:
        print(f'SKIP networks: no networks with recorded outputs in {DATA}')
    n_failed = 0
    for name in names:
        if patterns and not any(p in name for p in patterns):
            continue
        line = verdict(Network(name))
        print(line, flush=True)
        n_failed += line.startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
