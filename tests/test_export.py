#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Models through the exporter: imported, rewritten, written as ONNX, and run as before.

    tests/test_export.py [PATTERN...]     only models whose name holds one of the patterns

    node/...      ONNX's conformance tests, as test_onnx_node.py has them
    opset/...     the models of test_opsets.py, one node each
    network/...   those of models/, and with --all the whole networks of ONNX's tests
    qdq/...       quantized networks: the same nodes and weights again, scales as scalars or vectors
                  with an axis, and ONNX Runtime within one quantum

The exported model runs in the reference and in ONNX Runtime and must give what the model gave
before (tests/tool_export.c). Counted at the end: models that agree; those where ONNX Runtime
departs from the reference, before as after; those it has no kernel for; those that are not
exported. One in SAMPLE of the small models is run, all with --all. TROCAR_PASSES=LIST takes other
passes. TROCAR_KEEP=DIR keeps the exported models.
"""
import os
import re
import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnx
from onnx import helper, numpy_helper

import opset_kit as kit
import test_onnx_engine as engine
import test_onnx_node as nodes
import test_opsets as opsets

TOOL = os.path.join(engine.BUILD, 'tests', 'tool_export')
NETWORKS = os.path.join(nodes.ROOT, 'models')
SAMPLE = 11
IS_ALL = opsets.IS_ALL
KEEP = os.environ.get('TROCAR_KEEP')
PASSES = os.environ.get('TROCAR_PASSES', '-')

# What ONNX has and ONNX Runtime refuses, by what it says.
LIMITS = {
    'conv_integer.cc': 'ConvInteger with a zero point for each channel',
}
# Models that are not what they were for some sizes: a pattern of their names, and why.
NOT_EQUAL = (
    (r'^Flatten-\d+ empty, \w+, named sizes',
     'a size that follows from the rest (-1) does not when the tensor is empty'),
)


class Model:
    """write(folder) makes files there and gives the model's path and its inputs, or the reason why
    there is nothing to do. check(before, after): of the models' files, what is wrong or None."""

    def __init__(self, name, write, quantum=0, check=None):
        self.name, self.write, self.quantum, self.check = name, write, quantum, check


# ---- which ---------------------------------------------------------------------------------


def node_models(folder):
    cases, missing = nodes.all_cases(folder)
    for line in missing:
        print(line)
    for case in cases:
        is_network = '/light/' in case.name
        if is_network and not IS_ALL:
            continue
        kind = 'network' if is_network else 'node'
        yield Model(f'{kind}/{case.name}', lambda target, case=case: node_fields(case, target))


def node_fields(case, folder):
    model = onnx.load(case.model, load_external_data=False)
    reason = nodes.out_of_scope(model, case.inputs)
    if reason:
        return reason
    nodes.redeclare(case, model, folder)
    return [case.model, *nodes.input_files(model, case.inputs)]


def opset_models():
    for model in kit.models(opsets.cases_of(0), False):
        yield Model(f'opset/{model.name}', lambda target, model=model: opset_fields(model, target))


def opset_fields(model, folder):
    path, arguments = kit.write([model], os.path.join(folder, 'm'))
    return [path, *arguments[1::2]]


def network_models():
    for name in sorted(n for n in os.listdir(NETWORKS) if n.endswith('.onnx')):
        yield Model(f'network/{name}', lambda target, name=name: network_fields(name, target))


def network_fields(name, folder):
    """Bytes and numbers from 0 to 1 for the inputs; free sizes are 1."""
    path = os.path.join(NETWORKS, name)
    rng, fields = numpy.random.RandomState(1), [path]
    for i, value in enumerate(nodes.own_inputs(onnx.load(path))):
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        is_bytes = value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        data = rng.randint(0, 256, shape).astype(numpy.uint8) if is_bytes else rng.rand(*shape)
        file = os.path.join(folder, f'{i}.npy')
        numpy.save(file, data if is_bytes else data.astype(numpy.float32))
        fields.append(f'{value.name}={file}')
    return fields


# ---- quantized networks --------------------------------------------------------------------


class Quantized:
    """A network in QDQ form, layer by layer."""

    def __init__(self, seed):
        self.rng = numpy.random.RandomState(seed)
        self.nodes, self.weights = [], []

    def constant(self, name, data):
        self.weights.append(numpy_helper.from_array(numpy.asarray(data), name))
        return name

    def node(self, op, ins, out, **attrs):
        self.nodes.append(helper.make_node(op, ins, [out], name=out, **attrs))
        return out

    def around(self, x, scale, dtype=numpy.int8):
        """Quantized and dequantized."""
        s = self.constant(f'{x}_s', numpy.float32(scale))
        z = self.constant(f'{x}_z', dtype(3 if dtype == numpy.uint8 else 0))
        q = self.node('QuantizeLinear', [x, s, z], f'{x}_q')
        return self.node('DequantizeLinear', [q, s, z], f'{x}_d')

    def weight(self, name, shape, axis):
        """8 bits, a scale for each place of the axis."""
        w = self.constant(name, self.rng.randint(-127, 128, shape).astype(numpy.int8))
        scale = self.rng.uniform(0.002, 0.01, shape[axis]).astype(numpy.float32)
        zero = numpy.zeros(shape[axis], numpy.int8)
        return self.node('DequantizeLinear', [w, self.constant(f'{name}_s', scale),
                                              self.constant(f'{name}_z', zero)], f'{name}_d',
                         axis=axis)

    def bias(self, name, n):
        w = self.constant(name, self.rng.randint(-500, 500, n).astype(numpy.int32))
        scale = self.constant(f'{name}_s', self.rng.uniform(1e-4, 2e-4, n).astype(numpy.float32))
        return self.node('DequantizeLinear', [w, scale], f'{name}_d', axis=0)

    def save(self, path, outputs):
        graph = helper.make_graph(
            self.nodes, 'quantized',
            [helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, ['n', 4, 12, 'w'])],
            [helper.make_tensor_value_info(o, onnx.TensorProto.FLOAT, None) for o in outputs],
            initializer=self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 21)])
        model.ir_version = 10
        onnx.save(model, path)


OUT_SCALE = 0.02


def quantized_network(path, dtype):
    """Convolutions, a residual, a concatenation, pooling, an upsampling convolution, linear
    resizing, SiLU behind 16 bits, a product."""
    q = Quantized(3)
    x = q.around('x', 0.03, dtype)
    c1 = q.node('Conv', [x, q.weight('w1', (8, 4, 3, 3), 0), q.bias('b1', 8)], 'c1', pads=[1] * 4)
    r1 = q.around(q.node('Relu', [c1], 'r1'), 0.02, dtype)
    c2 = q.node('Conv', [r1, q.weight('w2', (8, 1, 3, 3), 0)], 'c2', pads=[1] * 4, group=8)
    a = q.around(q.node('Add', [q.around(c2, 0.02, dtype), r1], 'a'), 0.03, dtype)
    p = q.around(q.node('MaxPool', [a], 'p', kernel_shape=[2, 2], strides=[2, 2]), 0.03, dtype)
    t = q.node('ConvTranspose', [p, q.weight('w3', (8, 8, 2, 2), 1)], 't', strides=[2, 2])
    s = q.constant('twice', numpy.float32([1, 1, 2, 2]))
    u = q.around(q.node('Resize', [p, '', s], 'u', mode='linear'), 0.03, dtype)
    c5 = q.around(q.node('Conv', [u, q.weight('w5', (8, 8, 1, 1), 0)], 'c5'), 1e-4, numpy.int16)
    v = q.around(q.node('Mul', [c5, q.node('Sigmoid', [c5], 'g')], 'v'), 0.03, dtype)
    j = q.around(q.node('Concat', [q.around(t, 0.03, dtype), a, v], 'j', axis=1), 0.03, dtype)
    m = q.node('GlobalAveragePool', [j], 'm')
    f = q.around(q.node('Flatten', [m], 'f'), 0.01, dtype)
    y = q.node('MatMul', [f, q.weight('w4', (24, 5), 1)], 'y0')
    q.save(path, [q.around(y, OUT_SCALE, dtype)])


def quantized_models():
    for dtype in (numpy.int8, numpy.uint8):
        def write(folder, dtype=dtype):
            path = os.path.join(folder, 'model.onnx')
            quantized_network(path, dtype)
            data = numpy.random.RandomState(1).standard_normal((2, 4, 12, 10))
            numpy.save(os.path.join(folder, 'x.npy'), data.astype(numpy.float32))
            return [path, 'x=' + os.path.join(folder, 'x.npy')]
        yield Model(f'qdq/{dtype.__name__}', write, OUT_SCALE, check_quantized)


def check_quantized(before, after):
    models = [onnx.load(path) for path in (before, after)]
    counts = [Counter(n.op_type for n in m.graph.node if n.op_type.endswith('QuantizeLinear')
                      or n.op_type == 'DequantizeLinear') for m in models]
    if counts[0] != counts[1]:
        return f'{dict(counts[0])} became {dict(counts[1])}'
    held = [{t.name: numpy_helper.to_array(t) for t in m.graph.initializer} for m in models]
    for node in models[1].graph.node:
        if node.op_type not in counts[0]:
            continue
        scale, zero = (held[1].get(name) for name in list(node.input[1:]) + [''] * (
            3 - len(node.input)))
        axes = [a.i for a in node.attribute if a.name == 'axis']
        if scale is None or scale.ndim > 1 or len(axes) != scale.ndim:
            return f'{node.name}: the scale is no scalar, and no vector with an axis'
        if zero is not None and zero.shape != scale.shape:
            return f'{node.name}: scale and zero point differ in shape'
    for name in ('w1', 'w2', 'w3', 'w4', 'w5', 'b1'):
        if name not in held[1] or not numpy.array_equal(held[0][name], held[1][name]):
            return f'{name} is not what it was'
    return None


# ---- verdicts ------------------------------------------------------------------------------


def judge(model, word, why):
    """Word, reason, and what it counts as."""
    if word == 'ok':
        return 'PASS', '', f'equal, {why} operators when imported again'
    if word == 'unread':
        return 'SKIP', f'not imported: {why}', 'not imported'
    if word == 'departs' or opsets.departure(model.name.partition('/')[2]):
        return 'SKIP', f'ONNX Runtime departs from the reference, before as after: {why}', 'departs'
    for pattern, reason in NOT_EQUAL:
        if re.search(pattern, model.name.partition('/')[2]):
            return 'SKIP', reason, 'not equal'
    limit = next((text for said, text in LIMITS.items() if said in why), None)
    if word == 'half' or limit:
        why = f'ONNX Runtime has no {limit}' if limit else f'ONNX Runtime: {why}'
        return 'SKIP', f'the reference agrees; {why}', 'not run by ONNX Runtime'
    return 'FAIL', f'{word} {why}', 'not exported' if word == 'none' else 'wrong'


def verdict(model, worker):
    with tempfile.TemporaryDirectory() as folder:
        fields = model.write(folder)
        if isinstance(fields, str):
            return 'SKIP', f'not imported: {fields}', 'not imported'
        keep = '-'
        if KEEP or model.check:
            keep = os.path.join(KEEP or folder, re.sub(r'[^\w.=-]+', '_', model.name) + '.onnx')
        word, _, why = worker.run([fields[0], PASSES, keep, str(model.quantum), '-i',
                                   *fields[1:]]).partition(' ')
        wrong = model.check(fields[0], keep) if model.check and word == 'ok' else None
    return ('FAIL', wrong, 'wrong') if wrong else judge(model, word, why)


def chosen_models(folder, patterns):
    small = [*node_models(folder), *opset_models()]
    every = 1 if IS_ALL or patterns else SAMPLE
    models = small[::every] + [*network_models(), *quantized_models()]
    return [m for m in models if not patterns or any(p in m.name for p in patterns)]


def main(patterns):
    engine.TOOL = TOOL
    local, counts = threading.local(), Counter()

    def run(model):
        if not hasattr(local, 'worker'):
            local.worker = engine.Worker()
        return model, verdict(model, local.worker)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(nodes.N_JOBS) as pool:
        is_bad = False
        for model, (word, why, kind) in pool.map(run, chosen_models(folder, patterns)):
            print(f'{word} {model.name}: {why}' if why else f'{word} {model.name}', flush=True)
            counts[model.name.split('/')[0], kind] += 1
            is_bad = is_bad or word == 'FAIL'
    for (group, kind), n in sorted(counts.items()):
        print(f'NOTE {group}: {n} {kind}')
    return 1 if is_bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
