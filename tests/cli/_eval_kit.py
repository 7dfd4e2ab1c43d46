# SPDX-License-Identifier: Apache-2.0
"""What the scripts about evaluations share: data sets, networks, looking at results."""
import json
import os

import numpy
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from _kit import ROOT, Mismatch, holds, trocar

MODEL = os.path.join(ROOT, 'models', 'endoscopy_unet.onnx')
RECORD = os.path.join(ROOT, 'models', 'endoscopy_unet.json')
NAMES = ['outside', 'abdominal-wall', 'liver', 'gallbladder', 'fat', 'bowel', 'artery',
         'instrument-shaft', 'instrument-wrist', 'instrument-tip']
CLASSES = len(NAMES)
SIZE = (64, 48)


def sim(*options, size=SIZE):
    trocar('sim', 'dataset', '-o', 'set', '--size', '{}x{}'.format(*size), '--procedures', 2,
           '--frames', 1, '--seed', 4000003, '--format', 'ppm', *options)


def colour_model():
    """small.onnx: classes by the colour of each pixel, after the simulator's palette of tissue."""
    with open(RECORD, encoding='utf-8') as f:
        record = json.load(f)
    record['inputs']['image'] = {'format': 'rgb8', 'scale': 1 / 255}
    record['outputs']['logits']['names'] = NAMES
    with open('small.json', 'w', encoding='utf-8') as f:
        json.dump(record, f)
    colours = numpy.array([[0, 0, 0], [.7, .4, .4], [.5, .2, .2], [.7, .7, .5], [.8, .6, .2],
                           [.85, .6, .55], [.6, .2, .15], [.3, .3, .3], [.55, .5, .5],
                           [.8, .75, .75]], numpy.float32)
    weights = (2 * colours).reshape(CLASSES, 3, 1, 1)  # -|x - c|^2 but for |x|^2
    graph = helper.make_graph(
        [helper.make_node('Conv', ['image', 'w', 'b'], ['logits'])], 'small',
        [helper.make_tensor_value_info('image', TensorProto.FLOAT, [1, 3, SIZE[1], SIZE[0]])],
        [helper.make_tensor_value_info('logits', TensorProto.FLOAT,
                                       [1, CLASSES, SIZE[1], SIZE[0]])],
        [numpy_helper.from_array(weights, 'w'),
         numpy_helper.from_array(-(colours ** 2).sum(1), 'b')])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('small.onnx', 'wb') as f:
        f.write(model.SerializeToString())


SMALL = ('set', 'small.onnx', '--record', 'small.json')


def evaluate(*options, code=0, says=()):
    holds(trocar('eval', *SMALL, '--json', 'eval.json', *options, code=code).out, *says)
    with open('eval.json', encoding='utf-8') as f:
        return json.load(f)


def group(result, kind, name=''):
    return next(g for g in result['groups'] if (g['kind'], g['group']) == (kind, name))


def metric(found, name, of=''):
    return next(m for m in found['metrics'] if (m['metric'], m['of']) == (name, of))


def near(found, want, what, tolerance=1e-9):
    if not abs(found - want) <= tolerance:
        raise Mismatch(f'{what}: expected {want}, found {found}')


def pixels(path):
    with Image.open(path) as picture:
        return numpy.array(picture)


def lines():
    with open('set/frames.jsonl', encoding='utf-8') as f:
        return [json.loads(line) for line in f]


# ---- networks that do not look --------------------------------------------------------------


def write_model(name, outputs, height=8, width=10):
    """A model that gives the same outputs whatever it sees; 0 * the picture keeps it an input."""
    nodes = [helper.make_node('ReduceSum', ['x'], ['s'], keepdims=0),
             helper.make_node('Mul', ['s', 'zero'], ['z'])]
    constants = [numpy_helper.from_array(numpy.float32(0), 'zero')]
    for key, value in outputs.items():
        constants.append(numpy_helper.from_array(value.astype(numpy.float32), f'{key}_c'))
        nodes.append(helper.make_node('Add', [f'{key}_c', 'z'], [key]))
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in outputs.items()],
        constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open(f'{name}.onnx', 'wb') as f:
        f.write(model.SerializeToString())


def write_record(name, outputs):
    with open(f'{name}.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'outputs': outputs}, f)


def run(data, name):
    trocar('eval', data, f'{name}.onnx', '--record', f'{name}.json', '--json', 'eval.json')
    with open('eval.json', encoding='utf-8') as f:
        return json.load(f)


# ---- takes ---------------------------------------------------------------------------------


TAKES = {('a', 'p'): [10, 60, 200], ('a', 'q'): [90], ('b', 'p'): [30, 30, 0, 250]}
DEPTH = 50


def write_takes():
    """Grey frames of two slices, out of order, all with the same depth."""
    os.makedirs('takes')
    Image.fromarray(numpy.full((8, 10), DEPTH * 100, numpy.uint16)).save('takes/d.png')
    texts = []
    for (slice_, procedure), greys in TAKES.items():
        for i, grey in enumerate(greys):
            name = f'{slice_}{procedure}{i}.png'
            Image.fromarray(numpy.full((8, 10, 3), grey, numpy.uint8)).save('takes/' + name)
            texts.append(json.dumps({'picture': name, 'depth': 'd.png', 'procedure': procedure,
                                     'slice': slice_, 'frame': 10 * i, 'truth': {
                                         'out_of_body': False, 'landmarks': {}}}))
    with open('takes/frames.jsonl', 'w', encoding='utf-8') as f:
        f.write('\n'.join(texts[1::2] + texts[::2]))


def write_recurrent(**record):
    """h' = h / 2 + the mean of the picture, and each depth is h'; h'' counts frames beside it."""
    values = {'half': numpy.float32(0.5), 'one': numpy.float32(1),
              'zeros': numpy.zeros((1, 1, 8, 10), numpy.float32)}
    nodes = [helper.make_node('ReduceMean', ['x'], ['m'], axes=[1, 2, 3], keepdims=1),
             helper.make_node('Mul', ['h', 'half'], ['r']),
             helper.make_node('Add', ['r', 'm'], ['h2']),
             helper.make_node('Add', ['zeros', 'h2'], ['d']),
             helper.make_node('Add', ['n', 'one'], ['n2'])]
    info = helper.make_tensor_value_info
    state, count = [1, 1, 1, 1], [1, 3]
    graph = helper.make_graph(
        nodes, 'net', [info('h', TensorProto.FLOAT, state),
                       info('x', TensorProto.FLOAT, [1, 3, 8, 10]),
                       info('n', TensorProto.FLOAT, count)],
        [info('n2', TensorProto.FLOAT, count), info('d', TensorProto.FLOAT, [1, 1, 8, 10]),
         info('h2', TensorProto.FLOAT, state)],
        [numpy_helper.from_array(v, k) for k, v in values.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    with open('net.onnx', 'wb') as f:
        f.write(model.SerializeToString())
    with open('net.json', 'w', encoding='utf-8') as f:
        json.dump({'inputs': {'x': {'format': 'rgb8'}}, 'outputs': {'d': {'decode': 'linear'}},
                   'states': {'h': 'h2', 'n': 'n2'}, **record}, f)


def depths_of_takes():
    found = {}
    for (slice_, procedure), greys in TAKES.items():
        h = 0
        for i, grey in enumerate(greys):
            h = h / 2 + grey
            found[slice_, procedure, i] = abs(h - DEPTH) / DEPTH
    return found


def judge_takes(result, engine):
    want = depths_of_takes()
    everything = group(result, 'all')
    near(metric(everything, 'abs-rel', 'd')['mean'], numpy.mean(list(want.values())), engine, 1e-6)
    for slice_ in 'ab':
        of_slice = [v for k, v in want.items() if k[0] == slice_]
        found = metric(group(result, 'slice', slice_), 'abs-rel', 'd')
        near(found['mean'], numpy.mean(of_slice), f'{engine}, slice {slice_}', 1e-6)
        near(found['worst'], max(of_slice), f'{engine}, worst of slice {slice_}', 1e-6)
