#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks in integers, exported as ONNX: layer by layer, what ONNX Runtime makes of our integers.

    tests/test_qdq_layers.py [PATTERN...]      only networks whose name holds one of the patterns
    tests/test_qdq_layers.py --model NET.onnx --record NET.json --calib DATA --picture FILE...

A network is quantized and exported (trocar build --precision int8 --onnx). Our engine runs it and
gives every tensor that a QuantizeLinear makes, and the results. Then the model is cut there: what
took such a tensor takes it as an input, and gets ours. So each layer, from its DequantizeLinear
nodes to the next QuantizeLinear, has the same input in ONNX Runtime as here, and no error is handed
on. Without ONNX Runtime's optimizer (level 0) a layer is computed in floats, node by node; with it
(level 99) QDQ groups become its integer kernels. Either way

    tensors of 8 bits          at most one quantum apart, and equal for EQUAL of their elements
    tensors of 16 bits         at most a quantum of 11 bits apart, which tables of curves keep
    results in floats          within FLOATS of the largest value

The reference networks are small ones of the shapes of bench/nets.py, whose weights are random and
whose normalization was measured; the second form takes any network with its record, and shows its
layers by kind. --keep DIR keeps the models.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict

import numpy
import onnx
from onnx import helper

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TROCAR = os.environ.get('TROCAR', os.path.join(ROOT, 'build', 'trocar'))
TIMEOUT = 600
LEVELS = (0, 99)
EQUAL, FLOATS = 0.98, 1e-5
WIDE = 32  # quanta of 16 bits
BEGINNINGS = ('Conv', 'ConvTranspose', 'MatMul', 'Gemm', 'LayerNormalization', 'Softmax')

sys.path.insert(0, os.path.join(ROOT, 'bench'))

from netkit import cnn, evaluate, onnx_out, record, swin  # noqa: E402
from netkit.blocks import conv_bn  # noqa: E402


class Failed(Exception):
    pass


def trocar(*arguments, codes=(0,)):
    done = subprocess.run([TROCAR, *map(str, arguments)], capture_output=True, text=True,
                          timeout=TIMEOUT, errors='replace')
    if done.returncode not in codes:
        raise Failed(f'trocar {" ".join(map(str, arguments))[:200]}: exit {done.returncode}: '
                     f'{(done.stderr or done.stdout).strip()[-500:]}')


# ---- networks ------------------------------------------------------------------------------


def unet(b):
    x, skips = b.input('input', (1, 3, 48, 64)), []
    for level in range(3):
        with b.scope(f'down{level}'):
            x = cnn.double_conv(b, b.maxpool(x, 2, 2, 0) if level else x, 8 << level)
        skips.append(x)
    skips.pop()
    for level in reversed(range(2)):
        with b.scope(f'up{level}'):
            x = cnn.double_conv(b, b.concat([skips.pop(), b.deconv(x, 8 << level)]), 8 << level)
    b.output('output', b.conv(x, 5, bias=True, gain=1.0, name='outc'))


def swin_unet(b):
    x = b.input('input', (1, 3, 56, 56))
    with b.scope('layers.0'):
        skip = swin.stage(b, swin.patch_embed(b, x, 24), 2, 3)
    with b.scope('layers.1'):
        x = swin.stage(b, swin.patch_merge(b, skip), 2, 6)
    with b.scope('layers_up'):
        x = b.linear(b.concat([swin.patch_expand(b, x, 2, 24), skip], axis=3), 24, name='back')
        x = swin.patch_expand(b, x, 4, 24)
    b.output('output', b.conv(b.transpose(x, (0, 3, 1, 2)), 5, gain=1.0, name='head'))


def efficientnet(b):
    x = conv_bn(b, b.input('input', (1, 3, 48, 64)), 16, 3, 'silu', stride=2)
    rows = ((1, 3, 1, 8), (6, 3, 2, 16), (6, 5, 1, 16), (6, 5, 2, 24), (6, 3, 1, 24))
    for i, row in enumerate(rows):
        with b.scope(f'features.{i}'):
            x = cnn.mbconv(b, x, *row)
    x = b.flatten(b.globalavgpool(conv_bn(b, x, 64, 1, 'silu')))
    b.output('output', b.linear(x, 10, name='classifier'))


def mobilenet(b):
    x = conv_bn(b, b.input('input', (1, 3, 48, 64)), 16, 3, 'hardswish', 1e-3, stride=2)
    rows = ((3, 16, 16, False, 'relu', 1), (3, 48, 24, False, 'relu', 2),
            (5, 72, 24, True, 'relu', 1), (3, 96, 40, False, 'hardswish', 2),
            (5, 120, 40, True, 'hardswish', 1))
    for i, row in enumerate(rows):
        with b.scope(f'features.{i}'):
            x = cnn.inverted_residual(b, x, (*row, False), False)
    x = b.flatten(b.globalavgpool(conv_bn(b, x, 64, 1, 'hardswish', 1e-3)))
    x = b.hardswish(b.linear(x, 48, gain=1.4, name='classifier.0'))
    b.output('output', b.linear(x, 10, name='classifier.3'))


NETWORKS = {'unet': unet, 'swin-unet': swin_unet, 'efficientnet': efficientnet,
            'mobilenetv3': mobilenet}


def write_network(define, folder):
    """The model, samples to calibrate with, and others to run."""
    net = record.Net('net', record.Params(0))
    define(net)
    evaluate.calibrate(net, 0)
    path = os.path.join(folder, 'net.onnx')
    onnx_out.save(net, path)
    for name, seeds in (('seen', range(100, 116)), ('unseen', (1, 2))):
        os.makedirs(os.path.join(folder, name))
        for seed in seeds:
            for array in evaluate.feeds(net, seed).values():
                numpy.save(os.path.join(folder, name, f'{seed}.npy'), array)
    unseen = os.path.join(folder, 'unseen')
    return path, os.path.join(folder, 'seen'), [os.path.join(unseen, n)
                                                for n in sorted(os.listdir(unseen))]


# ---- taps and cuts -------------------------------------------------------------------------


def copy_of(model):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def quantized_tensors(model):
    return [n.output[0] for n in model.graph.node if n.op_type == 'QuantizeLinear']


def seen(name):
    return name + '_seen'


def add_taps(model):
    """With inputs, results and quantized tensors as further outputs."""
    tapped, graph = copy_of(model), model.graph
    for value in [*graph.input, *graph.output]:
        tapped.graph.node.append(helper.make_node('Identity', [value.name], [seen(value.name)]))
        tapped.graph.output.append(helper.make_tensor_value_info(
            seen(value.name), value.type.tensor_type.elem_type, None))
    for name in quantized_tensors(model):
        tapped.graph.output.append(helper.make_tensor_value_info(name, 0, None))
    return tapped


def add_cuts(model, ours):
    """Consumers of quantized tensors take inputs; outputs are those tensors, and the results."""
    cut, names = copy_of(model), quantized_tensors(model)
    for node in cut.graph.node:
        for i, name in enumerate(node.input):
            if name in names:
                node.input[i] = name + '_ours'
    del cut.graph.output[:]
    for value in model.graph.output:
        cut.graph.node.append(helper.make_node('Identity', [value.name], [seen(value.name)]))
        cut.graph.output.append(helper.make_tensor_value_info(seen(value.name), 1, None))
    for name in names:
        kind = getattr(onnx.TensorProto, ours[name].dtype.name.upper())
        cut.graph.input.append(helper.make_tensor_value_info(name + '_ours', kind,
                                                             ours[name].shape))
        cut.graph.output.append(helper.make_tensor_value_info(name, kind, ours[name].shape))
    return cut


def layers_of(model):
    """Each quantized tensor's layer: the operators in front of it, in their order, back to the
    product, normalization or dequantized tensor that they begin with."""
    places = {name: i for i, node in enumerate(model.graph.node) for name in node.output}
    layers = {}
    for name in quantized_tensors(model):
        ahead, found = [model.graph.node[places[name]].input[0]], set()
        while ahead:
            place = places.get(ahead.pop(), -1)
            node = model.graph.node[place]
            if place < 0 or place in found or node.op_type in ('DequantizeLinear', 'Constant'):
                continue
            found.add(place)
            if node.op_type not in BEGINNINGS:
                ahead += node.input
        kinds = [model.graph.node[place].op_type for place in sorted(found)]
        layers[name] = ' '.join(dict.fromkeys(kinds)) or 'input'
    return layers


# ---- running -------------------------------------------------------------------------------


def read_outputs(folder):
    with open(os.path.join(folder, 'outputs.tsv'), encoding='utf-8') as f:
        rows = [line.rstrip('\n').split('\t') for line in f]
    return {name: numpy.load(os.path.join(folder, f'output_{i}.npy')) for i, name, *_ in rows}


def record_ours(model, sample, options, folder):
    """What our engine makes of a sample, layer by layer."""
    path, out = os.path.join(folder, 'tapped.onnx'), os.path.join(folder, 'tapped')
    onnx.save(add_taps(model), path)
    trocar('run', path, '-i', sample, '-o', out, *options)
    return read_outputs(out)


def check_taps(model, ours, plan, sample, folder):
    """Nobody's looking changes what comes out, nor does the way through ONNX."""
    out = os.path.join(folder, 'plain')
    trocar('run', plan, '-i', sample, '-o', out)
    for name, array in read_outputs(out).items():
        if not numpy.array_equal(array, ours[seen(name)]):
            raise Failed(f'{name}: the plan gives something else than the exported model')


def write_outputs(arrays, folder):
    """As trocar run -o would."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'outputs.tsv'), 'w', encoding='utf-8') as f:
        for i, (name, array) in enumerate(arrays.items()):
            kind = f'{array.dtype.kind}{8 * array.dtype.itemsize}'
            shape = 'x'.join(map(str, array.shape)) or 'scalar'
            f.write(f'{i}\t{name}\t{kind}\t{shape}\n')
            numpy.save(os.path.join(folder, f'output_{i}.npy'), array)


def compare_cuts(model, ours, level, folder):
    """Rows of trocar compare: the quantized tensors and results that ONNX Runtime made of ours."""
    path, report = os.path.join(folder, 'cut.onnx'), os.path.join(folder, 'cut.json')
    names = quantized_tensors(model)
    onnx.save(add_cuts(model, ours), path)
    inputs = {value.name: ours[seen(value.name)] for value in model.graph.input}
    inputs.update((name + '_ours', ours[name]) for name in names)
    arguments = []
    for i, (name, array) in enumerate(inputs.items()):
        file = os.path.join(folder, f'in{i}.npy')
        numpy.save(file, array)
        arguments += ['-i', f'{name}={file}']
    wanted = [*names, *(seen(value.name) for value in model.graph.output)]
    write_outputs({name: ours[name] for name in wanted}, os.path.join(folder, 'ours'))
    trocar('compare', os.path.join(folder, 'ours'), 'ort:' + path, *arguments, '--ort-level', level,
           '--rtol', 0, '--atol', WIDE, '--json', report, codes=(0, 1))
    with open(report, encoding='utf-8') as f:
        rows = json.load(f)['checks']
    if sorted(row['output'] for row in rows) != sorted(wanted):
        raise Failed(f'{len(rows)} tensors compared, {len(wanted)} expected')
    return [{**row, 'is_wide': ours[row['output']].dtype.itemsize == 2} for row in rows]


# ---- verdicts ------------------------------------------------------------------------------


class Kind:
    """Layers of the same operators."""

    def __init__(self):
        self.n_tensors = self.n_elements = self.n_unequal = self.worst = 0

    def add(self, row):
        self.n_tensors += 1
        self.n_elements += row['elements']
        self.n_unequal += row['elements_unequal']
        self.worst = max(self.worst, row['max_abs_error'])


def judge(rows, layers):
    """What is wrong, and layers by kind."""
    wrong, kinds = [], defaultdict(Kind)
    for row in rows:
        name = row['output']
        if not row['same_form'] or row['nan_on_one_side']:
            wrong.append(f'{name}: another form, or NaN')
        elif name not in layers:
            if not row['max_relative_error'] <= FLOATS:
                wrong.append(f'{name}: off by {row["max_relative_error"]:.2e} of the largest')
        else:
            kinds[layers[name]].add(row)
            share = row['elements_unequal'] / max(row['elements'], 1)
            is_wide = row['is_wide']
            if row['max_abs_error'] > (WIDE if is_wide else 1) or not is_wide and 1 - share < EQUAL:
                wrong.append(f'{name} ({layers[name]}): {row["max_abs_error"]:g} quanta apart, '
                             f'{100 * share:.2f} % unequal')
    return wrong, kinds


def show_kinds(kinds):
    print('| layer | tensors | elements | unequal, % | most quanta |')
    print('| --- | --- | --- | --- | --- |')
    for name, kind in sorted(kinds.items()):
        print(f'| {name} | {kind.n_tensors} | {kind.n_elements} | '
              f'{100 * kind.n_unequal / max(kind.n_elements, 1):.4f} | {kind.worst:g} |')


def check_network(name, model, recorded, folder, is_shown):
    layers, is_bad = layers_of(model), False
    for level in LEVELS:
        rows = [row for ours in recorded for row in compare_cuts(model, ours, level, folder)]
        wrong, kinds = judge(rows, layers)
        all_ = Kind()
        for kind in kinds.values():
            for field in vars(all_):
                total = getattr(all_, field), getattr(kind, field)
                setattr(all_, field, max(total) if field == 'worst' else sum(total))
        figures = (f'{len(layers)} tensors, {100 * all_.n_unequal / all_.n_elements:.4f} % of '
                   f'{all_.n_elements} elements unequal, {all_.worst:g} quantum at most')
        title = f'qdq_layers/{name}, level {level}'
        print(f'FAIL {title}: {figures}; {"; ".join(wrong[:6])}' if wrong
              else f'PASS {title}: {figures}', flush=True)
        is_bad = is_bad or bool(wrong)
        if is_shown:
            show_kinds(kinds)
    return is_bad


def check(name, path, calib, samples, options, folder, is_shown=False):
    """True when something is wrong. options: of the build and of runs, a record."""
    exported, plan = os.path.join(folder, 'q.onnx'), os.path.join(folder, 'q.plan')
    calibs = [a for data in calib for a in ('--calib', data)]
    trocar('build', path, *options, '--precision', 'int8', *calibs, '--tune', 0, '-o', plan,
           '--onnx', exported)
    model, recorded = onnx.load(exported), []
    for sample in samples:
        recorded.append(record_ours(model, sample, options, folder))
        if not options:
            check_taps(model, recorded[-1], plan, sample, folder)
    return check_network(name, model, recorded, folder, is_shown)


# ---- all -----------------------------------------------------------------------------------


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('patterns', nargs='*')
    parser.add_argument('--model')
    parser.add_argument('--record')
    parser.add_argument('--calib', action='append', default=[])
    parser.add_argument('--picture', action='append', default=[])
    parser.add_argument('--keep', help='folder for models and tensors')
    return parser.parse_args()


def work_folder(options, name):
    if not options.keep:
        return tempfile.TemporaryDirectory()
    os.makedirs(os.path.join(options.keep, name), exist_ok=True)
    return contextlib.nullcontext(os.path.join(options.keep, name))


def check_one(options, name, define):
    with work_folder(options, name) as folder:
        try:
            if options.model:
                return check(name, options.model, options.calib, options.picture,
                             ['--record', options.record], folder, True)
            path, calib, samples = write_network(define, folder)
            return check(name, path, [calib], samples, [], folder)
        except Failed as e:
            print(f'FAIL qdq_layers/{name}: {e}', flush=True)
            return True


def main():
    options = parse_arguments()
    if not os.environ.get('TROCAR_ORT_LIBRARY'):
        print('SKIP qdq_layers: ONNX Runtime is not there')
        return 0
    networks = {os.path.basename(options.model): None} if options.model else NETWORKS
    results = [check_one(options, name, define) for name, define in networks.items()
               if not options.patterns or any(p in name for p in options.patterns)]
    return 1 if any(results) else 0


if __name__ == '__main__':
    sys.exit(main())
