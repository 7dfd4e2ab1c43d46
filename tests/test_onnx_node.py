#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX's conformance tests, each through `trocar run MODEL -i .. --expect ..`.

    tests/test_onnx_node.py [PATTERN...]      only tests whose name holds one of the patterns

    onnx-1.12/KIND/NAME     Debian's package libonnx-testdata
    onnx-1.18/node/NAME     node tests of ONNX 1.18, opset 23, where the data is there
    onnx-1.18/light/NAME    whole networks with constant weights, where the data is there

What Trocar does not do by design is skipped, and what that is follows from the model: string,
sequence, optional and map types, random and training operators.

A few recordings contradict ONNX itself. They are recognized by what they hold, not by name, set
right, and told in a line "NOTE name: what":
    an input has another shape than the model declares      the declaration is replaced
    QLinearMatMul wraps where it is defined to saturate     the saturated values are expected
Where the result is bfloat16, one unit of the type is allowed: some were cut off, not rounded.
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy
import onnx
from onnx import numpy_helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
DATA = os.environ.get('TROCAR_DATA', os.path.join(ROOT, 'build', 'data'))
DEBIAN = '/usr/share/libonnx-testdata/data'
NEWER = os.path.join(DATA, 'node_v1.18.0_opset23')
LIGHT = os.path.join(DATA, 'light')
KINDS = ('node', 'simple', 'pytorch-converted', 'pytorch-operator')
N_JOBS = 2
TIMEOUT = 300

# ONNX's runner compares with these, and with others where its test_kwargs or data.json say so.
RTOL, ATOL = 1e-3, 1e-7
BFLOAT16_UNIT = 2.0 ** -7
OTHER_ATOL = {name: 1e-6 for name in (
    'test_dft', 'test_dft_axis', 'test_dft_axis_opset19', 'test_dft_inverse',
    'test_dft_inverse_opset19', 'test_dft_opset19')}

RANDOM = {'Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform',
          'RandomUniformLike'}
SEQUENCE = {'ConcatFromSequence', 'SequenceAt', 'SequenceConstruct', 'SequenceEmpty',
            'SequenceErase', 'SequenceInsert', 'SequenceLength', 'SequenceMap', 'SplitToSequence'}
OPTIONAL = {'Optional', 'OptionalGetElement', 'OptionalHasElement'}
MAP = {'CastMap', 'DictVectorizer', 'ZipMap'}
TRAINING_DOMAIN = 'ai.onnx.preview.training'
STRING = onnx.TensorProto.STRING


class Case:
    """One model with one set of inputs and outputs."""

    def __init__(self, name, model, folder, rtol=RTOL, atol=ATOL):
        self.name, self.model, self.folder = name, model, folder
        self.rtol, self.atol = rtol, atol
        self.notes = []
        self.inputs = numbered(folder, 'input_')
        self.outputs = numbered(folder, 'output_')


def numbered(folder, prefix):
    """prefix0.pb, prefix1.pb, ... as far as they are there."""
    files = []
    while os.path.exists(os.path.join(folder, f'{prefix}{len(files)}.pb')):
        files.append(os.path.join(folder, f'{prefix}{len(files)}.pb'))
    return files


def own_inputs(model):
    """Inputs without an initializer, which are those that have a file."""
    initialized = {t.name for t in model.graph.initializer}
    return [v for v in model.graph.input if v.name not in initialized]


# ---- what a model holds --------------------------------------------------------------------


def graphs_of(model):
    """The main graph, functions, and every graph in an attribute."""
    todo = [model.graph, *model.functions]
    while todo:
        graph = todo.pop()
        yield graph
        for node in graph.node:
            for attr in node.attribute:
                todo += [attr.g] if attr.HasField('g') else list(attr.graphs)


def type_reason(value):
    kind = value.type.WhichOneof('value')
    if kind == 'tensor_type':
        return 'string tensors' if value.type.tensor_type.elem_type == STRING else None
    return f'{kind[:-len("_type")]} types' if kind else None


def is_training(node, values):
    """values: what is known of tensors by name."""
    attrs = {a.name: a for a in node.attribute}
    if node.op_type == 'BatchNormalization':
        return 'training_mode' in attrs and attrs['training_mode'].i != 0
    if node.op_type == 'Dropout' and len(node.input) > 2:
        mode = values.get(node.input[2])
        return mode is None or bool(numpy_helper.to_array(mode).any())
    return node.domain == TRAINING_DOMAIN or node.op_type == 'Gradient'


def node_reason(node, values):
    tables = ((RANDOM, 'random operators'), (SEQUENCE, 'sequence types'),
              (OPTIONAL, 'optional types'), (MAP, 'map types'))
    for names, reason in tables:
        if node.op_type in names:
            return reason
    if is_training(node, values):
        return 'training operators'
    for attr in node.attribute:
        is_string = attr.HasField('t') and attr.t.data_type == STRING
        if is_string or (node.op_type == 'Cast' and attr.name == 'to' and attr.i == STRING):
            return 'string tensors'
    return None


def out_of_scope(model, inputs):
    """Why Trocar refuses the model by design, or None."""
    values = {t.name: t for t in model.graph.initializer}
    for value, path in zip(own_inputs(model), inputs):
        if value.type.HasField('tensor_type'):
            values[value.name] = onnx.load_tensor(path)
    for graph in graphs_of(model):
        infos = []
        if isinstance(graph, onnx.GraphProto):
            infos = [*graph.input, *graph.output, *graph.value_info]
            if any(t.data_type == STRING for t in graph.initializer):
                return 'string tensors'
        reasons = [type_reason(v) for v in infos] + [node_reason(n, values) for n in graph.node]
        for reason in reasons:
            if reason:
                return reason
    return None


# ---- recordings that contradict ONNX ---------------------------------------------------------


def redeclare(case, model, folder):
    """Gives inputs the shapes that their files have."""
    wrong = []
    for value, path in zip(own_inputs(model), case.inputs):
        shape = value.type.tensor_type.shape
        dims = list(onnx.load_tensor(path).dims)
        declared = [d.dim_value if d.HasField('dim_value') else None for d in shape.dim]
        fits = len(dims) == len(declared) and all(d in (None, s) for d, s in zip(declared, dims))
        if fits or not value.type.tensor_type.HasField('shape'):
            continue
        wrong.append(value.name)
        del shape.dim[:]
        for size in dims:
            shape.dim.add().dim_value = size
    if wrong:
        case.model = os.path.join(folder, 'model.onnx')
        onnx.save(model, case.model)
        case.notes.append(f'input {", ".join(wrong)} has another shape than the model declares')


def saturate(case, model, folder):
    """What QLinearMatMul is defined to give, where exactly that modulo 256 was recorded."""
    if [n.op_type for n in model.graph.node] != ['QLinearMatMul'] or len(case.inputs) != 8:
        return
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (
        numpy_helper.to_array(onnx.load_tensor(p)).astype(numpy.float64) for p in case.inputs)
    recorded = onnx.load_tensor(case.outputs[0])
    y = numpy_helper.to_array(recorded)
    exact = numpy.rint((a - a_zero) @ (b - b_zero) * (a_scale * b_scale / y_scale)) + y_zero
    limits = numpy.iinfo(y.dtype)
    is_beyond = (exact < limits.min) | (exact > limits.max)
    right = numpy.where(is_beyond, exact.clip(limits.min, limits.max), y).astype(y.dtype)
    # Scales in float16 were multiplied in float16, which moves a result by one at most.
    distance = (exact - y + 1) % (limits.max - limits.min + 1)
    if (right == y).all() or (distance > 2).any():
        return
    path = os.path.join(folder, 'output_0.pb')
    onnx.save_tensor(numpy_helper.from_array(right, recorded.name), path)
    case.outputs[0] = path
    case.notes.append('QLinearMatMul was recorded wrapping, it saturates')


def widen_for_bfloat16(case, model):
    """ONNX's runner compares the bits of bfloat16 as integers, which allows some ten units."""
    types = [v.type.tensor_type.elem_type for v in model.graph.output]
    if onnx.TensorProto.BFLOAT16 in types:
        case.rtol = max(case.rtol, BFLOAT16_UNIT)


# ---- running -------------------------------------------------------------------------------


def input_files(model, inputs):
    """Names for the files: the tensor's own where the model has such an input, else in order."""
    names = [v.name for v in own_inputs(model)]
    for i, path in enumerate(inputs):
        own = onnx.load_tensor(path).name
        yield path if own not in names or names.index(own) == i else f'{own}={path}'


def run(case, model, folder):
    redeclare(case, model, folder)
    saturate(case, model, folder)
    widen_for_bfloat16(case, model)
    n_threads = N_JOBS if '/light/' in case.name else 1
    command = [TROCAR, 'run', case.model, '--device', 'ref', '--rtol', str(case.rtol),
               '--atol', str(case.atol), '--threads', str(n_threads)]
    for path in input_files(model, case.inputs):
        command += ['-i', path]
    for path in case.outputs:
        command += ['--expect', path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT,
                              errors='replace')
    except subprocess.TimeoutExpired:
        return f'FAIL {case.name}: not done after {TIMEOUT} s'
    if done.returncode == 0:
        return f'PASS {case.name}'
    lines = (done.stderr + done.stdout).strip().replace(case.model, 'model').split('\n')
    return f'FAIL {case.name}: exit {done.returncode}: {"; ".join(lines)}'


def verdict(case):
    """The lines to print."""
    model = onnx.load(case.model, load_external_data=False)
    reason = out_of_scope(model, case.inputs)
    if reason:
        return [f'SKIP {case.name}: {reason}']
    if not case.outputs:
        return [f'FAIL {case.name}: no outputs recorded in {case.folder}']
    with tempfile.TemporaryDirectory() as folder:
        line = run(case, model, folder)
    return [f'NOTE {case.name}: {note}' for note in case.notes] + [line]


# ---- finding -------------------------------------------------------------------------------


def node_cases(prefix, folder):
    for name in sorted(os.listdir(folder)):
        model = os.path.join(folder, name, 'model.onnx')
        if not os.path.exists(model):
            continue
        files = os.listdir(os.path.join(folder, name))
        sets = sorted(s for s in files if s.startswith('test_data_set_'))
        for data_set in sets:
            suffix = '' if len(sets) == 1 else '/' + data_set[len('test_data_set_'):]
            yield Case(f'{prefix}/{name}{suffix}', model, os.path.join(folder, name, data_set),
                       atol=OTHER_ATOL.get(name, ATOL))


def light_tolerances(name):
    path = os.path.join(DEBIAN, 'real', f'test_{name}', 'data.json')
    if not os.path.exists(path):
        return RTOL, ATOL
    with open(path, encoding='utf-8') as f:
        data = json.load(f)
    return data.get('rtol', RTOL), data.get('atol', ATOL)


def light_case(file, folder):
    """ONNX records the output for inputs that count from 0 to 1 in equal steps."""
    stem = file[:-len('.onnx')]
    path = os.path.join(LIGHT, file)
    model = onnx.load(path)
    target = os.path.join(folder, stem)
    os.mkdir(target)
    for i, value in enumerate(own_inputs(model)):
        shape = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        n = int(numpy.prod(shape))
        data = (numpy.arange(n).reshape(shape) / n).astype(numpy.float32)
        onnx.save_tensor(numpy_helper.from_array(data, value.name),
                         os.path.join(target, f'input_{i}.pb'))
    for i in range(len(model.graph.output)):
        os.symlink(os.path.join(LIGHT, f'{stem}_output_{i}.pb'),
                   os.path.join(target, f'output_{i}.pb'))
    rtol, atol = light_tolerances(stem[len('light_'):])
    return Case(f'onnx-1.18/light/{stem}', path, target, rtol, atol)


def all_cases(folder):
    """Cases, and a SKIP line for each part of the data that is not there."""
    missing = []
    cases = []
    for kind in KINDS:
        path = os.path.join(DEBIAN, kind)
        if os.path.isdir(path):
            cases += node_cases(f'onnx-1.12/{kind}', path)
        else:
            missing.append(f'SKIP onnx-1.12/{kind}: {path} is not there (package libonnx-testdata)')
    if os.path.isdir(NEWER):
        cases += node_cases('onnx-1.18/node', NEWER)
    else:
        missing.append(f'SKIP onnx-1.18/node: no test data of ONNX 1.18 in {DATA}')
    if os.path.isdir(LIGHT):
        cases += [light_case(f, folder) for f in sorted(os.listdir(LIGHT)) if f.endswith('.onnx')]
    else:
        missing.append(f'SKIP onnx-1.18/light: no test data of ONNX 1.18 in {DATA}')
    return cases, missing


def main(patterns):
    with tempfile.TemporaryDirectory() as folder:
        cases, missing = all_cases(folder)
        print('\n'.join(missing), end='\n' if missing else '')
        chosen = [c for c in cases if not patterns or any(p in c.name for p in patterns)]
        n_failed = 0
        with ThreadPoolExecutor(N_JOBS) as pool:
            for lines in pool.map(verdict, chosen):
                print('\n'.join(lines), flush=True)
                n_failed += lines[-1].startswith('FAIL')
    return 1 if n_failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
