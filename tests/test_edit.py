#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `trocar edit` writes, run by ONNX Runtime.

    tests/test_edit.py [PATTERN...]      only tests whose name holds one of the patterns

    simplify/SET/NAME    a conformance test simplified: the recorded outputs stay
    fold/SET/NAME        the same with its inputs as constants, so that all is computed: likewise
    network/NAME         a trained network simplified: the recorded outputs stay
    picture/NAME         --input-layout nhwc and --normalize: pixels give what the network gives on
                         tensors that were prepared by hand

Of the conformance tests a fixed sample is run, all of them with TROCAR_TEST_ALL=1.
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnx
from onnx import helper, numpy_helper

import test_networks
import test_onnx_node as conformance
from test_onnx_node import DATA, TROCAR

IS_LONG = '1' in (os.environ.get('TROCAR_TEST_ALL'), os.environ.get('TROCAR_ALL'))
EVERY = 1 if IS_LONG else 4
N_JOBS = 2
TIMEOUT = 300
FLOAT_LIMIT = 1e-5


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def trocar(*arguments):
    return subprocess.run([TROCAR, *arguments], capture_output=True, text=True, timeout=TIMEOUT,
                          errors='replace')


def said(done):
    text = (done.stderr + done.stdout).strip().replace(chr(10), '; ')
    return f'exit {done.returncode}: {text}'


def edit(model, result, *arguments):
    """Returns what --json says."""
    report = result + '.json'
    done = trocar('edit', model, '-o', result, '--json', report, *arguments)
    if done.returncode:
        raise Failed(f'edit: {said(done)}')
    with open(report, encoding='utf-8') as f:
        return json.load(f)


# ---- conformance tests ---------------------------------------------------------------------


def run_case(model, case, inputs):
    command = ['run', 'ort:' + model, '--rtol', str(case.rtol), '--atol', '1e-6', '--threads', '1']
    for path in inputs:
        command += ['-i', path]
    for path in case.outputs:
        command += ['--expect', path]
    return trocar(*command)


def check_case(case, model, folder, inputs):
    """ONNX Runtime itself is asked only where the result is not as recorded: some of the tests it
    does not run, or not as recorded."""
    result = os.path.join(folder, 'edited.onnx')
    edit(model, result, '--simplify')
    done = run_case(result, case, inputs)
    if done.returncode == 0:
        return
    before = run_case(model, case, inputs)
    if before.returncode == 0:
        raise Failed(said(done))
    raise Skipped('ONNX Runtime does not run it' if before.returncode > 1
                  else 'ONNX Runtime gives other outputs than the recorded ones')


def with_constants(case, path):
    """The model with its inputs as initializers, and Identity nodes in front of its outputs so that
    what makes these can be computed."""
    model = onnx.load(case.model)
    graph = model.graph
    values = [onnx.load_tensor(p) for p in case.inputs]
    initialized = {t.name for t in graph.initializer}
    names = [v.name for v in graph.input if v.name not in initialized]
    if len(values) != len(names):
        raise Skipped('not an input file for each input')
    for name, value in zip(names, values):
        value.name = value.name if value.name in names else name
    if sorted(v.name for v in values) != sorted(names):
        raise Skipped('input files with names of their own')
    declared = {v.name: v.type.tensor_type.elem_type for v in graph.input}
    if any(v.data_type != declared[v.name] for v in values):
        raise Skipped('input files of another type than the model declares')
    graph.initializer.extend(values)
    del graph.input[:]
    renamed = {v.name: v.name + '_computed' for v in graph.output}
    for node in graph.node:
        node.output[:] = [renamed.get(n, n) for n in node.output]
        node.input[:] = [renamed.get(n, n) for n in node.input]
    made = {n for node in graph.node for n in node.output}
    if not all(n in made for n in renamed.values()):
        raise Skipped('an output that no node makes')
    if not any(o.domain in ('', 'ai.onnx') for o in model.opset_import):
        model.opset_import.append(helper.make_opsetid('', 13))
    for before, after in renamed.items():
        graph.node.append(helper.make_node('Identity', [after], [before]))
    model.ir_version = max(model.ir_version, 4)
    onnx.save(model, path)
    return path


def simplify_case(case, folder):
    model = onnx.load(case.model, load_external_data=False)
    reason = conformance.out_of_scope(model, case.inputs)
    if reason:
        raise Skipped(reason)
    check_case(case, case.model, folder, conformance.input_files(model, case.inputs))


def fold_case(case, folder):
    model = onnx.load(case.model, load_external_data=False)
    reason = conformance.out_of_scope(model, case.inputs)
    if reason:
        raise Skipped(reason)
    path = with_constants(case, os.path.join(folder, 'model.onnx'))
    check_case(case, path, folder, [])


def conformance_tests():
    cases = []
    for kind in conformance.KINDS:
        path = os.path.join(conformance.DEBIAN, kind)
        if os.path.isdir(path):
            cases += conformance.node_cases(f'onnx-1.12/{kind}', path)
    if os.path.isdir(conformance.NEWER) and IS_LONG:
        cases += conformance.node_cases('onnx-1.18/node', conformance.NEWER)
    for i, case in enumerate(cases):
        if i % EVERY == 0:
            yield f'simplify/{case.name}', lambda folder, c=case: simplify_case(c, folder)
        if i % EVERY == EVERY - 1:
            yield f'fold/{case.name}', lambda folder, c=case: fold_case(c, folder)


# ---- networks ------------------------------------------------------------------------------


def relative_errors(model, network, folder):
    report = os.path.join(folder, 'run.json')
    command = ['run', model, '--json', report]
    for tensor, file in network.inputs:
        command += ['-i', f'{tensor}={file}']
    for tensor, file in network.outputs:
        command += ['--expect', f'{tensor}={file}']
    done = trocar(*command)
    if done.returncode > 1:
        raise Failed(f'run: {said(done)}')
    with open(report, encoding='utf-8') as f:
        checks = json.load(f)['checks']
    if len(checks) != len(network.outputs):
        raise Failed(f'{len(checks)} outputs checked, {len(network.outputs)} expected')
    for check in checks:
        if not check['same_form']:
            raise Failed(f'{check["output"]}: another type or shape than recorded')
    return [c['max_relative_error'] for c in checks]


def is_quantized(path):
    kinds = {n.op_type for n in onnx.load(path).graph.node}
    return bool(kinds & {'QuantizeLinear', 'DequantizeLinear', 'QLinearConv'})


def check_format(original, result):
    """ONNX's own checker takes the result, where it takes the model."""
    try:
        onnx.checker.check_model(original)
    except onnx.checker.ValidationError:
        return
    try:
        onnx.checker.check_model(result)
    except onnx.checker.ValidationError as e:
        raise Failed(f'onnx.checker: {str(e).strip()}') from e


def simplify_network(name, folder):
    network = test_networks.Network(name)
    result = os.path.join(folder, 'edited.onnx')
    report = edit(network.path, result, '--simplify')
    check_format(network.path, result)
    errors = relative_errors('ort:' + result, network, folder)
    limit = FLOAT_LIMIT
    if is_quantized(network.path):
        limit = max(relative_errors('ort:' + network.path, network, folder))
    worst = max(errors)
    text = f'max |error| / max |value| {worst:.2e}'
    if not worst <= limit:
        raise Failed(f'{text}, at most {limit:.2e} expected')
    return f'{report["nodes_before"]} nodes before, {report["nodes_after"]} after, {text}'


def network_tests():
    if not os.path.isdir(DATA):
        return
    for name in sorted(os.listdir(DATA)):
        if os.path.exists(os.path.join(DATA, name, 'io.txt')):
            yield f'network/{name}', lambda folder, n=name: simplify_network(n, folder)


# ---- pictures ------------------------------------------------------------------------------


def small_network(path):
    """A convolution of three channels and its mean, as networks that look at pictures begin."""
    random = numpy.random.RandomState(5)
    weights = [numpy_helper.from_array(random.randn(8, 3, 3, 3).astype('float32'), 'w'),
               numpy_helper.from_array(random.randn(8).astype('float32'), 'b')]
    nodes = [helper.make_node('Conv', ['x', 'w', 'b'], ['c'], pads=[1, 1, 1, 1]),
             helper.make_node('Relu', ['c'], ['r']),
             helper.make_node('GlobalAveragePool', ['r'], ['y'])]
    graph = helper.make_graph(
        nodes, 'small', [helper.make_tensor_value_info('x', 1, [1, 3, 20, 24])],
        [helper.make_tensor_value_info('y', 1, [1, 8, 1, 1])], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid('', 17)]),
              path)


def outputs_of(model, tensor, folder):
    numpy.save(os.path.join(folder, 'x.npy'), tensor)
    target = os.path.join(folder, 'out')
    done = trocar('run', 'ort:' + model, '-i', os.path.join(folder, 'x.npy'), '-o', target)
    if done.returncode:
        raise Failed(f'run: {said(done)}')
    with open(os.path.join(target, 'outputs.tsv'), encoding='utf-8') as f:
        n = len(f.read().strip().split('\n'))
    found = [os.path.join(target, f'output_{i}.npy') for i in range(n)]
    return [numpy.load(p) for p in found if os.path.exists(p)]


def check_picture(model, folder, mean, std, scale):
    """Channels last, 8 bits; what stands for it is computed in double here and rounded once."""
    shape = [d.dim_value for d in onnx.load(model).graph.input[0].type.tensor_type.shape.dim]
    pixels = numpy.random.RandomState(7).randint(0, 256, [1, shape[2], shape[3], shape[1]], 'uint8')
    prepared = (pixels.astype('float64') * scale - numpy.array(mean)) / numpy.array(std)
    prepared = prepared.transpose(0, 3, 1, 2).astype('float32')
    result = os.path.join(folder, 'edited.onnx')
    text = f'{",".join(map(str, mean))}/{",".join(map(str, std))}'
    edit(model, result, '--input-layout', 'nhwc', '--normalize', text, '--pixel-scale', repr(scale),
         '--simplify')
    want = outputs_of(model, prepared, folder)
    got = outputs_of(result, pixels, folder)
    if not want or len(got) != len(want):
        raise Failed(f'{len(got)} outputs, {len(want)} expected')
    worst = max(float(numpy.abs(a - b).max() / numpy.abs(b).max()) for a, b in zip(got, want))
    if not worst <= FLOAT_LIMIT:
        raise Failed(f'max |error| / max |value| {worst:.2e}, at most {FLOAT_LIMIT} expected')
    return f'max |error| / max |value| {worst:.2e}'


def small_picture(folder):
    model = os.path.join(folder, 'small.onnx')
    small_network(model)
    return check_picture(model, folder, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225], 1 / 255)


def picture_tests():
    yield 'picture/small', small_picture
    path = os.path.join(DATA, 'ultraface_rfb320', 'model.onnx')
    if os.path.exists(path):
        yield 'picture/ultraface_rfb320', lambda folder: check_picture(path, folder, [127.0],
                                                                       [128.0], 1.0)


# ---- all -----------------------------------------------------------------------------------


def verdict(test):
    name, function = test
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures = function(folder)
    except Skipped as e:
        return f'SKIP {name}: {e}'
    except Failed as e:
        return f'FAIL {name}: {e}'
    except subprocess.TimeoutExpired:
        return f'FAIL {name}: not done after {TIMEOUT} s'
    return f'PASS {name}' + (f': {figures}' if figures else '')


def is_ort_there():
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, 'small.onnx')
        small_network(model)
        numpy.save(os.path.join(folder, 'x.npy'), numpy.zeros([1, 3, 20, 24], 'float32'))
        return trocar('run', 'ort:' + model, '-i', os.path.join(folder, 'x.npy')).returncode != 3


def main(patterns):
    if not is_ort_there():
        print('SKIP edit: ONNX Runtime is not there')
        return 0
    tests = [*picture_tests(), *network_tests(), *conformance_tests()]
    chosen = [t for t in tests if not patterns or any(p in t[0] for p in patterns)]
    for part, hint in (('network/', f'no networks in {DATA}'),
                       ('simplify/', 'package libonnx-testdata is not there')):
        if not any(t[0].startswith(part) for t in tests):
            print(f'SKIP {part[:-1]}: {hint}')
    n_failed = 0
    with ThreadPoolExecutor(N_JOBS) as pool:
        for line in pool.map(verdict, chosen):
            print(line, flush=True)
            n_failed += line.startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
